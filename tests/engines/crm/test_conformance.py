"""What every connection to a CRM does alike."""

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.stubs.crm import NOON, event
from tests.stubs.vendor import Answer

from locutory.engines.crm import Note, NoteKind, Window, closed_with
from locutory.kernel.errors import EngineAuthError, EngineThrottled, EngineUnavailable, ErrorClass
from locutory.kernel.http.client import HttpClient
from locutory.kernel.http.gate import UrlBlockedError
from locutory.kernel.settings import HttpSettings

from .conftest import DAY, id_of, person

if TYPE_CHECKING:
    from .conftest import Desk

MARK = "locutory:0198f0a0-0000-7000-8000-000000000001"
WRONG = {
    "leadsquared": {"secret_key": "another-secret-key"},
    "salesforce": {"client_secret": "another-secret"},
    "http_json": {"token": "another-token"},
}


def note(kind: NoteKind = NoteKind.NOTE) -> Note:
    return Note(
        kind=kind,
        lead_id=id_of(1),
        mark=MARK,
        subject="Call c-1, score 82",
        text=closed_with("They want a villa.", MARK),
        at=NOON,
        duration_s=95,
        direction="inbound",
        customer_phone="+919876500001",
        agent_id="a-7",
        url="https://locutory.example/c-1",
    )


async def test_a_lead_is_read_with_all_that_is_known(any_desk: "Desk") -> None:
    any_desk.book.put(person(1, mobile="+91-9000000001"))

    page = await any_desk.client.recently_modified(DAY, None)

    (lead,) = page.leads
    assert (lead.lead_id, lead.name, lead.email) == (id_of(1), "Meera Iyer", "meera@example.org")
    assert lead.phones == ("+91-9876500001", "+91-9000000001")
    assert (lead.stage, lead.owner, lead.source) == ("Qualified", "Asha Rao", "Web")
    assert lead.modified_at == NOON
    assert list(lead.attributes.values()) == ["90 lakh"]
    assert not lead.deleted


async def test_pages_give_every_lead_of_the_window_and_no_other(desk: "Desk") -> None:
    desk.book.put(*(person(n, modified_at=NOON + timedelta(minutes=n // 2)) for n in range(7)))
    desk.book.put(person(7, modified_at=DAY.until), person(8, modified_at=DAY.since))
    desk.book.put(person(9, modified_at=DAY.since - timedelta(seconds=1)))

    found = await desk.whole()

    assert set(found) == {id_of(n) for n in (0, 1, 2, 3, 4, 5, 6, 8)}


async def test_a_page_may_be_asked_for_again(any_desk: "Desk") -> None:
    any_desk.book.put(*(person(n) for n in range(5)))
    first = await any_desk.client.recently_modified(DAY, None)

    once = await any_desk.client.recently_modified(DAY, first.cursor)
    again = await any_desk.client.recently_modified(DAY, first.cursor)

    assert once == again


async def test_nothing_changed_gives_nothing(any_desk: "Desk") -> None:
    any_desk.book.put(person(1))
    later = Window(NOON + timedelta(hours=1), NOON + timedelta(hours=2))

    page = await any_desk.client.recently_modified(later, None)

    assert (page.leads, page.cursor) == ((), None)


async def test_a_check_counts_what_it_saw(any_desk: "Desk") -> None:
    any_desk.book.put(person(1))

    assert (await any_desk.client.check()).sample == 1


async def test_leads_are_found_by_a_number_however_it_is_written(desk: "Desk") -> None:
    desk.book.put(person(1), person(2))

    found = await desk.client.by_phone("+919876500002")

    assert [lead.lead_id for lead in found] == [id_of(2)]


async def test_activities_come_newest_first(desk: "Desk") -> None:
    desk.book.put(person(1, events=[event(n, f"said {n}") for n in range(5)]))

    found = await desk.client.activities(id_of(1), limit=3)

    assert [one.activity_id for one in found] == ["event004", "event003", "event002"]
    assert found[0].event_name == "Enquiry"
    assert found[0].occurred_at == NOON + timedelta(minutes=4)
    assert "said 4" in found[0].data.values()


@pytest.mark.parametrize("kind", NoteKind)
async def test_what_was_written_is_found_by_its_mark(desk: "Desk", kind: NoteKind) -> None:
    desk.book.put(person(1, events=[event(n) for n in range(30)]))
    assert await desk.client.find(note(kind)) is None

    id_ = await desk.client.write(note(kind))

    assert id_
    assert await desk.client.find(note(kind)) == id_
    (text,) = desk.book.notes(id_of(1))
    assert text == f"They want a villa.\n\n{MARK}"


async def test_an_answer_that_is_lost_is_not_asked_for_twice(desk: "Desk") -> None:
    desk.book.put(person(1))
    desk.stub.fail(desk.writes_at, Answer(200, b"{", cut=True), method="POST", after=True)

    with pytest.raises(EngineUnavailable):
        await desk.client.write(note())

    assert len(desk.book.notes(id_of(1))) == 1
    assert await desk.client.find(note()) is not None


async def test_wrong_credentials_are_named_and_not_quoted(desk: "Desk") -> None:
    given = WRONG[desk.client.provider]

    with pytest.raises(EngineAuthError) as caught:
        await desk.again(**given).check()

    assert caught.value.cls is ErrorClass.PERMANENT_AUTH
    for secret in given.values():
        assert secret not in str(caught.value)
        assert secret not in caught.value.detail


async def test_an_outage_is_tried_again_and_then_told(desk: "Desk") -> None:
    desk.book.put(person(1))
    desk.stub.fail(desk.lists, desk.broken, times=2)
    assert await desk.whole() == [id_of(1)]
    desk.stub.fail(desk.lists, desk.broken, times=3)

    with pytest.raises(EngineUnavailable) as caught:
        await desk.client.recently_modified(DAY, None)

    assert caught.value.cls is ErrorClass.TRANSIENT_NETWORK


async def test_too_often_is_waited_for_by_everybody(desk: "Desk") -> None:
    desk.book.put(person(1))
    desk.stub.fail(desk.lists, desk.limit, times=1)

    assert await desk.whole() == [id_of(1)]

    desk.stub.fail(desk.lists, desk.limit, times=3)
    with pytest.raises(EngineThrottled) as caught:
        await desk.client.recently_modified(DAY, None)
    assert caught.value.cls is ErrorClass.THROTTLED


async def test_a_private_address_is_not_called(desk: "Desk") -> None:
    strict = HttpClient(HttpSettings())
    desk.http = strict

    with pytest.raises(UrlBlockedError):
        await desk.again().check()

    assert desk.stub.seen == []
    await strict.close()
