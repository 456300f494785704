"""Drafts are tried on real calls: what is shown, what is measured, and that nothing is stored."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from sqlalchemy import func, select

from locutory.engines.llm.base import LLMRequest
from locutory.kernel.db import Session
from locutory.kernel.errors import EngineUnavailable
from locutory.products.calls.agents.contract import HumanAnswers
from locutory.products.calls.records.models import CallAnalysis, CallRecord, CallStageRun, StaleCall

if TYPE_CHECKING:
    from tests.products.calls.agents.conftest import House

pytestmark = pytest.mark.both_databases

DRAFT = "What was promised, exactly?"


def draft_of(house: "House") -> dict[str, Any]:
    return {"prompt_user": house.promise["prompt_user"].replace("What was promised?", DRAFT)}


def promised(date: str | None, score: float, *quotes: str) -> str:
    evidence = [{"segments": [2], "quote": quote} for quote in quotes]
    return json.dumps({"date": date, "score": score, "evidence": evidence})


async def stored(house: "House") -> dict[str, Any]:
    """All that is kept of calls, in numbers and whole."""
    found: dict[str, Any] = {}
    async with house.server.storage.database(await house.tenant()).read() as session:
        for table in (CallAnalysis, CallStageRun, StaleCall):
            found[table.__tablename__] = await session.scalar(
                select(func.count()).select_from(table)
            )
        rows = await session.execute(
            select(*(c for c in CallRecord.__table__.c if c.name != "tenant_id")).order_by(
                CallRecord.id
            ),
            execution_options={"fenced": True},
        )
        found["records"] = [tuple(row) for row in rows]
    return found


async def test_a_test_run_shows_everything_and_stores_nothing(house: "House") -> None:
    house.says = lambda request: (
        promised("Tuesday", 5, "there on Tuesday")
        if request.user.startswith("What was promised?")
        else promised("Wednesday", 7, "there on Wednesday")
        if request.user.startswith(DRAFT)
        else house.plain(request)
    )
    await house.publish()
    await house.hear("c-1")
    await house.told("PATCH", "/agents/6004/promise", json=draft_of(house))
    before = await stored(house)
    house.asked()

    run = await house.told("POST", "/agents/6004/promise/test-run", json={"callids": ["c-1"]})

    [item] = run["items"]
    assert (run["state"], run["version"], run["published_version"]) == ("done", 2, 1)
    assert house.asked() == 1  # the published answer is known
    assert item["prompt"]["user"].startswith(DRAFT)
    assert "[#2 00:06 AGENT] It will be there on Tuesday." in item["prompt"]["user"]
    assert json.loads(item["raw"][0])["date"] == "Wednesday"
    assert item["parsed"]["evidence"][0]["verified"] is False
    assert (item["evidence_ok"], item["unsupported"]) == (False, ["evidence[0]"])
    assert (item["source"], item["engine"]) == ("llm", "scripted/script")
    assert item["tokens_in"] > 0
    assert item["tokens_out"] > 0
    assert item["schema_errors"] == []
    assert item["published"]["date"] == "Tuesday"
    assert item["differences"] == [
        {"path": "date", "published": "Tuesday", "tried": "Wednesday"},
        {"path": "score", "published": 5, "tried": 7},
    ]
    assert await stored(house) == before


async def test_what_does_not_fit_the_schema_is_shown_with_its_repair(house: "House") -> None:
    answers = iter(['{"date": 5}', "I think it went well."])
    await house.hear("c-1")
    house.says = lambda _: next(answers)
    ask = {"agent": house.promise, "callids": ["c-1"]}

    run = await house.told("POST", "/agents/6004/test-run", json=ask)

    [item] = run["items"]
    assert item["raw"] == ['{"date": 5}', "I think it went well."]
    assert (item["parsed"], item["error"]) == (None, "INVALID_OUTPUT")
    assert any("not JSON" in fault for fault in item["schema_errors"])
    assert await house.refused("GET", "/agents/6004/promise") == (404, "AGENT_NOT_FOUND")


async def test_a_failing_model_is_an_answer_to_a_test_run(house: "House") -> None:
    await house.hear("c-1")
    house.says = lambda _: EngineUnavailable("down", engine="scripted")
    ask = {"agent": house.promise, "callids": ["c-1"]}

    run = await house.told("POST", "/agents/6004/test-run", json=ask)

    assert run["items"][0]["error"] == "ENGINE_UNAVAILABLE"
    assert run["items"][0]["prompt"]["user"].startswith("What was promised?")


async def test_without_a_model_a_test_run_still_shows_the_prompt(house: "House") -> None:
    house.without_model()
    await house.hear("c-1")

    run = await house.told("POST", "/agents/6004/summary/test-run", json={"callids": ["c-1"]})

    [item] = run["items"]
    assert (item["source"], item["engine"]) == ("rules", "locutory-rules/1")
    assert "My parcel has not arrived." in item["prompt"]["user"]
    assert item["differences"] == []


async def test_an_agent_that_could_not_be_saved_is_not_tried(house: "House") -> None:
    await house.hear("c-1")
    agent = {**house.promise, "prompt_user": "{{ secrets }}"}

    reply = await house.ask(
        "POST", "/agents/6004/test-run", json={"agent": agent, "callids": ["c-1"]}
    )

    assert (reply.status_code, reply.json()["error_code"]) == (422, "AGENT_INVALID")


async def test_unknown_calls_are_refused(house: "House") -> None:
    await house.hear("c-1")
    ask = {"callids": ["c-1", "never-heard"]}

    assert await house.refused("POST", "/agents/6004/summary/test-run", json=ask) == (
        404,
        "CALL_NOT_FOUND",
    )


async def test_a_test_run_that_takes_long_goes_on_as_a_job(house: "House") -> None:
    await house.hear("c-1")
    released = asyncio.Event()

    async def slowly(request: LLMRequest) -> str:
        await released.wait()
        return house.plain(request)

    house.says = slowly
    ask = {"agent": house.promise, "callids": ["c-1"], "wait_s": 0.01}
    run = await house.told("POST", "/agents/6004/test-run", 202, json=ask)
    waiting = await house.told("GET", f"/agents/6004/test-runs/{run['id']}")
    released.set()
    await house.drain()

    ended = await house.told("GET", f"/agents/6004/test-runs/{run['id']}")
    assert (run["state"], waiting["state"], ended["state"]) == ("queued", "queued", "done")
    assert run["job_id"] is not None
    assert waiting["items"] == []
    assert ended["items"][0]["parsed"]["date"] is None


class Reviews:
    """What people said of calls."""

    def __init__(self, answers: dict[UUID, dict[str, Any]]) -> None:
        self._answers = answers

    async def of(
        self, session: Session, agent_key: str, call_ids: Sequence[UUID]
    ) -> Mapping[UUID, Mapping[str, Any]]:
        return {i: self._answers[i] for i in call_ids if i in self._answers}


# by call: what is in force says, what the draft says, what people say (date, score)
TEN: list[tuple[tuple[str | None, float], tuple[str | None, float], dict[str, Any]]] = [
    (("Monday", 5), ("Monday", 5), {"date": "Monday"}),
    (("Monday", 5), ("Monday", 6), {"date": "Monday"}),
    (("Monday", 5), ("Tuesday", 7), {"date": "Tuesday"}),
    (("Monday", 5), ("Tuesday", 3), {"date": "Friday"}),
    ((None, 0), ("Friday", 4), {"date": "Friday", "score": 4}),
    ((None, 0), (None, 0), {}),
    ((None, 0), (None, 2.5), {}),
    (("Friday", 8), (None, 0), {}),
    (("Friday", 8), ("Friday", 8), {}),
    (("Friday", 8), ("Friday", 10), {}),
]


async def test_the_report_of_a_back_test_equals_a_hand_computation_on_ten_calls(
    house: "House",
) -> None:
    def says(request: LLMRequest) -> str:
        call = next((n for n in range(10) if f"Call number {n}." in request.user), 0)
        before, after, _ = TEN[call]
        if request.user.startswith("What was promised?"):
            return promised(*before, "there on Tuesday")
        if request.user.startswith(DRAFT):
            return promised(*after, "there on Tuesday" if call < 4 else "never said by anybody")
        return house.plain(request)

    house.says = says
    await house.publish()
    people = {}
    for n, (_, _, human) in enumerate(TEN):
        lines = (f"Call number {n}.", "Hello?", "It will be there on Tuesday.", "Bye.")
        call = await house.hear(f"c-{n}", *lines)
        people[UUID(call["id"])] = human
    house.server.services.add(HumanAnswers, Reviews(people))
    await house.told("PATCH", "/agents/6004/promise", json=draft_of(house))
    before = await stored(house)
    path = "/agents/6004/promise/backtest"
    started = await house.told("POST", path, 202, json={"calls": 50})
    house.asked()
    await house.drain()

    found = await house.told("GET", f"/agents/6004/backtests/{started['id']}")
    report = found["report"]
    assert (found["state"], found["version"], found["published_version"]) == ("done", 2, 1)
    assert (report["calls"], report["compared"], report["changed_calls"]) == (10, 10, 7)
    assert report["fields"] == [
        {"path": "score", "calls": 10, "changed": 7, "share": 0.7},
        {"path": "date", "calls": 10, "changed": 4, "share": 0.4},
    ]
    # shifts: 0, 1, 2, -2, 4, 0, 2.5, -8, 0, 2
    assert report["score"] == {
        "calls": 10,
        "mean_published": pytest.approx(4.4),
        "mean_draft": pytest.approx(4.55),
        "mean_shift": pytest.approx(0.15),
        "mean_absolute_shift": pytest.approx(2.15),
        "least_shift": -8,
        "most_shift": 4,
    }
    assert report["human"] == {
        "draft": {"answers": 6, "agree": 5, "share": pytest.approx(5 / 6)},
        "published": {"answers": 6, "agree": 2, "share": pytest.approx(2 / 6)},
    }
    assert report["evidence"]["published"] == {"checked": 10, "ok": 10, "share": 1.0}
    assert report["evidence"]["draft"] == {"checked": 10, "ok": 4, "share": 0.4}
    assert (report["cost"]["draft"]["asked"], report["cost"]["published"]["asked"]) == (10, 0)
    assert report["cost"]["draft"]["tokens_in"] > 0
    assert report["cost"]["draft"]["micros"] is None  # this model has no price
    assert report["unanswered"] == {"draft": {}, "published": {}}
    assert [i["callid"] for i in report["items"]] == [f"c-{n}" for n in range(10)]
    assert house.asked() == 10
    assert await stored(house) == before
    listed = (await house.told("GET", "/agents/6004/backtests?agent=promise"))["items"]
    assert [row["id"] for row in listed] == [started["id"]]
    assert listed[0]["summary"]["score"] == report["score"]
    assert "items" not in listed[0]["summary"]


async def test_a_grader_is_held_against_what_reviewers_answered(house: "House") -> None:
    strict = "Be strict."

    def says(request: LLMRequest) -> str:
        if "parameters" not in (request.schema or {})["properties"]:
            return house.plain(request)
        given = strict not in request.user
        rows = [
            {"key": key, "value": given, "reason": "", "evidence": []}
            for key in ("introduction", "courtesy")
        ]
        return json.dumps({"parameters": rows})

    house.says = says
    answers = {
        "a": [{"key": "introduction", "value": False}, {"key": "courtesy", "value": False}],
        "b": [{"key": "introduction", "value": True}, {"key": "courtesy", "na": True}],
    }
    for callid in "abc":
        await house.hear(callid, "Good morning.", "My parcel is late.", f"Call {callid}.")
    for callid, given in answers.items():
        review = {"answers": given, "state": "submitted"}
        await house.told("POST", f"/call-records/6004/{callid}/reviews", 201, json=review)
    grader = await house.told("GET", "/agents/6004/quality_score")
    prompt = f"{grader['prompt_user']}\n{strict}"
    await house.told("PATCH", "/agents/6004/quality_score", json={"prompt_user": prompt})
    path = "/agents/6004/quality_score/backtest"
    started = await house.told("POST", path, 202, json={"calls": 50})
    await house.drain()

    report = (await house.told("GET", f"/agents/6004/backtests/{started['id']}"))["report"]

    # people gave three values and one "does not apply", which neither version says
    assert report["human"] == {
        "draft": {"answers": 4, "agree": 2, "share": 0.5},
        "published": {"answers": 4, "agree": 1, "share": 0.25},
    }


async def test_a_back_test_needs_a_draft(house: "House") -> None:
    path = "/agents/6004/summary/backtest"

    assert await house.refused("POST", path, json={}) == (409, "AGENT_NO_DRAFT")


async def test_a_back_test_tries_the_draft_as_it_was_when_it_was_asked_for(house: "House") -> None:
    await house.publish()
    await house.hear("c-1")
    await house.told("PATCH", "/agents/6004/promise", json=draft_of(house))
    path = "/agents/6004/promise/backtest"
    await house.told("POST", path, 202, json={"calls": 5})
    await house.told("PATCH", "/agents/6004/promise", json={"prompt_user": "Something else."})
    house.asked()

    await house.drain()

    assert [request.user.startswith(DRAFT) for request in house.model.requests] == [True]


async def test_back_tests_walk_newest_first(house: "House") -> None:
    await house.told("PATCH", "/agents/6004/summary", json={"name": "Draft"})
    path = "/agents/6004/summary/backtest"
    started = [(await house.told("POST", path, 202, json={}))["id"] for _ in range(3)]

    first = await house.told("GET", "/agents/6004/backtests?limit=2")
    params = {"limit": 2, "cursor": first["next_cursor"]}
    rest = await house.told("GET", "/agents/6004/backtests", params=params)

    walked = [row["id"] for row in first["items"] + rest["items"]]
    assert walked == started[::-1]
    assert rest["next_cursor"] is None


async def test_a_back_test_that_is_asked_for_twice_runs_once(house: "House") -> None:
    await house.told("PATCH", "/agents/6004/summary", json={"name": "Draft"})
    path, once = "/agents/6004/summary/backtest", {"idempotency-key": "once"}

    first = await house.told("POST", path, 202, json={}, headers=once)
    second = await house.told("POST", path, 202, json={}, headers=once)

    assert first == second
    assert len((await house.told("GET", "/agents/6004/backtests"))["items"]) == 1
