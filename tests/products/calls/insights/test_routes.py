"""Search and chat over HTTP, on both databases."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import update

from locutory.kernel.db import Session
from locutory.products.calls.records.models import CallRecord

pytestmark = pytest.mark.both_databases

VILLA = ("Good morning.", "The villa costs forty five lakh.", "The garden is too small.")


async def test_a_hit_opens_the_turn_that_fits(archive: Any, ana: Any) -> None:
    await archive.call("6004", "c1", *VILLA, agent_id="a7")

    found = await ana.told("/rag/6004/search", {"query": "small garden"})

    (hit,) = found["hits"]
    assert (hit["bid"], hit["callid"], hit["segment_idx"], hit["start_ms"]) == (
        "6004",
        "c1",
        2,
        10_000,
    )
    assert "garden" in hit["text"]
    assert hit["meta"] == {"agent_id": "a7", "score": None, "kind": "turns"}
    assert found["took_ms"] >= 0


async def test_an_answer_cites_the_second_where_it_was_said(archive: Any, ana: Any) -> None:
    await archive.call("6004", "c1", *VILLA)

    answer = await ana.told("/rag/6004/chat", {"message": "What does the villa cost?"})

    assert answer["answered"]
    assert (answer["intent"], answer["engine"], answer["degraded"]) == (
        "lookup",
        "extractive",
        False,
    )
    assert answer["answer"] == f"{VILLA[1]} [1]"
    assert answer["citations"] == [
        {
            "n": 1,
            "bid": "6004",
            "callid": "c1",
            "segment_idx": 1,
            "start_ms": 5_000,
            "quote": VILLA[1],
        }
    ]


async def test_what_nobody_said_is_not_answered(archive: Any, ana: Any) -> None:
    await archive.call("6004", "c1", *VILLA)

    answer = await ana.told("/rag/6004/chat", {"message": "Who ordered the helicopter?"})

    assert not answer["answered"]
    assert answer["citations"] == []


async def test_another_business_is_neither_found_nor_cited_nor_counted(
    archive: Any, ana: Any
) -> None:
    await archive.call("7417", "theirs", *VILLA)
    await archive.call("6004", "mine", "The tractor is red.")

    found = await ana.told("/rag/6004/search", {"query": "villa garden"})
    answer = await ana.told("/rag/6004/chat", {"message": "What does the villa cost?"})
    counted = await ana.told("/rag/6004/chat", {"message": "How many calls mention villa?"})

    assert [hit["callid"] for hit in found["hits"]] in ([], ["mine"])
    assert not answer["answered"]
    assert counted["answer"] == '0 calls contain "villa".'


@pytest.mark.parametrize("path", ["/rag/7417/search", "/rag/7417/chat", "/rag/none/search"])
async def test_a_foreign_business_is_as_absent_as_a_missing_one(ana: Any, path: str) -> None:
    reply = await ana.post(path, {"query": "villa", "message": "villa"})

    assert reply.status_code in (404, 422)
    reply = await ana.post(path, {"query": "x"} if path.endswith("search") else {"message": "x"})
    assert (reply.status_code, reply.json()["error_code"]) == (404, "BID_NOT_FOUND")


async def test_businesses_are_asked_together_only_by_who_may_read_each(
    archive: Any, ana: Any
) -> None:
    await archive.call("6004", "c1", *VILLA)
    await archive.call("7417", "c2", "The villa costs sixty lakh.")
    both = await archive.person("bo", "analyst", "6004", "7417")
    bids = ["6004", "7417", "6004"]

    found = await both.told("/rag/search", {"query": "villa costs", "bids": bids})
    answer = await both.told("/rag/chat", {"message": "What does the villa cost?", "bids": bids})
    counted = await both.told("/rag/chat", {"message": "How many calls are there?", "bids": bids})
    refused = await ana.post("/rag/search", {"query": "villa", "bids": bids})
    refused_chat = await ana.post("/rag/chat", {"message": "villa", "bids": bids})

    assert {(hit["bid"], hit["callid"]) for hit in found["hits"]} == {
        ("6004", "c1"),
        ("7417", "c2"),
    }
    assert {(c["bid"], c["callid"]) for c in answer["citations"]} == {
        ("6004", "c1"),
        ("7417", "c2"),
    }
    assert counted["answer"] == "6004: 1 call.\n7417: 1 call."
    assert (refused.status_code, refused_chat.status_code) == (404, 404)


async def test_a_floor_agent_does_not_search_everybodys_calls(archive: Any) -> None:
    await archive.call("6004", "c1", *VILLA)
    floor = await archive.person("flo", "floor_agent", "6004")

    reply = await floor.post("/rag/6004/search", {"query": "villa"})
    across = await floor.post("/rag/search", {"query": "villa", "bids": ["6004"]})
    state = await floor.ask("GET", "/rag/6004/status")

    assert (reply.json()["hits"], across.json()["hits"]) == ([], [])
    assert state.status_code == 403


KEPT_BY: tuple[dict[str, Any], ...] = (
    {"agent": "a2"},
    {"min_score": 50},
    {"min_score": 80, "max_score": 80},
    {"from": "2026-03-05T00:00:00Z"},
    {"from": "2026-03-05T09:00:00Z", "to": "2026-03-05T09:00:01Z"},
    {"direction": "outbound"},
    {"sentiment": "positive"},
    {"topic": "booking"},
    {"tag": "hot lead"},
    {"language": "hi"},
    {"tag": "vip", "topic": "pricing", "callids": ["c1", "c2"]},
)


async def test_filters_narrow_search_answers_and_counts(archive: Any, ana: Any) -> None:
    earlier, later = datetime(2026, 3, 4, 9, tzinfo=UTC), datetime(2026, 3, 5, 9, tzinfo=UTC)
    await archive.call(
        *("6004", "c1", *VILLA),
        at=earlier,
        agent_id="a1",
        overall_score=40.0,
        sentiment_score=-0.5,
        direction="inbound",
        language="en-IN",
        topics=["refund"],
        tags=["cold"],
    )
    await archive.call(
        *("6004", "c2", *VILLA),
        at=later,
        agent_id="a2",
        overall_score=80.0,
        sentiment_score=0.5,
        direction="outbound",
        language="hi-IN",
        topics=["pricing", "booking"],
        tags=["Hot lead", "vip"],
    )
    await archive.call("6004", "c3", *VILLA, at=earlier)
    for filters in (*KEPT_BY, {"callids": ["c2"]}):
        body = {"filters": filters}

        found = await ana.told("/rag/6004/search", {"query": "villa", **body})
        counted = await ana.told(
            "/rag/6004/chat", {"message": "How many calls mention villa?", **body}
        )
        total = await ana.told("/rag/6004/chat", {"message": "How many calls are there?", **body})

        assert [hit["callid"] for hit in found["hits"]] == ["c2"]
        assert counted["answer"] == '1 call contains "villa".'
        assert total["answer"] == "1 call."


async def test_counts_are_those_of_the_rows(archive: Any, ana: Any) -> None:
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    monday = today - timedelta(days=today.weekday())
    last_week, before = monday - timedelta(days=3), monday - timedelta(days=8)
    priya = {"agent_id": "a1", "agent_name": "Priya"}
    for n in range(12):
        await archive.call("6004", f"w{n}", "The price is high.", at=last_week, **priya)
    await archive.call("6004", "w12", "Prices are fine.", at=last_week, overall_score=70.0)
    await archive.call("6004", "old", "The price is low.", at=before, overall_score=61.0)
    await archive.call("6004", "bad", at=today, status="failed", agent_id="a2")

    async def told(message: str) -> str:
        reply = await ana.told("/rag/6004/chat", {"message": message})
        assert (reply["intent"], reply["engine"], reply["answered"]) == ("aggregate", "sql", True)
        return str(reply["answer"])

    week = f"last week ({(monday - timedelta(days=7)).date()} to {(monday - timedelta(1)).date()})"
    assert await told("How many calls mention price last week?") == (
        f'12 calls contain "price", {week}.'
    )
    assert await told("What share of calls mention price last week?") == (
        f'92.3 %: 12 calls contain "price", of 13, {week}.'
    )
    assert await told("How many calls failed?") == "1 failed call."
    assert await told("What percentage of calls failed?") == ("6.7 %: 1 failed call, of 15.")
    assert await told("Number of calls by status") == ("Calls by status: done 14, failed 1.")
    assert await told("What is the average score?") == (
        "The average score is 65.5 of 100, over 2 calls."
    )
    assert await told("Which agent has the most calls?") == "Priya has the most calls: 12."
    assert await told("Total calls today") == f"1 call, today ({today.date()})."


async def test_a_count_that_is_not_known_is_not_guessed(archive: Any, ana: Any) -> None:
    await archive.call("6004", "c1", *VILLA)

    answer = await ana.told("/rag/6004/chat", {"message": "How many angry customers called?"})

    assert (answer["answered"], answer["intent"], answer["engine"]) == (False, "aggregate", "none")


async def test_a_chat_goes_on_and_is_nobody_elses(archive: Any, ana: Any) -> None:
    await archive.call("6004", "c1", *VILLA)
    first = await ana.told("/rag/6004/chat", {"message": "How many calls mention villa?"})
    session = {"session_id": first["session_id"]}

    second = await ana.told("/rag/6004/chat", {"message": "and last month?", **session})
    bo = await archive.person("bo", "analyst", "6004", "7417")
    theirs = await bo.post("/rag/6004/chat", {"message": "and today?", **session})
    elsewhere = await bo.post("/rag/7417/chat", {"message": "and today?", **session})
    missing = await ana.post("/rag/6004/chat", {"message": "hi", "session_id": str(uuid4())})

    assert second["session_id"] == first["session_id"]
    assert second["answer"].startswith('0 calls contain "villa", last month')
    for refused in (theirs, elsewhere, missing):
        assert refused.status_code == 404
        assert refused.json()["error_code"] == "CHAT_SESSION_NOT_FOUND"


async def test_a_filter_asks_what_is_known_of_a_call_now(archive: Any, ana: Any) -> None:
    await archive.call("6004", "c1", *VILLA)
    body = {"query": "villa", "filters": {"tag": "vip"}}
    assert (await ana.told("/rag/6004/search", body))["hits"] == []

    async def mark(tx: Session) -> None:
        await tx.execute(update(CallRecord).values(tags=["vip"]))

    await archive.db("6004").write(mark)

    assert len((await ana.told("/rag/6004/search", body))["hits"]) == 1


async def test_a_filter_of_one_business_says_nothing_of_anothers_calls(archive: Any) -> None:
    await archive.call("6004", "c1", *VILLA, tags=["vip"])
    await archive.call("7417", "c1", *VILLA)
    both = await archive.person("bo", "analyst", "6004", "7417")
    body = {"query": "villa", "bids": ["6004", "7417"], "filters": {"tag": "vip"}}

    found = await both.told("/rag/search", body)

    assert [(hit["bid"], hit["callid"]) for hit in found["hits"]] == [("6004", "c1")]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"query": ""},
        {"query": "x", "limit": 0},
        {"query": "x", "filters": {"status": "done"}},
        {"query": "x", "filters": {"from": "2026-03-04T10:00:00"}},
        {"query": "x", "filters": {"sentiment": "furious"}},
        {"query": "x", "filters": {"language": "%"}},
    ],
)
async def test_a_search_that_does_not_fit_is_refused(ana: Any, body: dict[str, Any]) -> None:
    assert (await ana.post("/rag/6004/search", body)).status_code == 422
