"""A connection to a stub of each kind of CRM, with what can go wrong at each in its own words."""

import csv
import io
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from tests.stubs import leadsquared, own_crm, salesforce
from tests.stubs.crm import NOON, Book, Person
from tests.stubs.vendor import Answer, served

from locutory.engines.crm import (
    CrmClient,
    CsvFile,
    HttpJson,
    HttpJsonMapping,
    LeadSquared,
    Line,
    OpenFile,
    Salesforce,
    Window,
)
from locutory.kernel.http.client import HttpClient
from locutory.kernel.settings import HttpSettings

DAY = Window(NOON - timedelta(hours=12), NOON + timedelta(hours=12))


def id_of(number: int) -> str:
    """As Salesforce makes them; the others take any."""
    return f"00Q{number:012}AAA"


def person(number: int, **fields: Any) -> Person:
    return Person(lead_id=id_of(number), phone=f"+91-98765{number:05}", **fields)


@dataclass
class Desk:
    """A client, the book behind it, and the troubles that its kind of server can make."""

    client: CrmClient
    book: Book
    http: HttpClient
    line: Line
    stub: Any = None
    lists: str = ""
    writes_at: str = ""
    limit: Answer = field(default_factory=Answer)
    broken: Answer = field(default_factory=Answer)

    async def whole(self, window: Window = DAY) -> list[str]:
        """The ids of a window's leads, page by page."""
        found, cursor = [], None
        while True:
            page = await self.client.recently_modified(window, cursor)
            assert page.faults == ()
            found += [lead.lead_id for lead in page.leads]
            cursor = page.cursor
            if cursor is None:
                return found

    def again(self, **given: Any) -> CrmClient:
        """Another client of the same server."""
        made: CrmClient = _MAKERS[self.client.provider](self.http, self.line, self.stub, **given)
        return made


def _leadsquared(http: HttpClient, line: Line, stub: Any, **given: Any) -> LeadSquared:
    options: dict[str, Any] = {
        "base_url": stub.url,
        "access_key": leadsquared.ACCESS,
        "secret_key": leadsquared.SECRET,
        "attributes": ["mx_Budget"],
        "page_size": 2,
    }
    return LeadSquared(http, line, **options | given)


def _salesforce(http: HttpClient, line: Line, stub: Any, **given: Any) -> Salesforce:
    options: dict[str, Any] = {
        "login_url": stub.url,
        "client_id": salesforce.CLIENT,
        "client_secret": salesforce.SECRET,
        "attributes": ["Budget__c"],
        "page_size": 2,
    }
    return Salesforce(http, line, **options | given)


def _http_json(http: HttpClient, line: Line, stub: Any, **given: Any) -> HttpJson:
    options: dict[str, Any] = {
        "base_url": f"{stub.url}/api",
        "mapping": HttpJsonMapping.model_validate(own_crm.MAPPING),
        "token": own_crm.TOKEN,
    }
    return HttpJson(http, line, **options | given)


_MAKERS: dict[str, Any] = {
    "leadsquared": _leadsquared,
    "salesforce": _salesforce,
    "http_json": _http_json,
}
_STUBS: dict[str, Any] = {
    "leadsquared": leadsquared.LeadSquaredStub,
    "salesforce": salesforce.SalesforceStub,
    "http_json": own_crm.OwnCrmStub,
}
_PLACES: dict[str, dict[str, Any]] = {
    "leadsquared": {
        "lists": "/Leads.RecentlyModified",
        "writes_at": "/ProspectActivity.svc/Create",
        "limit": leadsquared.LIMIT_AS_500,
        "broken": leadsquared.BROKEN,
    },
    "salesforce": {
        "lists": "/queryAll",
        "writes_at": "/sobjects/Task",
        "limit": salesforce.LIMIT,
        "broken": salesforce.BROKEN,
    },
    "http_json": {
        "lists": "/contacts",
        "writes_at": "/history",
        "limit": own_crm.LIMIT,
        "broken": own_crm.BROKEN,
    },
}


@pytest.fixture
async def outside() -> AsyncIterator[HttpClient]:
    http = HttpClient(HttpSettings(allow_private_hosts=("127.0.0.1",)))
    yield http
    await http.close()


@contextmanager
def open_desk(provider: str, http: HttpClient) -> Iterator[Desk]:
    with served(_STUBS[provider]()) as stub:
        line = Line(provider, 1000, 0.2)
        client = _MAKERS[provider](http, line, stub)
        yield Desk(client, stub.book, http, line, stub, **_PLACES[provider])


@pytest.fixture(params=["leadsquared", "salesforce", "http_json"])
def desk(request: pytest.FixtureRequest, outside: HttpClient) -> Iterator[Desk]:
    """Each kind that is asked over HTTP."""
    with open_desk(request.param, outside) as desk:
        yield desk


@pytest.fixture(params=["leadsquared", "salesforce", "http_json", "csv"])
def any_desk(request: pytest.FixtureRequest, outside: HttpClient) -> Iterator[Desk]:
    """Each kind."""
    if request.param == "csv":
        book = Book()
        yield Desk(CsvFile(lambda: _exported(book)), book, outside, Line("csv", 1, 1))
        return
    with open_desk(request.param, outside) as desk:
        yield desk


@pytest.fixture
def leadsquared_desk(outside: HttpClient) -> Iterator[Desk]:
    with open_desk("leadsquared", outside) as desk:
        yield desk


@pytest.fixture
def salesforce_desk(outside: HttpClient) -> Iterator[Desk]:
    with open_desk("salesforce", outside) as desk:
        yield desk


@pytest.fixture
def own_desk(outside: HttpClient) -> Iterator[Desk]:
    with open_desk("http_json", outside) as desk:
        yield desk


@contextmanager
def _exported(book: Book) -> Iterator[OpenFile]:
    """The book as a file that somebody put there when the last lead was changed."""
    text = io.StringIO()
    out = csv.writer(text, delimiter=";")
    out.writerow(
        (
            *("Lead ID", "First Name", "Last Name", "Email", "Phone", "Mobile", "Stage"),
            *("Owner", "Source", "Modified At", "Budget"),
        )
    )
    for p in book.people.values():
        at = p.modified_at.isoformat()
        out.writerow(
            (
                *(p.lead_id, p.first, p.last, p.email, p.phone, p.mobile, p.stage, p.owner),
                *(p.source, at, p.budget),
            )
        )
    changed = max((p.modified_at for p in book.people.values()), default=NOON)
    yield OpenFile(io.BytesIO(b"\xef\xbb\xbf" + text.getvalue().encode()), changed)
