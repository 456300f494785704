"""Salesforce: leads by SOQL, calls as tasks, a token by client credentials or a refresh token.

Wire facts: calls seed, appendix W5. Pages go by the last row's change and id, not by the query's
own cursor, which ends with its session: a place that was kept may be used days later.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Final
from urllib.parse import quote, urlencode, urlsplit

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
from locutory.engines.crm.moments import iso, moment_of
from locutory.engines.crm.pace import Line
from locutory.kernel.errors import (
    EngineAuthError,
    EngineConfigError,
    EngineError,
    EngineThrottled,
    InvalidOutput,
)
from locutory.kernel.http.client import HttpClient
from locutory.kernel.http.replies import EngineRejectedError, Reply

NAME: Final = "salesforce"
_FIELDS: Final = (
    *("Id", "Name", "Email", "Phone", "MobilePhone", "Status", "Owner.Name", "LeadSource"),
    *("SystemModstamp", "IsDeleted"),
)
_TASK_FIELDS: Final = "Id, Subject, Status, TaskSubtype, Description, CreatedDate"
_ID = re.compile(r"[A-Za-z0-9]{15,18}")
_ATTEMPTS: Final = 3
_WRONG_QUERY: Final = frozenset({"INVALID_FIELD", "INVALID_TYPE", "MALFORMED_QUERY"})


class Salesforce:
    """The `Lead` object and its tasks, in one organisation."""

    provider: ClassVar[str] = NAME
    writes: ClassVar[bool] = True

    def __init__(
        self,
        http: HttpClient,
        line: Line,
        *,
        login_url: str,
        client_id: str,
        client_secret: str,
        refresh_token: str | None = None,
        attributes: Sequence[str] = (),
        page_size: int = 500,
        version: str = "59.0",
        timeout_s: float = 30.0,
    ) -> None:
        """`login_url` is scheme and host of the organisation's own domain."""
        self._http = http
        self._line = line
        self._login_url = login_url.rstrip("/")
        self._client = {"client_id": client_id, "client_secret": client_secret}
        self._refresh_token = refresh_token
        self._attributes = tuple(attributes)
        self._fields = ", ".join(dict.fromkeys((*_FIELDS, *attributes)))
        self._page_size = page_size
        self._path = f"/services/data/v{version}"
        self._timeout_s = timeout_s

    async def check(self) -> Checked:
        """One lead with all fields that are asked for."""
        rows = await self._query(f"SELECT {self._fields} FROM Lead LIMIT 1", attempts=1)
        return Checked("Salesforce answers", len(rows))

    async def recently_modified(self, window: Window, cursor: str | None) -> LeadPage:
        """Leads by their change and id, deleted ones too."""
        since = f"SystemModstamp >= {iso(window.since)}"
        if cursor is not None:
            at, _, last = cursor.partition("|")
            beyond = f"SystemModstamp = {at} AND Id > '{_literal(last)}'"
            since = f"(SystemModstamp > {at} OR ({beyond}))"
        rows = await self._query(
            f"SELECT {self._fields} FROM Lead WHERE {since}"
            f" AND SystemModstamp < {iso(window.until)}"
            f" ORDER BY SystemModstamp ASC, Id ASC LIMIT {self._page_size}",
            everything=True,
        )
        leads, faults = [], []
        for place, row in enumerate(rows, start=1):
            lead = self._lead(row)
            if lead is None:
                faults.append(LeadFault(place=place, reason="no Id or SystemModstamp"))
            else:
                leads.append(lead)
        following = None
        if leads and len(rows) >= self._page_size:
            following = f"{_stamp(leads[-1].modified_at)}|{leads[-1].lead_id}"
        return LeadPage(leads=tuple(leads), cursor=following, faults=tuple(faults))

    async def by_phone(self, phone: str) -> Sequence[Lead]:
        """Leads whose phone or mobile ends with the same ten digits, however they are written."""
        digits = re.sub(r"\D", "", phone)[-10:]
        like = "%" + "%".join(digits)
        where = f"Phone LIKE '{like}' OR MobilePhone LIKE '{like}'"
        rows = await self._query(f"SELECT {self._fields} FROM Lead WHERE {where} LIMIT 10")
        return [lead for row in rows if (lead := self._lead(row)) is not None]

    async def activities(self, lead_id: str, *, limit: int) -> Sequence[Activity]:
        """The lead's newest tasks."""
        rows = await self._query(
            f"SELECT {_TASK_FIELDS} FROM Task WHERE WhoId = '{_literal(lead_id)}'"
            f" ORDER BY CreatedDate DESC LIMIT {limit}"
        )
        return [one for row in rows if (one := _activity(row)) is not None]

    async def write(self, note: Note) -> str:
        """A completed task on the lead; an entry in the log of calls is one of subtype Call."""
        body: dict[str, Any] = {
            "WhoId": note.lead_id,
            "Subject": note.subject[:255],
            "Description": note.text,
            "Status": "Completed",
            "ActivityDate": note.at.date().isoformat(),
            **note.fields,
        }
        if note.kind is NoteKind.CALL_LOG:
            body |= {
                "TaskSubtype": "Call",
                "CallType": "Outbound" if note.direction == "outbound" else "Inbound",
                "CallDurationInSeconds": note.duration_s,
                "CallObject": note.mark,
            }
        answer = await self._ask("POST", f"{self._path}/sobjects/Task", json=body, attempts=1)
        return str(answer.get("id") or "") if isinstance(answer, Mapping) else ""

    async def find(self, note: Note) -> str | None:
        """Look through the lead's tasks for the mark: long texts cannot be asked for by SOQL."""
        rows = await self._query(
            f"SELECT {_TASK_FIELDS} FROM Task WHERE WhoId = '{_literal(note.lead_id)}'"
            " ORDER BY CreatedDate DESC LIMIT 200"
        )
        for row in rows:
            if note.mark in str(row.get("Description") or ""):
                return str(row.get("Id") or "")
        return None

    def _lead(self, row: Mapping[str, Any]) -> Lead | None:
        lead_id, at = row.get("Id"), moment_of(row.get("SystemModstamp"))
        if not lead_id or at is None:
            return None
        if row.get("IsDeleted"):
            return Lead(lead_id=str(lead_id), modified_at=at, deleted=True)
        owner = row.get("Owner")
        phones = [str(row[name]) for name in ("Phone", "MobilePhone") if row.get(name)]
        return Lead(
            lead_id=str(lead_id),
            phones=tuple(dict.fromkeys(phones)),
            name=row.get("Name") or None,
            email=row.get("Email") or None,
            stage=row.get("Status") or None,
            owner=owner.get("Name") if isinstance(owner, Mapping) else None,
            source=row.get("LeadSource") or None,
            modified_at=at,
            attributes={
                name: row[name] for name in self._attributes if row.get(name) not in (None, "")
            },
        )

    async def _query(
        self, soql: str, *, everything: bool = False, attempts: int = _ATTEMPTS
    ) -> list[Mapping[str, Any]]:
        """All rows of a query; `everything` with those in the bin."""
        kind = "queryAll" if everything else "query"
        path: str | None = f"{self._path}/{kind}?q={quote(soql, safe='')}"
        rows: list[Mapping[str, Any]] = []
        while path is not None:
            answer = await self._ask("GET", path, attempts=attempts)
            found = answer.get("records") if isinstance(answer, Mapping) else None
            if not isinstance(found, list):
                raise InvalidOutput("an answer without records", engine=NAME)
            rows += [row for row in found if isinstance(row, Mapping)]
            following = answer.get("nextRecordsUrl")
            path = None if answer.get("done", True) or not following else str(following)
        return rows

    async def _ask(self, method: str, path: str, *, attempts: int, **options: Any) -> Any:
        """Ask with the token that there is; a refused one is renewed once."""
        for last in (False, True):
            token, instance = await self._logged_in()
            try:
                reply = await self._line.ask(
                    self._http,
                    method,
                    f"{instance}{path}",
                    headers={"Authorization": f"Bearer {token}"},
                    timeout_s=self._timeout_s,
                    refine=_refined,
                    attempts=attempts,
                    **options,
                )
                return reply.json(engine=NAME)
            except EngineAuthError as error:
                if last or error.extra.get("upstream_status") != 401:
                    raise
                if self._line.session is not None and self._line.session[0] == token:
                    self._line.session = None
        raise AssertionError("the second time returns or raises")

    async def _logged_in(self) -> tuple[str, str]:
        """The token and the address of the organisation's server."""
        async with self._line.logging_in:
            if self._line.session is None:
                self._line.session = await self._log_in()
            return self._line.session

    async def _log_in(self) -> tuple[str, str]:
        form = {"grant_type": "client_credentials", **self._client}
        if self._refresh_token is not None:
            form |= {"grant_type": "refresh_token", "refresh_token": self._refresh_token}
        reply = await self._line.ask(
            self._http,
            "POST",
            f"{self._login_url}/services/oauth2/token",
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            data=urlencode(form).encode(),
            timeout_s=self._timeout_s,
            refine=self._refused_login,
            attempts=_ATTEMPTS,
        )
        answer = reply.json(engine=NAME)
        try:
            token, instance = str(answer["access_token"]), str(answer["instance_url"])
        except (KeyError, TypeError) as error:
            raise InvalidOutput("a login without a token", engine=NAME) from error
        parts = urlsplit(instance)
        return token, f"{parts.scheme}://{parts.netloc}"

    def _refused_login(self, reply: Reply, error: EngineError) -> EngineError:
        """Wrong credentials come as 400 here; the answer's own words hold none of ours."""
        told = _body(reply)
        if isinstance(told, Mapping) and told.get("error"):
            words = f"{told['error']}: {told.get('error_description') or ''}"[:300]
            if reply.status < 500:
                return EngineAuthError(
                    f"Salesforce refuses the login: {words}",
                    engine=NAME,
                    upstream_status=reply.status,
                )
        return error


