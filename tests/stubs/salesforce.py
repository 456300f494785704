"""Salesforce's login, queries and tasks, so far as the product speaks of them."""

import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from tests.stubs.crm import Book, Person, digits
from tests.stubs.vendor import Answer, Request, VendorStub

CLIENT, SECRET, REFRESH = "client-id-0123", "client-secret-0123456789", "refresh-token-0123456789"
_LEADS = "/services/data/v59.0/sobjects/Lead"
_STAMPS = re.compile(r"SystemModstamp (>=|<|>|=) (\S+?)\)?(?= |$)")


def failure(code: str, message: str, status: int) -> Answer:
    return Answer(status, [{"message": message, "errorCode": code}])


LIMIT = failure("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", 403)
WRONG_FIELD = failure("INVALID_FIELD", "No such column 'Budget__c' on entity 'Lead'", 400)
BROKEN = failure("UNKNOWN_EXCEPTION", "An unexpected error occurred", 500)
NO_RIGHT = failure("API_DISABLED_FOR_ORG", "The REST API is not enabled", 403)


class SalesforceStub(VendorStub):
    """One organisation; `token` is the one that holds now."""

    def __init__(self) -> None:
        super().__init__()
        self.book = Book()
        self.logins = 0
        self.rows_at_once = 2000
        self._rest: dict[str, list[Any]] = {}

    @property
    def token(self) -> str:
        return f"token-{self.logins:04}-0123456789"

    def handle(self, request: Request) -> Answer:
        if request.path == "/services/oauth2/token":
            return self._log_in(parse_qs(request.body.decode()))
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return failure("INVALID_SESSION_ID", "Session expired or invalid", 401)
        path = request.path.removeprefix("/services/data/v59.0")
        if path in ("/query", "/queryAll"):
            rows = self._selected(request.query["q"][0], everything=path == "/queryAll")
            return self._some(rows)
        if path.startswith("/query/"):
            return self._some(self._rest.pop(path))
        if path == "/sobjects/Task":
            return self._task(request.json())
        return failure("NOT_FOUND", "The requested resource does not exist", 404)

    def _log_in(self, form: dict[str, list[str]]) -> Answer:
        known = form.get("client_id") == [CLIENT] and form.get("client_secret") == [SECRET]
        kind = form.get("grant_type")
        if kind == ["refresh_token"]:
            known = known and form.get("refresh_token") == [REFRESH]
        elif kind != ["client_credentials"]:
            return Answer(400, {"error": "unsupported_grant_type"})
        if not known:
            told = {"error": "invalid_client", "error_description": "invalid client credentials"}
            return Answer(400, told)
        self.logins += 1
        return Answer(200, {"access_token": self.token, "instance_url": self.url})

    def _some(self, rows: list[Any]) -> Answer:
        page, rest = rows[: self.rows_at_once], rows[self.rows_at_once :]
        answer: dict[str, Any] = {"totalSize": len(rows), "done": not rest, "records": page}
        if rest:
            path = f"/query/01g{len(self._rest):05}-{self.rows_at_once}"
            self._rest[path] = rest
            answer["nextRecordsUrl"] = f"/services/data/v59.0{path}"
        return Answer(200, answer)

    def _selected(self, soql: str, *, everything: bool) -> list[dict[str, Any]]:
        limit = int(soql.rpartition(" LIMIT ")[2])
        if " FROM Task " in soql:
            (who,) = re.findall(r"WhoId = '(\w+)'", soql)
            events = self.book.people[who].events if who in self.book.people else []
            newest = sorted(events, key=lambda e: e["at"], reverse=True)
            return [_task(e) for e in newest][:limit]
        people = list(self.book.people.values())
        if " LIKE " in soql:
            wanted = digits(re.findall(r"Phone LIKE '(\S+)'", soql)[0])
            people = self.book.with_phone(wanted)
        elif " ORDER BY SystemModstamp ASC, Id ASC" in soql:
            people.sort(key=lambda p: (p.modified_at, p.lead_id))
            beyond = re.findall(r"Id > '(\w+)'", soql)
            people = [p for p in people if _fits(p, soql, beyond[0] if beyond else None)]
        people = [p for p in people if everything or not p.deleted]
        return [_lead(p, soql) for p in people[:limit]]

    def _task(self, body: dict[str, Any]) -> Answer:
        if body["WhoId"] not in self.book.people:
            return failure("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", 400)
        assert body["Status"] == "Completed"
        id_ = self.book.note(body["WhoId"], body["Description"], task=body)
        return Answer(201, {"id": id_, "success": True, "errors": []})


def _fits(person: Person, soql: str, beyond: str | None) -> bool:
    bounds = [(op, _moment(text)) for op, text in _STAMPS.findall(soql)]
    at = person.modified_at
    if not all(at < bound for op, bound in bounds if op == "<"):
        return False
    if beyond is None:
        return all(at >= bound for op, bound in bounds if op == ">=")
    (after,) = [bound for op, bound in bounds if op == ">"]
    return at > after or (at == after and person.lead_id > beyond)


def _lead(person: Person, soql: str) -> dict[str, Any]:
    row = {
        "attributes": {
            "type": "Lead",
            "url": f"/services/data/v59.0/sobjects/Lead/{person.lead_id}",
        },
        "Id": person.lead_id,
        "Name": f"{person.first} {person.last}",
        "Email": person.email,
        "Phone": person.phone or None,
        "MobilePhone": person.mobile or None,
        "Status": person.stage,
        "Owner": {"attributes": {"type": "Name"}, "Name": person.owner},
        "LeadSource": person.source,
        "SystemModstamp": person.modified_at.strftime("%Y-%m-%dT%H:%M:%S.000+0000"),
        "IsDeleted": person.deleted,
    }
    return row | ({"Budget__c": person.budget} if "Budget__c" in soql else {})


def _task(one: dict[str, Any]) -> dict[str, Any]:
    return {
        "attributes": {"type": "Task"},
        "Id": one["id"],
        "Subject": one["name"],
        "Status": "Completed",
        "TaskSubtype": "Task",
        "Description": one["text"],
        "CreatedDate": one["at"].strftime("%Y-%m-%dT%H:%M:%S.000+0000"),
    }


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
