"""LeadSquared: its REST calls of version 2, with keys in the query.

Wire facts: calls seed, appendix W4. Failures come under 500, or under 200 with a body that says so;
which they are is told by their type.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final

import orjson

from locutory.engines.crm.base import (
    Activity,
    Checked,
    CrmRejected,
    Lead,
    LeadFault,
    LeadPage,
    Note,
    NoteKind,
    Window,
)
from locutory.engines.crm.moments import moment_of, plain
from locutory.engines.crm.pace import Line
from locutory.kernel.errors import (
    EngineAuthError,
    EngineError,
    EngineThrottled,
    EngineUnavailable,
    InvalidOutput,
)
from locutory.kernel.http.client import HttpClient
from locutory.kernel.http.replies import Reply

NAME: Final = "leadsquared"
_COLUMNS: Final = (
    *("ProspectID", "FirstName", "LastName", "EmailAddress", "Phone", "Mobile"),
    *("ProspectStage", "OwnerIdName", "Source", "ModifiedOn"),
)
_NO_ATTRIBUTES: Final = frozenset((*_COLUMNS, "ProspectAutoId", "Total", "IsStarredLead"))
_LONG_AGO: Final = datetime(2000, 1, 1, tzinfo=UTC)
_ATTEMPTS: Final = 3
_ACTIVITIES: Final = 25
"""So many come where nothing else is asked for."""
_SEARCHED: Final = 200
_FOUND_IN: Final = ("Note", "NotableEventDescription", "ActivityNote")
# signs in the type of an exception, the first that fits counts
_KINDS: Final[tuple[tuple[str, type[EngineError]], ...]] = (
    ("RateLimit", EngineThrottled),
    ("Throttl", EngineThrottled),
    ("TooMany", EngineThrottled),
    ("AccessKey", EngineAuthError),
    ("SecretKey", EngineAuthError),
    ("Auth", EngineAuthError),
    ("Permission", EngineAuthError),
    ("Timeout", EngineUnavailable),
    ("Unavailable", EngineUnavailable),
    ("Server", EngineUnavailable),
    ("Invalid", CrmRejected),
    ("NotFound", CrmRejected),
    ("Duplicate", CrmRejected),
    ("Input", CrmRejected),
    ("Parameter", CrmRejected),
)


class LeadSquared:
    """Leads by `RecentlyModified`, notes as activities, calls in the log of its telephony."""

    provider: ClassVar[str] = NAME
    writes: ClassVar[bool] = True

    def __init__(
        self,
        http: HttpClient,
        line: Line,
        *,
        base_url: str,
        access_key: str,
        secret_key: str,
        attributes: Sequence[str] = (),
        page_size: int = 1000,
        activity_event: int = 201,
        timeout_s: float = 30.0,
    ) -> None:
        """`base_url` is scheme and host; `activity_event` the code that notes are kept under."""
        self._http = http
        self._line = line
        self._base = f"{base_url.rstrip('/')}/v2"
        self._keys = {"accessKey": access_key, "secretKey": secret_key}
        self._attributes = tuple(attributes)
        self._columns = ",".join(dict.fromkeys((*_COLUMNS, *attributes)))
        self._page_size = page_size
        self._event = activity_event
        self._timeout_s = timeout_s

    async def check(self) -> Checked:
        """One lead by the advanced search, which asks for rights and columns alike."""
        body = {
            "Parameter": {
                "LookupName": "CreatedOn",
                "LookupValue": plain(_LONG_AGO),
                "SqlOperator": ">",
            },
            "Columns": {"Include_CSV": self._columns},
            "Sorting": {"ColumnName": "CreatedOn", "Direction": "1"},
            "Paging": {"PageIndex": 1, "PageSize": 1},
        }
        answer = await self._post("LeadManagement.svc/Leads.Get", body, attempts=1)
        leads, _, _ = self._leads(answer)
        return Checked("LeadSquared answers", len(leads))

    async def recently_modified(self, window: Window, cursor: str | None) -> LeadPage:
        """A page of the window, in the order of `ProspectAutoId`.

        A lead that is changed meanwhile leaves the window, and those behind it move up by one:
        read forwards, the first of the next page would be missed. So where the count of all is
        told, pages are read from the last to the first.
        """
        way, number = (cursor[0], int(cursor[1:])) if cursor else ("?", 1)
        body = {
            "Parameter": {"FromDate": plain(window.since), "ToDate": plain(window.until)},
            "Columns": {"Include_CSV": self._columns},
            "Paging": {"PageIndex": number, "PageSize": self._page_size},
            "Sorting": {"ColumnName": "ProspectAutoId", "Direction": "1"},
        }
        answer = await self._post("LeadManagement.svc/Leads.RecentlyModified", body)
        leads, faults, total = self._leads(answer)
        full = len(leads) + len(faults) >= self._page_size
        following = None
        if way == "b":
            following = f"b{number - 1}" if number > 1 else None
        elif full and way == "?" and total is not None and total > self._page_size:
            following = f"b{-(-total // self._page_size)}"
        elif full:
            following = f"f{number + 1}"
        return LeadPage(leads=tuple(leads), cursor=following, faults=tuple(faults))

    async def by_phone(self, phone: str) -> Sequence[Lead]:
        """Leads whose phone or mobile is that one."""
        where = "LeadManagement.svc/RetrieveLeadByPhoneNumber"
        leads, _, _ = self._leads(await self._get(where, {"phone": phone}))
        return leads

    async def activities(self, lead_id: str, *, limit: int) -> Sequence[Activity]:
        """The lead's newest activities of any kind."""
        found = await self._activities(lead_id, offset=0, count=limit, event=None)
        return sorted(found, key=lambda one: one.occurred_at, reverse=True)[:limit]

    async def write(self, note: Note) -> str:
        """An activity on the lead, or an entry in the log of calls."""
        if note.kind is NoteKind.CALL_LOG:
            answer = await self._post("Telephony.svc/LogCall", _call_log(note), attempts=1)
        else:
            body = {
                "RelatedProspectId": note.lead_id,
                "ActivityEvent": self._event,
                "ActivityNote": note.text,
                "ActivityDateTime": plain(note.at),
                "Fields": [{"SchemaName": k, "Value": v} for k, v in note.fields.items()],
            }
            answer = await self._post("ProspectActivity.svc/Create", body, attempts=1)
        message = answer.get("Message") if isinstance(answer, Mapping) else None
        return str(message.get("Id") or "") if isinstance(message, Mapping) else ""

    async def find(self, note: Note) -> str | None:
        """Look through the lead's activities, as many as a search may cost, for the mark."""
        event = self._event if note.kind is NoteKind.NOTE else None
        for offset in range(0, _SEARCHED, _ACTIVITIES):
            found = await self._activities(
                note.lead_id, offset=offset, count=_ACTIVITIES, event=event
            )
            for one in found:
                if any(note.mark in str(value) for value in one.data.values()):
                    return one.activity_id
            if len(found) < _ACTIVITIES:
                return None
        return None

    async def _activities(
        self, lead_id: str, *, offset: int, count: int, event: int | None
    ) -> list[Activity]:
        body: dict[str, Any] = {"Paging": {"Offset": str(offset), "RowCount": str(count)}}
        if event is not None:
            body["Parameter"] = {"ActivityEvent": event}
        where = "ProspectActivity.svc/Retrieve"
        answer = await self._post(where, body, params={"leadId": lead_id})
        rows = answer.get("ProspectActivities") if isinstance(answer, Mapping) else None
        if not isinstance(rows, list):
            raise InvalidOutput("activities without a list of them", engine=NAME)
        return [one for row in rows if (one := _activity(row)) is not None]

    def _leads(self, answer: Any) -> tuple[list[Lead], list[LeadFault], int | None]:
        """Leads of either shape: a list of flat objects, or lists of attributes with a count."""
        rows, total = answer, None
        if isinstance(answer, Mapping):
            rows, count = answer.get("Leads"), answer.get("RecordCount")
            total = count if isinstance(count, int) else None
        if not isinstance(rows, list):
            raise InvalidOutput("leads without a list of them", engine=NAME)
        leads, faults = [], []
        for place, row in enumerate(rows, start=1):
            values = _flat(row)
            lead_id = values.get("ProspectID")
            if lead_id:
                leads.append(self._lead(str(lead_id), values))
            else:
                faults.append(LeadFault(place=place, reason="no ProspectID"))
        return leads, faults, total

    def _lead(self, lead_id: str, values: Mapping[str, Any]) -> Lead:
        def text(*names: str) -> str | None:
            parts = [str(values[name]).strip() for name in names if values.get(name)]
            return " ".join(filter(None, parts)) or None

        phones = [phone for name in ("Phone", "Mobile") if (phone := text(name))]
        return Lead(
            lead_id=lead_id,
            phones=tuple(dict.fromkeys(phones)),
            name=text("FirstName", "LastName"),
            email=text("EmailAddress"),
            stage=text("ProspectStage"),
            owner=text("OwnerIdName"),
            source=text("Source"),
            modified_at=moment_of(values.get("ModifiedOn")),
            attributes={
                name: values[name]
                for name in self._attributes
                if name not in _NO_ATTRIBUTES and values.get(name) not in (None, "")
            },
        )

    async def _get(self, where: str, params: Mapping[str, str]) -> Any:
        return await self._ask("GET", where, params=params, attempts=_ATTEMPTS)

    async def _post(
        self,
        where: str,
        body: Any,
        *,
        params: Mapping[str, str] | None = None,
        attempts: int = _ATTEMPTS,
    ) -> Any:
        return await self._ask("POST", where, params=params, json=body, attempts=attempts)

    async def _ask(
        self, method: str, where: str, *, params: Mapping[str, str] | None, **options: Any
    ) -> Any:
        reply = await self._line.ask(
            self._http,
            method,
            f"{self._base}/{where}",
            params={**(params or {}), **self._keys},
            timeout_s=self._timeout_s,
            refine=self._refined,
            check=self._check,
            **options,
        )
        return reply.json(engine=NAME)

    def _check(self, reply: Reply) -> None:
        """Raise for a failure that comes as a success."""
        told = _told(reply)
        if told is not None:
            raise self._failure(told, reply, CrmRejected)

    def _refined(self, reply: Reply, error: EngineError) -> EngineError:
        """What the body tells counts more than its 500; an answer may quote our keys."""
        told = _told(reply)
        if told is not None and reply.status >= 500:
            return self._failure(told, reply, type(error), error.retry_after)
        detail = self._clean(error.detail)
        return type(error)(
            detail, engine=NAME, retry_after=error.retry_after, upstream_status=reply.status
        )

    def _failure(
        self,
        told: tuple[str, str],
        reply: Reply,
        otherwise: type[EngineError],
        retry_after: float | None = None,
    ) -> EngineError:
        kind, message = told
        fits = (found for sign, found in _KINDS if sign.lower() in kind.lower())
        detail = self._clean(f"LeadSquared answered {reply.status}: {kind}: {message}")[:500]
        return next(fits, otherwise)(
            detail, engine=NAME, retry_after=retry_after, upstream_status=reply.status
        )

    def _clean(self, text: str) -> str:
        for secret in self._keys.values():
            text = text.replace(secret, "***")
        return text


