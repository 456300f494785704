"""What is each CRM's own: shapes, failures in bodies, tokens, and how often it is asked."""

import asyncio
import io
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.stubs import leadsquared, own_crm, salesforce
from tests.stubs.crm import NOON
from tests.stubs.vendor import Answer

from locutory.engines.crm import (
    CrmRejected,
    HttpJsonMapping,
    Lead,
    LeadFault,
    LeadFileInvalid,
    NoteKind,
    leads_in,
)
from locutory.engines.crm.moments import moment_of
from locutory.engines.crm.pace import Line, Lines, Pace
from locutory.engines.crm.pointers import at
from locutory.kernel.errors import (
    EngineAuthError,
    EngineConfigError,
    EngineThrottled,
    EngineUnavailable,
)
from locutory.kernel.http.replies import EngineRejectedError
from locutory.kernel.ids import new_id

from .conftest import DAY, id_of, person
from .test_conformance import note

if TYPE_CHECKING:
    from .conftest import Desk


async def test_leadsquared_answers_changes_in_two_shapes(leadsquared_desk: "Desk") -> None:
    leadsquared_desk.book.put(*(person(n) for n in range(5)))
    listed = await leadsquared_desk.whole()
    leadsquared_desk.stub.flat = True

    assert sorted(await leadsquared_desk.whole()) == sorted(set(listed))
    assert len(set(listed)) == 5


async def test_no_lead_is_missed_where_others_leave_the_window(leadsquared_desk: "Desk") -> None:
    people = [person(n) for n in range(10)]
    leadsquared_desk.book.put(*people)
    seen, cursor = [], None
    while True:
        page = await leadsquared_desk.client.recently_modified(DAY, cursor)
        seen += [lead.lead_id for lead in page.leads]
        cursor = page.cursor
        if cursor is None:
            break
        gone = next(p for p in people if p.lead_id in seen and p.modified_at == NOON)
        gone.modified_at = DAY.until  # somebody changed it just now

    stayed = {p.lead_id for p in people if p.modified_at == NOON}
    assert stayed <= set(seen)


async def test_a_count_of_the_page_alone_is_no_count_of_all(leadsquared_desk: "Desk") -> None:
    leadsquared_desk.stub.counts = False
    leadsquared_desk.book.put(*(person(n) for n in range(5)))

    assert await leadsquared_desk.whole() == [id_of(n) for n in range(5)]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (leadsquared.LIMIT, EngineThrottled),
        (leadsquared.LIMIT_AS_500, EngineThrottled),
        (leadsquared.WRONG_KEYS_AS_500, EngineAuthError),
        (leadsquared.WRONG_INPUT_AS_200, CrmRejected),
        (leadsquared.failure("MXServerBusyException", status=200), EngineUnavailable),
        (leadsquared.failure("MXSomethingNewException", status=200), CrmRejected),
        (leadsquared.BROKEN, EngineUnavailable),
        (Answer(502, b"<html>bad gateway</html>"), EngineUnavailable),
    ],
)
async def test_leadsquared_failures_are_told_by_their_type(
    leadsquared_desk: "Desk", answer: Answer, kind: type[Exception]
) -> None:
    leadsquared_desk.stub.fail("", answer, times=9)

    with pytest.raises(kind) as caught:
        await leadsquared_desk.client.check()

    assert leadsquared.ACCESS not in str(caught.value)


async def test_the_rate_holds_however_many_ask_at_once(leadsquared_desk: "Desk") -> None:
    calls, per_s = 10, 0.4
    leadsquared_desk.line = Line("leadsquared", calls, per_s)
    client, arrived = leadsquared_desk.again(), []
    handle = leadsquared_desk.stub.handle

    def noting(request: Any) -> Answer:
        arrived.append(time.monotonic())
        return handle(request)

    leadsquared_desk.stub.handle = noting
    leadsquared_desk.book.put(person(1))

    await asyncio.gather(*(client.by_phone("9876500001") for _ in range(50)))

    assert len(arrived) == 50
    for first, after in zip(arrived, arrived[calls:], strict=False):
        assert after - first >= per_s


