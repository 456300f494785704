"""What came of a call is written to its lead: once, with its mark, whatever is lost on the way."""

from typing import TYPE_CHECKING

import pytest
from tests.stubs import leadsquared
from tests.stubs.vendor import Answer

if TYPE_CHECKING:
    from .conftest import Desk

pytestmark = pytest.mark.both_databases
CREATE = "/ProspectActivity.svc/Create"


async def done(desk: "Desk", callid: str = "c-1", **connection: object) -> None:
    desk.put(1)
    await desk.connect(**connection)
    await desk.ready()
    await desk.take(callid)
    await desk.work()


async def test_a_note_says_what_came_of_the_call_and_ends_with_its_mark(desk: "Desk") -> None:
    desk.server.settings.server.public_url = "https://locutory.example"
    await done(desk)

    asked = await desk.write_back("c-1")
    await desk.ready()
    written = await desk.write_back("c-1")

    assert (asked["state"], asked["external_id"]) == ("pending", None)
    assert (written["state"], written["lead_id"]) == ("sent", "lead-1")
    assert written["external_id"] == "event501"
    (note,) = desk.notes()
    assert note.startswith("Call c-1, ")
    assert "Score: " in note
    assert "Summary: " in note
    assert "https://locutory.example/console/calls/6004/c-1" in note
    assert note.endswith(f"\n\nlocutory:{written['id']}")
    (part,) = [one for one in (await desk.call("c-1"))["crm"] if one["what"] == "writeback"]
    assert (part["state"], part["external_id"]) == ("sent", "event501")
    assert (await desk.crm())["writebacks"]["sent"] == 1


async def test_the_same_note_is_written_once_and_another_one_again(desk: "Desk") -> None:
    await done(desk)
    for _ in range(3):
        await desk.write_back("c-1")
        await desk.ready()
    assert len(desk.notes()) == 1

    await desk.set_score("c-1", 12.0)
    await desk.write_back("c-1")
    await desk.ready()

    assert len(desk.notes()) == 2
    assert "Score: 12 of 100" in desk.notes()[1]


async def test_a_done_call_is_written_back_where_that_is_wanted(desk: "Desk") -> None:
    await done(desk, writeback={"on_done": True})

    assert len(desk.notes()) == 1
    assert (await desk.crm())["writebacks"]["sent"] == 1


async def test_a_lost_answer_is_looked_for_before_anything_is_sent_again(desk: "Desk") -> None:
    await done(desk)
    desk.stub.fail(CREATE, Answer(200, b"{", cut=True), after=True)

    await desk.write_back("c-1")
    await desk.work()

    assert len(desk.notes()) == 1
    assert len(desk.stub.asked("POST", CREATE)) == 1
    found = await desk.write_back("c-1")
    assert (found["state"], found["external_id"]) == ("sent", "event501")


async def test_a_note_that_never_arrived_is_sent_again(desk: "Desk") -> None:
    await done(desk)
    desk.stub.fail(CREATE, Answer(200, b"{", cut=True))

    await desk.write_back("c-1")
    await desk.work()

    assert len(desk.stub.asked("POST", CREATE)) == 2
    assert len(desk.notes()) == 1


async def test_a_limit_is_waited_for(desk: "Desk") -> None:
    await done(desk)
    desk.stub.fail(CREATE, leadsquared.LIMIT_AS_500, times=2)

    await desk.write_back("c-1")
    await desk.work()

    assert (await desk.write_back("c-1"))["state"] == "sent"
    assert len(desk.notes()) == 1


async def test_a_refused_note_says_why_and_may_be_asked_for_again(desk: "Desk") -> None:
    await done(desk)
    desk.stub.fail(CREATE, leadsquared.WRONG_INPUT_AS_200)
    await desk.write_back("c-1")
    await desk.work()

    assert (await desk.crm())["writebacks"]["failed"] == 1
    again = await desk.write_back("c-1")
    assert again["state"] == "posting"
    await desk.work()

    assert (await desk.write_back("c-1"))["state"] == "sent"
    assert len(desk.notes()) == 1


async def test_the_crm_is_asked_whose_number_it_is(desk: "Desk") -> None:
    await desk.connect()
    await desk.ready()
    await desk.take("c-1")
    await desk.work()
    desk.put(1)  # nobody has synced since

    await desk.write_back("c-1")
    await desk.ready()

    assert (await desk.write_back("c-1"))["lead_id"] == "lead-1"
    await desk.take("c-2", "98765 00009")
    await desk.work()
    await desk.write_back("c-2")
    await desk.ready()
    counts = (await desk.crm())["writebacks"]
    assert (counts["sent"], counts["no_lead"]) == (1, 1)


async def test_a_call_goes_into_the_log_of_calls_where_that_is_used(desk: "Desk") -> None:
    await done(desk, writeback={"on_done": True, "kind": "call_log"})

    (logged,) = desk.stub.logged
    assert logged["SourceNumber"] == "+919876500001"
    assert logged["Direction"] == "Inbound"
    assert logged["Tag"].startswith("locutory:")


async def test_what_cannot_be_written_back_is_refused(desk: "Desk") -> None:
    await desk.take("c-1")
    path = "/crm/{bid}/writeback/c-1"

    assert (await desk.refused("POST", path, 404))["error_code"] == "CRM_NOT_CONNECTED"
    await desk.connect()
    assert (await desk.refused("POST", path, 409))["error_code"] == "CALL_NOT_DONE"
    await desk.refused("POST", "/crm/{bid}/writeback/never", 404)
    await desk.connect(enabled=False)
    assert (await desk.refused("POST", path, 409))["error_code"] == "CRM_WRITEBACK_UNAVAILABLE"