def _told(reply: Reply) -> tuple[str, str] | None:
    """(type, message) of a failure in a body, None where there is none."""
    try:
        body = orjson.loads(reply.body)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(body, Mapping) or not (
        body.get("Status") == "Error" or body.get("ExceptionType")
    ):
        return None
    return str(body.get("ExceptionType") or "Error"), str(body.get("ExceptionMessage") or "")


def _flat(row: Any) -> Mapping[str, Any]:
    if not isinstance(row, Mapping):
        return {}
    listed = row.get("LeadPropertyList")
    if not isinstance(listed, list):
        return row
    return {
        str(one.get("Attribute")): one.get("Value") for one in listed if isinstance(one, Mapping)
    }


def _activity(row: Any) -> Activity | None:
    if not isinstance(row, Mapping) or not row.get("Id"):
        return None
    at = moment_of(row.get("CreatedOn"))
    if at is None:
        return None
    code = row.get("EventCode")
    return Activity(
        activity_id=str(row["Id"]),
        event_code=None if code is None else str(code),
        event_name=str(row.get("EventName") or code or "activity"),
        occurred_at=at,
        data=dict(_details(row)),
    )


def _details(row: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    data = row.get("Data")
    for one in data if isinstance(data, list) else ():
        if isinstance(one, Mapping) and one.get("Value") not in (None, ""):
            yield str(one.get("Key")), one["Value"]
    for name in _FOUND_IN:
        if isinstance(row.get(name), str) and row[name]:
            yield name, row[name]


def _call_log(note: Note) -> dict[str, Any]:
    """The customer's number stands where the direction puts it."""
    customer, ours = note.customer_phone or "", note.agent_id or ""
    inbound = note.direction != "outbound"
    begun, ended = plain(note.at), plain(note.at + timedelta(seconds=note.duration_s))
    return {
        "SourceNumber": customer if inbound else ours,
        "CallerSource": "Locutory",
        "DestinationNumber": ours if inbound else customer,
        "DisplayNumber": ours,
        "StartTime": begun,
        "EndTime": ended,
        "CallDuration": note.duration_s,
        "Status": "Answered",
        "CallNotes": note.text,
        "ResourceURL": note.url or "",
        "Direction": "Inbound" if inbound else "Outbound",
        "CallSessionId": note.mark,
        "LeadId": note.lead_id,
        "Tag": note.mark,
        "UserId": ours,
    }
