"""A CRM that a business made itself: JSON of its own shape, a bearer token."""

from datetime import UTC, datetime
from typing import Any

from tests.stubs.crm import Book, Person
from tests.stubs.vendor import Answer, Request, VendorStub

TOKEN = "own-crm-token-0123456789"
LIMIT = Answer(429, {"error": "slow down"}, {"Retry-After": "1"})
BROKEN = Answer(500, {"error": "sorry"})

MAPPING: dict[str, Any] = {
    "leads": {
        "path": "/contacts?from={since}&to={until}&page={page}&per_page={size}",
        "items": "/data/rows",
        "paging": "page",
        "size": 2,
    },
    "lead": {
        "lead_id": "/key",
        "phones": ["/tel/main", "/tel/other"],
        "name": ["/first", "/last"],
        "email": "/mail",
        "stage": "/state/label",
        "owner": "/owner",
        "source": "/from",
        "modified_at": "/touched",
        "deleted": "/gone",
        "attributes": {"budget": "/more/0/value"},
    },
    "by_phone": {"path": "/contacts/search?tel={phone}", "items": "/data/rows"},
    "activities": {
        "path": "/contacts/{lead_id}/history?last={limit}",
        "activity_id": "/id",
        "event_name": "/what",
        "occurred_at": "/when",
        "data": {"text": "/text"},
    },
    "write": {
        "path": "/contacts/{lead_id}/history",
        "body": {"what": "{subject}", "text": "{text}", "seconds": "{duration_s}"},
        "id": "/id",
    },
    "times": "unix_ms",
}


class OwnCrmStub(VendorStub):
    def __init__(self) -> None:
        super().__init__()
        self.book = Book()

    def handle(self, request: Request) -> Answer:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return Answer(401, {"error": "who are you?"})
        match request.method, *request.path.removeprefix("/api/contacts").split("/")[1:]:
            case ["GET"]:
                return self._listed(request)
            case ["GET", "search"]:
                found = self.book.with_phone(request.query["tel"][0])
                return Answer(200, {"data": {"rows": [_row(p) for p in found]}})
            case ["GET", lead_id, "history"] if lead_id in self.book.people:
                events = sorted(self.book.people[lead_id].events, key=lambda e: e["at"])
                last = events[-int(request.query["last"][0]) :]
                return Answer(200, [_event(e) for e in last])
            case ["POST", lead_id, "history"]:
                body = request.json()
                assert isinstance(body["seconds"], int)
                return Answer(201, {"id": self.book.note(lead_id, body["text"])})
        return Answer(404, {"error": "no such place"})

    def _listed(self, request: Request) -> Answer:
        since, until = (
            datetime.fromtimestamp(int(request.query[name][0]) / 1000, UTC)
            for name in ("from", "to")
        )
        number, size = int(request.query["page"][0]), int(request.query["per_page"][0])
        found = self.book.changed(since, until)[(number - 1) * size : number * size]
        return Answer(200, {"data": {"rows": [_row(person) for person in found]}})


def _row(person: Person) -> dict[str, Any]:
    return {
        "key": person.lead_id,
        "tel": {"main": person.phone, "other": person.mobile},
        "first": person.first,
        "last": person.last,
        "mail": person.email,
        "state": {"label": person.stage},
        "owner": person.owner,
        "from": person.source,
        "touched": int(person.modified_at.timestamp() * 1000),
        "gone": person.deleted,
        "more": [{"value": person.budget}],
    }


def _event(one: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": one["id"],
        "what": one["name"],
        "when": one["at"].isoformat(),
        "text": one["text"],
    }
