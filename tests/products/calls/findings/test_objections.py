"""Objections over HTTP: found by the analysis, listed, counted, looked for again."""

from typing import Any

import pytest
from sqlalchemy import func, select

from locutory.capabilities.analysis.api import OBJECTION_TYPES
from locutory.products.calls.findings.models import CallObjection, CallTopic

pytestmark = pytest.mark.both_databases

PRICEY = (
    "A: Good morning, thank you for calling Green Homes.",
    "C: I looked at your offer and honestly it is too expensive.",
    "A: I understand. We can offer a discount of ten percent and a monthly plan.",
    "C: Okay, that sounds better. Please send me the price list.",
)
BUSY = (
    "A: Hello, is this a good moment?",
    "C: Not really, I am driving right now, call me later.",
    "A: Okay bye.",
)
PARKING = (
    "A: How was your visit?",
    "C: The flat is lovely but there was nowhere to park.",
    "A: I see.",
)
OWN = {
    "key": "parking",
    "label": "Parking",
    "synonyms": {"en": ["nowhere to park"]},
    "playbook": "Tell of the garage.",
}


async def test_objections_are_listed_with_their_words_and_place(desk: Any) -> None:
    await desk.analysed("c1", *PRICEY, agent="a7")

    page = await desk.told("GET", "/objections/BID")

    (row,) = page["items"]
    assert row == {
        "callid": "c1",
        "type": "price",
        "quote": "I looked at your offer and honestly it is too expensive.",
        "segment": 1,
        "start_ms": 5000,
        "handled": "yes",
        "response_segment": 2,
        "source": "rules",
        "evidence_ok": True,
        "started_at": "2026-03-02T09:00:00.000Z",
        "agent": "a7",
        "agent_id": "a7",
    }
    assert page["next_cursor"] is None
    call = await desk.told("GET", "/call-records/BID/c1")
    (shown,) = call["analysis"]["objections"]
    assert (shown["type"], shown["segment"], shown["handled"]) == ("price", 1, "yes")
    assert [topic["key"] for topic in call["analysis"]["topics"]] == ["pricing"]


async def test_filters_narrow_the_list(desk: Any) -> None:
    await desk.call("c1", *PRICEY, agent="a1")
    await desk.call("c2", *BUSY, agent="a2", days=1)
    await desk.work()

    async def found(**params: Any) -> list[tuple[str, str]]:
        page = await desk.told("GET", "/objections/BID", params=params)
        return [(row["callid"], row["type"]) for row in page["items"]]

    assert await found() == [("c2", "timing"), ("c1", "price")]
    assert await found(type="timing") == [("c2", "timing")]
    assert await found(handled="no") == [("c2", "timing")]
    assert await found(agent="a1") == [("c1", "price")]
    assert await found(to="2026-03-03T00:00:00Z") == [("c1", "price")]
    assert await found(**{"from": "2026-03-03T00:00:00Z"}) == [("c2", "timing")]
    assert await found(type="trust") == []