async def test_one_refusal_holds_all_of_a_connection() -> None:
    now = 100.0
    pace = Pace("leadsquared", 5, 5.0, clock=lambda: now)
    pace.hold(120)

    with pytest.raises(EngineThrottled) as caught:
        async with pace.turn():
            pass

    assert caught.value.retry_after == 120


def test_a_connection_has_one_line_until_its_rate_changes() -> None:
    lines, id_ = Lines(), new_id()
    line = lines.of(id_, "leadsquared", 5, 5.0)

    assert lines.of(id_, "leadsquared", 5, 5.0) is line
    assert lines.of(id_, "leadsquared", 10, 5.0) is not line
    assert lines.of(new_id(), "leadsquared", 10, 5.0) is not line


async def test_salesforce_is_entered_once_and_again_when_the_token_ends(
    salesforce_desk: "Desk",
) -> None:
    salesforce_desk.book.put(person(1))
    await salesforce_desk.whole()
    await salesforce_desk.whole()
    assert salesforce_desk.stub.logins == 1
    salesforce_desk.stub.logins += 1  # the token of before holds no longer

    assert await salesforce_desk.whole() == [id_of(1)]
    assert salesforce_desk.stub.logins == 3


async def test_salesforce_is_entered_with_a_refresh_token(salesforce_desk: "Desk") -> None:
    client = salesforce_desk.again(refresh_token=salesforce.REFRESH)

    await client.check()

    (login,) = salesforce_desk.stub.asked("POST", "/oauth2/token")
    assert b"grant_type=refresh_token" in login.body


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (salesforce.LIMIT, EngineThrottled),
        (salesforce.WRONG_FIELD, EngineConfigError),
        (salesforce.NO_RIGHT, EngineAuthError),
        (salesforce.BROKEN, EngineUnavailable),
    ],
)
async def test_salesforce_failures_are_told_by_their_code(
    salesforce_desk: "Desk", answer: Answer, kind: type[Exception]
) -> None:
    salesforce_desk.stub.fail("/query", answer, times=9)

    with pytest.raises(kind):
        await salesforce_desk.client.check()


async def test_salesforce_tells_of_deleted_leads_and_gives_long_answers_in_parts(
    salesforce_desk: "Desk",
) -> None:
    salesforce_desk.stub.rows_at_once = 1
    salesforce_desk.book.put(person(1), person(2, deleted=True), person(3))

    page = await salesforce_desk.client.recently_modified(DAY, None)

    assert [(lead.lead_id, lead.deleted) for lead in page.leads] == [
        (id_of(1), False),
        (id_of(2), True),
    ]
    assert page.leads[1].name is None


async def test_an_id_is_never_part_of_a_query(salesforce_desk: "Desk") -> None:
    with pytest.raises(CrmRejected):
        await salesforce_desk.client.activities("x' OR Id != '", limit=5)


async def test_a_mapping_that_does_not_fit_is_named(own_desk: "Desk") -> None:
    own_desk.book.put(person(1))
    wrong = {**own_crm.MAPPING, "leads": {**own_crm.MAPPING["leads"], "items": "/rows"}}

    with pytest.raises(EngineConfigError, match="nothing stands at /rows; there is data"):
        await own_desk.again(mapping=HttpJsonMapping.model_validate(wrong)).check()

    elsewhere = {**own_crm.MAPPING["leads"], "path": "/people?page={page}"}
    gone = HttpJsonMapping.model_validate({**own_crm.MAPPING, "leads": elsewhere})
    with pytest.raises(EngineConfigError, match="404"):
        await own_desk.again(mapping=gone).check()


@pytest.mark.parametrize(
    ("part", "wrong"),
    [
        ("leads", {"path": "/contacts?page={page}", "paging": "none"}),
        ("leads", {"path": "/contacts", "paging": "page"}),
        ("leads", {"path": "contacts"}),
        ("leads", {"path": "/contacts?{secret}"}),
        ("lead", {"lead_id": "/id", "phones": []}),
        ("write", {"path": "/notes", "body": {"text": "a call"}}),
        ("write", {"path": "/notes", "body": {"text": "{text} {unknown}"}}),
        ("activities", None),
        ("auth", "header"),
    ],
)
def test_a_mapping_that_cannot_work_is_refused(part: str, wrong: Any) -> None:
    with pytest.raises(ValueError):
        HttpJsonMapping.model_validate({**own_crm.MAPPING, part: wrong})