def _refined(reply: Reply, error: EngineError) -> EngineError:
    """Salesforce's own codes: its limit comes as 403, a wrong field as 400."""
    told = _body(reply)
    first = told[0] if isinstance(told, list) and told and isinstance(told[0], Mapping) else {}
    code = str(first.get("errorCode") or "")
    detail = f"Salesforce answered {reply.status}: {code}: {first.get('message') or ''}"[:500]
    if "LIMIT_EXCEEDED" in code:
        return EngineThrottled(
            detail, engine=NAME, retry_after=error.retry_after, upstream_status=reply.status
        )
    if code in _WRONG_QUERY:
        return EngineConfigError(detail, engine=NAME, upstream_status=reply.status)
    if code and isinstance(error, EngineRejectedError):
        return CrmRejected(detail, engine=NAME, upstream_status=reply.status)
    return error


def _body(reply: Reply) -> Any:
    try:
        return orjson.loads(reply.body)
    except orjson.JSONDecodeError:
        return None


def _activity(row: Mapping[str, Any]) -> Activity | None:
    at = moment_of(row.get("CreatedDate"))
    if not row.get("Id") or at is None:
        return None
    kept = ("Subject", "Status", "Description")
    return Activity(
        activity_id=str(row["Id"]),
        event_code=row.get("TaskSubtype") or None,
        event_name=str(row.get("Subject") or "Task"),
        occurred_at=at,
        data={name: row[name] for name in kept if row.get(name)},
    )


def _literal(id_: str) -> str:
    """An id within quotes. Raises CrmRejected for what is none, which could be a query."""
    if not _ID.fullmatch(id_):
        raise CrmRejected("no Salesforce id", engine=NAME)
    return id_


def _stamp(moment: datetime | None) -> str:
    assert moment is not None
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
