"""Lists of calls: every filter, every sort, pages, and counts by value."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.products.calls.records.conftest import START

from locutory.products.calls.records import filters

if TYPE_CHECKING:
    from tests.products.calls.records.conftest import House

pytestmark = pytest.mark.both_databases

NARROWED = {
    "status=failed": ["d"],
    "stage=transcribe": ["d"],
    "direction=inbound": ["c", "a"],
    "agent=a-1": ["c", "a"],
    "phone=4321": ["b"],
    "phone=%2B919876504321": ["b"],
    "phone=9198+7650+4321": ["b"],
    "min_score=70": ["a"],
    "max_score=40": ["b"],
    "min_score=30&max_score=40": ["b"],
    "sentiment=positive": ["a"],
    "sentiment=negative": ["b"],
    "sentiment=neutral": ["c"],
    "topic=pricing": ["b", "a"],
    "topic=pricing&topic=refund": ["b"],
    "objection=price": ["b"],
    "moment=promise": ["a"],
    "tag=vip": ["c", "a"],
    "tag=vip&direction=inbound&agent=a-1": ["c", "a"],
    "tag=vip&status=failed": [],
    "degraded=true": ["c"],
    "degraded=false": ["d", "b", "a"],
    "low_asr=true": ["b"],
    "low_asr=false": ["d", "c", "a"],
    "has_text=true": ["b", "a"],
    "has_text=false": ["d", "c"],
    "has_text=false&degraded=true": ["c"],
    "q=river+view": ["a"],
    "q=%22river+view%22": ["a"],
    "q=%22view+river%22": [],
    "q=balcony": ["b", "a"],
    "q=balcony&min_score=70": ["a"],
    "q=%E2%80%94": [],
    "from=2026-03-02T10:00:00Z&to=2026-03-02T12:00:00Z": ["c", "b"],
}


async def four_calls(house: "House") -> None:
    await house.keep(
        "a",
        hour=0,
        direction="inbound",
        agent_id="a-1",
        agent_name="Asha",
        overall_score=90.0,
        sentiment_score=0.6,
        audio_ms=60_000,
        topics=["pricing"],
        moments=["promise"],
        tags=["vip"],
        has_words=True,
        asr_quality=0.9,
        said=["the flat has a river view", "and a balcony"],
    )
    await house.keep(
        "b",
        hour=1,
        direction="outbound",
        agent_id="a-2",
        phone="+919876504321",
        overall_score=35.0,
        sentiment_score=-0.5,
        audio_ms=120_000,
        topics=["refund", "pricing"],
        objections=["price"],
        has_words=True,
        asr_quality=0.3,
        said=["no balcony, no river", "I want the money back"],
    )
    await house.keep(
        "c",
        hour=2,
        direction="inbound",
        agent_id="a-1",
        agent_name="Asha",
        overall_score=60.0,
        sentiment_score=0.2,
        tags=["vip", "audit"],
        degraded=True,
    )
    await house.keep("d", hour=3, status="failed", stage="transcribe", direction="unknown")


@pytest.fixture(params=[filters.FEW, 0], ids=["sorted", "walked"])
def bound(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Both ways to a page: few calls that are sorted, and the walk through the sort's index."""
    monkeypatch.setattr(filters, "FEW", request.param)
    return int(request.param)


async def test_every_filter_leaves_its_calls(house: "House", bound: int) -> None:
    await four_calls(house)

    found = {query: await house.ids(query) for query in NARROWED}

    assert found == NARROWED


async def test_every_filter_meets_every_sort(house: "House", bound: int) -> None:
    await four_calls(house)
    orders = {
        "started_at": ["a", "b", "c", "d"],
        "score": ["d", "b", "c", "a"],
        "duration": ["c", "d", "a", "b"],
        "sentiment": ["d", "b", "c", "a"],
    }
    for sort, order in orders.items():
        whole = await house.ids(f"sort={sort}&order=asc")
        assert whole == order
        for query, wanted in NARROWED.items():
            found = await house.ids(f"{query}&sort={sort}&order=asc")
            assert found == [c for c in whole if c in wanted], (query, sort)