async def test_values_stay_within_their_place_of_an_address(own_desk: "Desk") -> None:
    with pytest.raises(EngineRejectedError):
        await own_desk.client.activities("../search?tel=1", limit=5)

    (asked,) = own_desk.stub.seen
    assert asked.path == "/api/contacts/..%2Fsearch%3Ftel%3D1/history"


async def test_a_log_of_calls_gets_numbers_where_the_direction_puts_them(
    leadsquared_desk: "Desk",
) -> None:
    leadsquared_desk.book.put(person(1))
    await leadsquared_desk.client.write(note(NoteKind.CALL_LOG))

    (logged,) = leadsquared_desk.stub.logged
    assert (logged["SourceNumber"], logged["DestinationNumber"]) == ("+919876500001", "a-7")
    assert (logged["Direction"], logged["CallDuration"]) == ("Inbound", 95)
    assert logged["EndTime"] == (NOON + timedelta(seconds=95)).strftime("%Y-%m-%d %H:%M:%S")


def test_a_file_with_one_bad_row_gives_all_others_and_its_line() -> None:
    lines = [f"L{n},+9198765{n:05},Meera" for n in range(1, 10_001)]
    lines[4999] = ",+919999999999,Nobody"

    rows = list(leads_in(io.BytesIO("\n".join(["id,phone,name", *lines]).encode())))

    assert sum(isinstance(row, Lead) for row in rows) == 9_999
    (fault,) = [row for row in rows if isinstance(row, LeadFault)]
    assert fault == LeadFault(place=5001, reason="no lead_id")


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfLead ID;Phone;Name;City\nL1;98765 00001|98765 00002;Meera;Pune\n",
        b"lead_id\tmobile\tphone\tfull name\tCity\nL1\t98765 00001\t98765 00002\tMeera\tPune",
        b'[{"id":"L1","phones":["98765 00001","98765 00002"],"name":"Meera","City":"Pune"}]',
        b'{"lead_id": "L1", "phone": "98765 00001|98765 00002", "name": "Meera", "City": "Pune"}\n',
    ],
)
def test_files_are_read_however_they_are_written(content: bytes) -> None:
    (lead,) = leads_in(io.BytesIO(content))

    assert isinstance(lead, Lead)
    assert (lead.lead_id, lead.name) == ("L1", "Meera")
    assert lead.phones == ("98765 00001", "98765 00002")
    assert lead.attributes == {"City": "Pune"}


@pytest.mark.parametrize("content", [b"", b"name,phone\nMeera,1\n", b"[1", b"\xff\xfe\x00"])
def test_a_file_without_leads_is_refused(content: bytes) -> None:
    with pytest.raises(LeadFileInvalid):
        list(leads_in(io.BytesIO(content)))


@pytest.mark.parametrize(
    "told",
    [
        "2026-01-05T12:00:00Z",
        "2026-01-05T17:30:00+05:30",
        "2026-01-05 12:00:00",
        "2026-01-05 12:00:00.000",
        "2026-01-05T12:00:00.000+0000",
        1767614400,
        1767614400000,
        "1767614400",
    ],
)
def test_times_are_read_however_they_are_written(told: Any) -> None:
    assert moment_of(told) == NOON


@pytest.mark.parametrize("told", [None, "", "soon", True, 1e300, "99999-01-01", []])
def test_what_is_no_time_is_none(told: Any) -> None:
    assert moment_of(told) is None


def test_pointers_find_what_stands_there() -> None:
    document = {"a/b": [{"~": 1}], "": 2}

    assert at(document, "/a~1b/0/~0") == 1
    assert at(document, "/") == 2
    assert at(document, "") is document
    assert at(document, "/a~1b/7") is None
    assert at(document, "/a~1b/0/~0/x") is None