async def test_pages_hold_every_objection_once(desk: Any) -> None:
    for n in range(5):
        await desk.call(f"c{n}", *PRICEY, days=n % 2)
    await desk.work()
    seen, cursor = [], None
    while True:
        params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = await desk.told("GET", "/objections/BID", params=params)
        seen += [row["callid"] for row in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert len(seen) == 5
    assert set(seen) == {f"c{n}" for n in range(5)}
    assert {*seen[:2]} == {"c1", "c3"}


async def test_unknown_parameters_are_refused(desk: Any) -> None:
    for path in ("/objections/BID", "/objections/BID/summary", "/objections/BID/types"):
        reply = await desk.ask("GET", path, params={"colour": "red"})

        assert reply.status_code == 422


async def test_the_summary_counts_calls_with_text(desk: Any) -> None:
    await desk.call("c1", *PRICEY)
    await desk.call("c2", *PRICEY, days=1)
    await desk.call("c3", *BUSY)
    await desk.call("c4", "A: ", "C: ")
    await desk.work()

    told = await desk.told("GET", "/objections/BID/summary")

    assert told["calls_with_text"] == 3
    price, timing = told["items"]
    assert (price["type"], price["label"], price["calls"], price["occurrences"]) == (
        *("price", "Price"),
        2,
        2,
    )
    assert price["share"] == pytest.approx(2 / 3)
    assert price["per_100_calls"] == pytest.approx(200 / 3)
    assert price["handled"] == {"yes": 2, "partial": 0, "no": 0, "unknown": 0}
    assert (price["handled_rate"], timing["handled_rate"]) == (1, 0)
    assert [one["callid"] for one in price["examples"]] == ["c2", "c1"]
    narrowed = await desk.told(
        "GET", "/objections/BID/summary", params={"from": "2026-03-03T00:00:00Z"}
    )
    assert narrowed["calls_with_text"] == 1
    assert [(row["type"], row["share"]) for row in narrowed["items"]] == [("price", 1)]


async def test_the_next_analysis_replaces_what_was_found(desk: Any) -> None:
    await desk.analysed("c1", *PRICEY)
    await desk.analysed("c2", *PRICEY)

    await desk.told("POST", "/objections/BID/reclassify", 202, json={})
    await desk.work()

    async with desk.db.read() as session:
        assert await session.scalar(select(func.count()).select_from(CallObjection)) == 2
        assert await session.scalar(select(func.count()).select_from(CallTopic)) == 2


async def test_the_built_in_types_are_there_from_the_start(desk: Any) -> None:
    page = await desk.told("GET", "/objections/BID/types")

    assert [row["key"] for row in page["items"]] == sorted(one.key for one in OBJECTION_TYPES)
    assert all(row["built_in"] and row["enabled"] for row in page["items"])
    assert all(row["version"] == 0 and row["playbook"] for row in page["items"])


async def test_types_come_in_pages(desk: Any) -> None:
    first = await desk.told("GET", "/objections/BID/types", params={"limit": 7})
    params = {"limit": 7, "cursor": first["next_cursor"]}
    second = await desk.told("GET", "/objections/BID/types", params=params)

    assert (len(first["items"]), len(second["items"]), second["next_cursor"]) == (7, 3, None)


async def test_a_type_of_ones_own_is_found_in_later_calls_and_by_a_run_in_earlier_ones(
    desk: Any,
) -> None:
    await desk.analysed("early", *PARKING)
    made = await desk.told("POST", "/objections/BID/types", 201, json=OWN)
    await desk.analysed("late", *PARKING, days=1)
    before = await desk.told("GET", "/objections/BID", params={"type": "parking"})

    run = await desk.told("POST", "/objections/BID/reclassify", 202, json={})
    await desk.work()

    assert (made["built_in"], made["version"]) == (False, 1)
    assert [row["callid"] for row in before["items"]] == ["late"]
    after = await desk.told("GET", "/objections/BID", params={"type": "parking"})
    assert [row["callid"] for row in after["items"]] == ["late", "early"]
    done = await desk.told("GET", f"/objections/BID/reclassify/{run['id']}")
    assert (run["state"], run["total"], run["done"]) == ("running", 2, 0)
    assert (done["state"], done["total"], done["done"], done["changed"]) == ("done", 2, 2, 1)
    call = await desk.told("GET", "/call-records/BID/early")
    assert [row["type"] for row in call["analysis"]["objections"]] == ["parking"]
    assert call["analysis"]["summary"] is not None


async def test_one_run_goes_at_a_time(desk: Any) -> None:
    first = await desk.told("POST", "/objections/BID/reclassify", 202, json={})

    refused = await desk.told("POST", "/objections/BID/reclassify", 409, json={})

    assert (refused["error_code"], refused["run_id"]) == (
        "RECLASSIFICATION_RUNNING",
        first["id"],
    )
    await desk.work()
    await desk.told("POST", "/objections/BID/reclassify", 202, json={})


async def test_a_run_over_many_calls_reaches_all_of_them(desk: Any) -> None:
    for n in range(30):
        await desk.call(f"c{n:02}", *PARKING)
    await desk.work()
    await desk.told("POST", "/objections/BID/types", 201, json=OWN)

    run = await desk.told("POST", "/objections/BID/reclassify", 202, json={})
    await desk.work()

    done = await desk.told("GET", f"/objections/BID/reclassify/{run['id']}")
    assert (done["state"], done["done"], done["changed"]) == ("done", 30, 30)


async def test_a_run_keeps_to_its_limits(desk: Any) -> None:
    await desk.call("before", *PARKING)
    await desk.call("inside", *PARKING, days=1)
    await desk.work()
    await desk.told("POST", "/objections/BID/types", 201, json=OWN)

    ask = {"from": "2026-03-03T00:00:00Z", "to": "2026-03-04T00:00:00Z"}
    run = await desk.told("POST", "/objections/BID/reclassify", 202, json=ask)
    await desk.work()

    found = await desk.told("GET", "/objections/BID", params={"type": "parking"})
    assert (run["total"], [row["callid"] for row in found["items"]]) == (1, ["inside"])


async def test_a_built_in_type_can_be_switched_off_and_given_back(desk: Any) -> None:
    off = await desk.told("PATCH", "/objections/BID/types/price", json={"enabled": False})
    await desk.analysed("c1", *PRICEY)
    without = await desk.told("GET", "/objections/BID")

    await desk.told("DELETE", "/objections/BID/types/price", 204)
    await desk.analysed("c2", *PRICEY)

    assert (off["enabled"], off["label"], off["version"]) == (False, "Price", 1)
    assert without["items"] == []
    found = await desk.told("GET", "/objections/BID")
    assert [(row["callid"], row["type"]) for row in found["items"]] == [("c2", "price")]


async def test_more_words_for_a_built_in_type_are_found(desk: Any) -> None:
    words = {"synonyms": {"en": ["pays an arm and a leg"]}}
    await desk.told("PATCH", "/objections/BID/types/price", json=words)

    await desk.analysed("c1", "C: He never pays an arm and a leg.", "C: One pays an arm and a leg.")

    found = await desk.told("GET", "/objections/BID")
    assert [row["quote"] for row in found["items"]] == ["One pays an arm and a leg."]


async def test_who_changes_an_old_form_is_told(desk: Any) -> None:
    await desk.told("POST", "/objections/BID/types", 201, json=OWN)
    path = "/objections/BID/types/parking"
    first = await desk.ask("PATCH", path, json={"label": "Cars"}, headers={"If-Match": '"1"'})

    late = await desk.ask("PATCH", path, json={"label": "Bikes"}, headers={"If-Match": '"1"'})
    gone = await desk.ask("DELETE", path, headers={"If-Match": '"1"'})

    assert (first.status_code, first.headers["etag"]) == (200, '"2"')
    assert (late.status_code, late.json()["error_code"]) == (412, "PRECONDITION_FAILED")
    assert gone.status_code == 412
    assert (await desk.ask("DELETE", path, headers={"If-Match": '"2"'})).status_code == 204


@pytest.mark.parametrize("key", ["parking", "price"])
async def test_a_key_is_taken_once(desk: Any, key: str) -> None:
    await desk.told("POST", "/objections/BID/types", 201, json=OWN)

    refused = await desk.told("POST", "/objections/BID/types", 409, json={**OWN, "key": key})

    assert refused["error_code"] == "OBJECTION_TYPE_TAKEN"


async def test_a_missing_type_is_not_found(desk: Any) -> None:
    await desk.told("PATCH", "/objections/BID/types/none", 404, json={"label": "x"})
    await desk.told("DELETE", "/objections/BID/types/none", 404)


async def test_changes_of_types_are_audited(desk: Any) -> None:
    await desk.told("POST", "/objections/BID/types", 201, json=OWN)
    await desk.told("PATCH", "/objections/BID/types/parking", json={"label": "Cars"})
    await desk.told("DELETE", "/objections/BID/types/parking", 204)

    assert await desk.deeds("objection_type:parking") == [
        "objection_type.create",
        "objection_type.update",
        "objection_type.delete",
    ]