async def test_pages_go_on_where_they_ended(house: "House", bound: int) -> None:
    for n in range(7):
        await house.keep(f"n{n}", hour=n // 2, overall_score=float(n % 3), tags=["all"])
    for sort in ("started_at", "score"):
        for order in ("asc", "desc"):
            query = f"tag=all&sort={sort}&order={order}"
            whole = await house.ids(query)
            seen, cursor = [], ""
            for _ in range(4):
                page = await house.told("GET", f"?{query}&limit=2{cursor}")
                seen += [row["callid"] for row in page["items"]]
                cursor = f"&cursor={page['next_cursor']}"

            assert seen == whole
            assert len(set(seen)) == 7
            assert page["next_cursor"] is None


async def test_a_row_shows_topics_flags_and_tags(house: "House") -> None:
    await house.keep("a", topics=["refund", "pricing"], tags=["vip"], flags=["no_words"])

    row = (await house.told("GET", ""))["items"][0]

    assert row["topics"] == ["refund", "pricing"]
    assert row["tags"] == ["vip"]
    assert row["flags"] == ["no_words"]


async def test_facets_count_the_calls_of_the_filter(house: "House", bound: int) -> None:
    await four_calls(house)

    counted = await house.told("GET", "/facets")
    inbound = await house.told("GET", "/facets?direction=inbound")

    def of(answer: Any, name: str) -> dict[Any, int]:
        return {value["value"]: value["count"] for value in answer["facets"][name]}

    assert counted["counted"] == 4
    assert counted["counted_up_to"] is None
    assert of(counted, "status") == {"done": 3, "failed": 1}
    assert of(counted, "topic") == {"pricing": 2, "refund": 1}
    assert of(counted, "objection") == {"price": 1}
    assert of(counted, "moment") == {"promise": 1}
    assert of(counted, "tag") == {"vip": 2, "audit": 1}
    assert of(counted, "sentiment") == {"positive": 1, "negative": 1, "neutral": 1}
    assert of(counted, "has_text") == {True: 2, False: 2}
    assert inbound["counted"] == 2
    assert of(inbound, "topic") == {"pricing": 1}
    assert inbound["facets"]["agent"] == [{"value": "a-1", "label": "Asha", "count": 2}]


async def test_facets_of_very_many_calls_count_the_newest(
    house: "House", monkeypatch: pytest.MonkeyPatch
) -> None:
    await four_calls(house)
    monkeypatch.setattr("locutory.products.calls.records.facets.COUNTED", 2)
    monkeypatch.setattr(filters, "FEW", 0)

    counted = await house.told("GET", "/facets")

    assert counted["counted_up_to"] == 2
    assert {value["value"] for value in counted["facets"]["status"]} == {"failed", "done"}


async def test_words_are_searched_across_businesses(house: "House") -> None:
    await four_calls(house)

    reply = await house.resident.ask("GET", "/calls?q=river+view")

    assert [row["callid"] for row in reply.json()["items"]] == ["a"]


@pytest.mark.parametrize(
    "query",
    ["phone=12", "phone=anonymous", "sentiment=glad", "stage=nowhere", "q=", "colour=red"],
)
async def test_what_cannot_be_meant_is_refused(house: "House", query: str) -> None:
    for path in ("", "/facets"):
        reply = await house.ask("GET", f"{path}?{query}")

        assert reply.status_code == 422, reply.text


async def test_times_are_half_open(house: "House") -> None:
    await house.keep("first", hour=0)
    await house.keep("second", hour=1)
    second = (START + timedelta(hours=1)).isoformat().replace("+00:00", "Z")

    assert await house.ids(f"to={second}") == ["first"]
    assert await house.ids(f"from={second}") == ["second"]
