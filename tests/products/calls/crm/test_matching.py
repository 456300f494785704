"""Calls and leads: who is matched, who is kept out, who is let in later, and what agents see."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from sqlalchemy import text
from tests.stubs.crm import event

from locutory.kernel.clock import to_ms
from locutory.products.calls.pipeline.lead_filter import (
    LeadCache,
    LeadFilter,
    LeadMode,
    standing_of,
)

if TYPE_CHECKING:
    from .conftest import Desk

pytestmark = pytest.mark.both_databases
HOUR = 3600.0


@pytest.mark.parametrize(
    ("mode", "strict", "filled", "age_s", "acting", "why"),
    [
        ("off", False, False, None, "off", None),
        ("prefer", False, False, None, "prefer", None),
        ("require", False, True, HOUR, "require", None),
        ("require", False, False, HOUR, "prefer", "no lead is known here"),
        ("require", False, True, None, "prefer", "no sync of leads has ended yet"),
        ("require", False, True, 25 * HOUR, "prefer", "no sync of leads has ended for 25 h"),
        ("require", True, False, None, "require", "no lead is known here"),
        ("require", True, True, 25 * HOUR, "require", "no sync of leads has ended for 25 h"),
    ],
)
def test_missing_leads_stop_calls_only_where_somebody_chose_so(
    mode: str, strict: bool, filled: bool, age_s: float | None, acting: str, why: str | None
) -> None:
    asked = LeadFilter(mode=LeadMode(mode), require_strict=strict)

    found = standing_of(asked, LeadCache(filled=filled, age_s=age_s))

    assert found.acting == acting
    assert (found.reason or "").partition(":")[0] == (why or "")


@pytest.mark.parametrize(
    "told", ["+91 98765 00001", "9876500001", "09876500001", "0091-98765-00001", "919876500001"]
)
async def test_a_number_is_known_however_it_was_told(desk: "Desk", told: str) -> None:
    desk.put(1)
    desk.put(2)
    await desk.connect()
    await desk.ready()

    call = await desk.take("c-1", told)

    assert (call["lead_id"], call["lead_match"]) == ("lead-1", "exact")


@pytest.mark.parametrize("told", ["anonymous", "+91-98xxx", None, "12"])
async def test_what_is_no_number_is_no_lead(desk: "Desk", told: str | None) -> None:
    desk.put(1)
    await desk.connect()
    await desk.ready()

    call = await desk.take("c-1", told)

    assert call["lead_id"] is None
    assert (call["status"], call["status_reason"]) == ("pending", None)


async def test_last_digits_count_only_where_one_lead_has_them(desk: "Desk") -> None:
    desk.put(1, phone="+1-2065550001")
    await desk.connect()
    await desk.ready()
    assert (await desk.take("c-1", "+44 2065550001"))["lead_id"] == "lead-1"

    desk.put(2, phone="+61-2065550001")
    await desk.sync()

    assert (await desk.take("c-2", "+44 2065550001"))["lead_id"] is None
    assert (await desk.take("c-3", "+61 2065550001"))["lead_id"] == "lead-2"


async def test_of_leads_with_one_number_the_newest_counts(desk: "Desk") -> None:
    desk.put(1, phone="+91-9876500001", modified_at=datetime.now(UTC) - timedelta(days=2))
    desk.put(2, phone="+91-9876500001")
    await desk.connect()
    await desk.ready()

    assert (await desk.take("c-1"))["lead_id"] == "lead-2"


async def test_calls_flow_without_leads_and_the_status_says_why(desk: "Desk") -> None:
    await desk.configure(lead_filter={"mode": "require"})
    await desk.connect()
    await desk.ready()

    await desk.take("c-1")
    await desk.work()
    await desk.watch()

    assert (await desk.call("c-1"))["status"] == "done"
    found = (await desk.status())["lead_filter"]
    assert (found["mode"], found["acting"]) == ("require", "prefer")
    assert found["reason"] == "no lead is known here: all calls are worked"
    (alert,) = [a for a in await desk.alerts() if a["key"] == "LeadFilterDegraded"]
    assert alert["detail"] == found["reason"]

    desk.put(7)
    await desk.sync()
    await desk.watch()
    assert [a for a in await desk.alerts() if a["key"] == "LeadFilterDegraded"] == []
    assert (await desk.status())["lead_filter"]["acting"] == "require"


async def test_a_call_without_a_lead_waits_and_is_let_in_with_the_lead(desk: "Desk") -> None:
    await desk.configure(lead_filter={"mode": "require"})
    desk.put(7)
    await desk.connect()
    await desk.ready()

    waiting = await desk.take("c-1")
    matched = await desk.take("c-7", "98765 00007")

    assert (waiting["status"], waiting["status_reason"]) == ("skipped", "lead_not_matched")
    assert (matched["status"], matched["lead_id"]) == ("pending", "lead-7")
    assert (await desk.status())["lead_filter"]["waiting"] == 1
    desk.put(1)
    await desk.sync()

    call = await desk.call("c-1")
    assert (call["lead_id"], call["lead_match"]) == ("lead-1", "late")
    assert call["status"] == "done"
    assert (await desk.crm())["health"]["linked"] == 1


async def test_a_call_is_not_waited_for_beyond_its_hours(desk: "Desk") -> None:
    await desk.configure(lead_filter={"mode": "require", "lead_wait_h": 1})
    desk.put(7)
    await desk.connect()
    await desk.ready()
    await desk.take("c-1")
    past = UUID(int=to_ms(datetime.now(UTC) - timedelta(hours=2)) << 80)
    old = past.hex if desk.server.storage.is_sqlite else str(past)

    async def age(tx: Any) -> None:
        await tx.execute(
            text("UPDATE calls_record SET id = :old WHERE callid = 'c-1'"),
            {"old": old},
            execution_options={"fenced": True},
        )

    await desk.db.write(age)
    desk.put(1)
    await desk.sync()

    assert (await desk.call("c-1"))["status"] == "skipped"


async def test_strictly_required_leads_stop_calls_until_they_come(desk: "Desk") -> None:
    await desk.configure(lead_filter={"mode": "require", "require_strict": True})
    await desk.connect()
    await desk.ready()
    assert (await desk.take("c-1"))["status_reason"] == "lead_not_matched"

    desk.put(1)
    await desk.sync()

    assert (await desk.call("c-1"))["status"] == "done"


async def test_a_filter_that_is_lifted_lets_waiting_calls_in(desk: "Desk") -> None:
    await desk.configure(lead_filter={"mode": "require"})
    desk.put(7)
    await desk.connect()
    await desk.ready()
    await desk.take("c-1")

    await desk.configure(lead_filter={"mode": "prefer"})
    await desk.work()

    assert (await desk.call("c-1"))["status"] == "done"


async def test_calls_with_leads_go_first(desk: "Desk") -> None:
    desk.put(1)
    await desk.connect()
    await desk.ready()
    await desk.take("stranger", "98765 00009")
    await desk.take("known")

    first = {job.subject: job.priority for job in await desk.jobs_of("calls.transcribe")}
    assert first["known"] < first["stranger"]


async def test_a_filter_that_is_off_looks_for_no_lead(desk: "Desk") -> None:
    await desk.configure(lead_filter={"mode": "off"})
    desk.put(1)
    await desk.connect()
    await desk.ready()

    assert (await desk.take("c-1"))["lead_match"] == "unknown"


async def test_leads_that_come_later_find_calls_that_are_done(desk: "Desk") -> None:
    await desk.take("c-1")
    await desk.work()
    desk.put(1)
    await desk.connect()
    await desk.ready()

    call = await desk.call("c-1")

    assert (call["lead_id"], call["lead_match"]) == ("lead-1", "late")
    listed = await desk.told("GET", "/call-records/{bid}", params={"lead_id": "lead-1"})
    assert [item["callid"] for item in listed["items"]] == ["c-1"]
    none = await desk.told("GET", "/call-records/{bid}", params={"lead_id": "lead-2"})
    assert none["items"] == []


async def test_agents_and_the_analysis_know_the_lead(desk: "Desk") -> None:
    desk.put(1, events=[event(n, f"call me at 98765 4321{n}") for n in range(12)])
    await desk.connect()
    await desk.ready()
    await desk.take("c-1")
    await desk.work()

    call = await desk.call("c-1")
    context = call["analysis"]["crm_context"]
    assert (context["lead_id"], context["stage"], context["owner"]) == (
        "lead-1",
        "Qualified",
        "Asha Rao",
    )
    assert (context["matched_by"], len(context["activities"])) == ("phone", 10)
    assert "Meera" not in str(context)
    (lead,) = [part for part in call["crm"] if part["what"] == "lead"]
    assert (lead["lead_id"], lead["match"], lead["stage"]) == ("lead-1", "exact", "Qualified")

    tried = await desk.told(
        "POST",
        "/agents/{bid}/test-run",
        json={
            "agent": {
                "key": "upsell",
                "name": "Upsell",
                "kind": "llm",
                "prompt_user": "{{ crm.lead }} {{ crm.activities }} {{ transcript }}",
                "output_schema": {"type": "object", "properties": {"a": {"type": "string"}}},
            },
            "callids": ["c-1"],
        },
    )
    prompt = str(tried["items"][0]["prompt"])
    assert "Meera Iyer" in prompt
    assert "90 lakh" in prompt
    assert "[PHONE_1]" in prompt
    assert "98765 4321" not in prompt


async def test_an_agent_may_want_a_lead_or_none(desk: "Desk") -> None:
    agent = {
        "name": "Known",
        "prompt_user": "{{ transcript }}",
        "output_schema": {"type": "object", "properties": {"a": {"type": "string"}}},
        "run_if": {"lead_matched": True},
    }
    desk.put(1)
    await desk.connect()
    await desk.ready()
    for callid, phone in (("c-1", "9876500001"), ("c-2", "9876500002")):
        await desk.take(callid, phone)
    await desk.work()

    answers = {}
    for callid in ("c-1", "c-2"):
        body = {"agent": {**agent, "key": "known"}, "callids": [callid]}
        tried = await desk.told("POST", "/agents/{bid}/test-run", json=body)
        answers[callid] = str(tried["items"][0])

    assert "lead_matched" in answers["c-2"]
    assert "lead_matched" not in answers["c-1"]


async def test_an_erased_person_leaves_the_cache_and_does_not_come_back(desk: "Desk") -> None:
    desk.put(1, events=[event(1)])
    desk.put(2)
    await desk.connect()
    await desk.ready()
    await desk.take("c-1")
    await desk.work()

    receipt = await desk.told(
        "POST",
        "/privacy/{bid}/erase",
        json={"phone": "+919876500001", "reason": "request 4711"},
    )
    await desk.work()
    desk.put(1, stage="Won")
    await desk.sync()

    done = await desk.told("GET", "/privacy/{bid}/requests/" + receipt["id"])
    assert (done["state"], done["counts"]["leads"]) == ("done", 1)
    assert await desk.leads() == ["lead-2"]
    for table in ("calls_crm_lead", "calls_crm_lead_phone", "calls_crm_activity"):
        assert "lead-1" not in str(await desk.rows(f"SELECT * FROM {table}"))
    assert await desk.rows("SELECT * FROM calls_crm_activity") == []
    (count,) = await desk.rows("SELECT count(*) FROM calls_crm_lead_phone")
    assert count[0] == 2


async def test_a_lead_is_erased_by_its_id(desk: "Desk") -> None:
    desk.put(1)
    await desk.connect()
    await desk.ready()
    await desk.take("c-1")

    await desk.told(
        "POST", "/privacy/{bid}/erase", json={"lead_id": "lead-1", "reason": "request 4712"}
    )

    assert await desk.leads() == []
    await desk.refused("GET", "/call-records/{bid}/c-1", 404)
