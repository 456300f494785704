"""Calls are judged by the agents that the business has in force, and judged anew on demand."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from locutory.capabilities.analysis.api import Analyst
from locutory.engines.llm.base import LLMRequest
from locutory.kernel.db import Storage
from locutory.kernel.errors import EngineUnavailable
from locutory.products.calls.agents import service
from locutory.products.calls.pipeline.models import CallUsage
from locutory.products.calls.records.contract import Stage

if TYPE_CHECKING:
    from tests.conftest import Resident
    from tests.products.calls.agents.conftest import House

pytestmark = pytest.mark.both_databases

REWORDED = {"prompt_user": "Sum up {{ transcript }}"}


def about_promises(house: "House", **answer: Any) -> Callable[[LLMRequest], str]:
    """A model that has this to say of promises, and the least of everything else."""

    def says(request: LLMRequest) -> str:
        asked = request.user.startswith("What was promised?")
        return json.dumps(answer) if asked else house.plain(request)

    return says


async def test_a_new_business_is_judged_by_the_library(house: "House") -> None:
    call = await house.hear("c-1")

    assert set(call["analysis"]["_meta"]) >= {"summary", "sentiment", "quality_score", "bant"}
    assert {one["version"] for one in call["analysis"]["_meta"].values()} == {1}


async def test_a_published_agent_judges_the_next_call(house: "House") -> None:
    before = await house.hear("c-1")
    quote = {"segments": [2], "quote": "there on Tuesday"}
    house.says = about_promises(house, date="Tuesday", score=8, evidence=[quote])
    await house.publish()

    call = await house.hear("c-2")

    assert "promise" not in before["analysis"]
    assert call["analysis"]["promise"]["date"] == "Tuesday"
    assert call["analysis"]["promise"]["evidence"][0]["verified"] is True
    assert call["analysis"]["_meta"]["promise"]["version"] == 1


async def test_a_draft_judges_nothing_until_it_is_published(house: "House") -> None:
    await house.told(
        "PATCH", "/agents/6004/summary", json={"prompt_user": "Sum up {{ transcript }}"}
    )
    before = await house.hear("c-1")
    await house.told("POST", "/agents/6004/summary/publish")
    after = await house.hear("c-2")

    assert before["analysis"]["_meta"]["summary"]["version"] == 1
    assert after["analysis"]["_meta"]["summary"]["version"] == 2


async def test_an_archived_or_switched_off_agent_judges_no_more(house: "House") -> None:
    await house.told("DELETE", "/agents/6004/bant", 204)
    await house.told("PATCH", "/agents/6004/summary", json={"enabled": False})
    await house.told("POST", "/agents/6004/summary/publish")

    call = await house.hear("c-1")

    assert not {"bant", "summary"} & set(call["analysis"]["_meta"])
    assert "sentiment" in call["analysis"]["_meta"]


async def test_another_process_sees_what_was_published_here(house: "House") -> None:
    """Each process keeps the agents that it read, until their stamp changes."""
    storage = Storage(house.server.storage.url)
    await storage.open()
    elsewhere, db = Analyst(house.model, fresh_s=0), storage.database(await house.tenant())
    before = await elsewhere.agents(db)
    unchanged = await elsewhere.agents(db)
    await house.publish()
    after = await elsewhere.agents(db)
    await storage.close()

    assert unchanged is before
    assert {spec.key for spec in after} - {spec.key for spec in before} == {"promise"}


async def test_judging_anew_asks_only_what_changed(house: "House") -> None:
    await house.hear("c-1")
    await house.told(
        "PATCH", "/agents/6004/summary", json={"prompt_user": "Sum up {{ transcript }}"}
    )
    await house.told("POST", "/agents/6004/summary/publish")
    house.asked()

    reply = await house.told("POST", "/call-records/6004/c-1/reanalyze", 202)
    await house.drain()

    call = await house.call("c-1")
    assert set(reply) == {"job_id"}
    assert house.asked() == 1
    assert call["status"] == "done"
    assert call["stage_state"] == "ok"
    meta = call["analysis"]["_meta"]
    assert (meta["summary"]["version"], meta["summary"]["source"]) == (2, "llm")
    assert (meta["bant"]["version"], meta["bant"]["source"]) == (1, "cache")
    assert [run["run_no"] for run in call["stages"] if run["stage"] == "analyze"] == [1, 2]


async def test_force_asks_again_what_is_known(house: "House") -> None:
    first = await house.hear("c-1")
    agents = len(first["analysis"]["_meta"])
    house.asked()

    await house.told("POST", "/call-records/6004/c-1/reanalyze", 202, json={"force": True})
    await house.drain()

    assert house.asked() == agents


async def test_named_agents_judge_anew_and_the_others_keep_their_results(house: "House") -> None:
    before = await house.hear("c-1")
    house.says = lambda _: json.dumps({"text": "New.", "bullets": [], "language": "en"})
    ask = {"agents": ["summary"], "force": True}
    house.asked()

    await house.told("POST", "/call-records/6004/c-1/reanalyze", 202, json=ask)
    await house.drain()

    after = await house.call("c-1")
    assert house.asked() == 1
    assert after["analysis"]["summary"]["text"] == "New."
    assert after["summary_short"] == "New."
    assert after["analysis"]["bant"] == before["analysis"]["bant"]
    assert after["analysis"]["_meta"]["bant"] == before["analysis"]["_meta"]["bant"]
    assert after["score"] == before["score"]


async def test_what_is_kept_is_not_paid_a_second_time(house: "House") -> None:
    await house.hear("c-1")
    ask = {"agents": ["summary"], "force": True}
    await house.told("POST", "/call-records/6004/c-1/reanalyze", 202, json=ask)
    await house.drain()

    db = house.server.storage.database(await house.tenant())
    judged = select(CallUsage).where(CallUsage.stage == Stage.ANALYZE).order_by(CallUsage.run_no)
    async with db.read() as session:
        first, second = (await session.scalars(judged)).all()

    assert 0 < second.tokens_in < first.tokens_in
    assert second.results <= 1


async def test_a_dependant_that_judges_anew_sees_its_parents_earlier_answer(house: "House") -> None:
    child = {**house.promise, "key": "kept", "depends_on": ["promise"]}
    child["prompt_user"] = "Was it kept? {{ parents.promise }}"
    await house.publish()
    await house.publish(child)
    house.says = about_promises(house, date="Tuesday", score=8, evidence=[])
    await house.hear("c-1")
    house.asked()

    ask = {"agents": ["kept"], "force": True}
    await house.told("POST", "/call-records/6004/c-1/reanalyze", 202, json=ask)
    await house.drain()

    assert [request.user[:12] for request in house.model.requests] == ["Was it kept?"]
    assert '"date": "Tuesday"' in house.model.requests[0].user


async def test_a_call_in_the_pipeline_is_busy(house: "House") -> None:
    await house.hear("c-1")
    path = "/call-records/6004/c-1/reanalyze"
    await house.told("POST", path, 202)

    assert await house.refused("POST", path) == (409, "CALL_BUSY")
    await house.drain()
    await house.told("POST", path, 202)


async def test_agents_that_are_not_in_force_are_named(house: "House") -> None:
    await house.hear("c-1")
    ask = {"agents": ["bant", "nobody", "nothing"]}

    reply = await house.ask("POST", "/call-records/6004/c-1/reanalyze", json=ask)

    assert reply.status_code == 422
    assert [e["field"] for e in reply.json()["errors"]] == ["agents[1]", "agents[2]"]


async def test_a_call_that_cannot_be_judged_anew_keeps_its_analysis(house: "House") -> None:
    strict = {**house.promise, "required": True, "on_failure": "fail"}
    await house.publish(strict)
    before = await house.hear("c-1")
    house.says = lambda _: EngineUnavailable("down", engine="scripted")

    await house.told("POST", "/call-records/6004/c-1/reanalyze", 202, json={"force": True})
    await house.drain()

    after = await house.call("c-1")
    assert (after["status"], after["stage"], after["stage_state"]) == ("done", "analyze", "dead")
    assert after["analysis"] == before["analysis"]


async def test_exactly_the_degraded_results_are_upgraded(house: "House") -> None:
    house.says = lambda request: (
        EngineUnavailable("down", engine="scripted")
        if "budget" in (request.schema or {})["properties"]
        else house.plain(request)
    )
    degraded = await house.hear("c-1")
    house.says = house.plain
    whole = await house.hear("c-2", "Hello.", "Hi there.")
    house.asked()
    db = house.server.storage.database(await house.tenant())
    ids = [call["id"] for call in (degraded, whole)]

    done = await db.write(lambda tx: service.upgrade_degraded(tx, house.ids(ids), actor="test"))
    await house.drain()

    call = await house.call("c-1")
    assert (degraded["degraded"], whole["degraded"]) == (True, False)
    assert (len(done.queued), done.whole, done.busy) == (1, 1, 0)
    assert house.asked() == 1
    assert call["degraded"] is False
    assert call["analysis"]["_meta"]["bant"]["source"] == "llm"
    assert call["analysis"]["_meta"]["summary"] == degraded["analysis"]["_meta"]["summary"]


async def test_each_mutation_leaves_one_audit_row(house: "House", ours: "Resident") -> None:
    await house.hear("c-1")
    await house.told("POST", "/agents/6004", 201, json=house.promise)
    await house.told("PATCH", "/agents/6004/promise", json={"name": "Other"})
    await house.told("POST", "/agents/6004/promise/publish")
    await house.told("POST", "/call-records/6004/c-1/reanalyze", 202)
    await house.told("DELETE", "/agents/6004/promise", 204)
    await house.told("POST", "/agents/6004/promise/rollback")

    deeds = [a for a in await house.deeds() if a.startswith(("agent.", "call.reanalyze"))]
    assert deeds == [
        "agent.create",
        "agent.change",
        "agent.publish",
        "call.reanalyze",
        "agent.archive",
        "agent.rollback",
    ]
