"""Any CRM that answers JSON over HTTP, by a mapping of its addresses and fields."""

import base64
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Final
from urllib.parse import quote

from locutory.engines.crm.base import (
    Activity,
    Checked,
    CrmUnsupported,
    Lead,
    LeadFault,
    LeadPage,
    Note,
    Window,
)
from locutory.engines.crm.filling import filled, filled_address
from locutory.engines.crm.mapping import HttpJsonMapping, LeadList
from locutory.engines.crm.moments import iso, moment_of, plain
from locutory.engines.crm.pace import Line
from locutory.engines.crm.pointers import at, text_at
from locutory.kernel.clock import to_ms, utc_now
from locutory.kernel.errors import EngineConfigError, EngineError
from locutory.kernel.http.client import HttpClient
from locutory.kernel.http.replies import EngineRejectedError, Reply

NAME: Final = "http_json"
_ATTEMPTS: Final = 3
_SEARCHED: Final = 200
_YES: Final = frozenset({"true", "1", "yes", "y"})


class HttpJson:
    """A connection whose addresses, fields and credentials the business describes."""

    provider: ClassVar[str] = NAME

    def __init__(
        self,
        http: HttpClient,
        line: Line,
        *,
        base_url: str,
        mapping: HttpJsonMapping,
        token: str | None = None,
        user: str | None = None,
        password: str | None = None,
        timeout_s: float = 30.0,
    ) -> None:
        """`base_url` is what the mapping's paths are put behind."""
        self._http = http
        self._line = line
        self._base = base_url.rstrip("/")
        self._mapping = mapping
        self._headers: dict[str, str] = {}
        self._query = ""
        self._secrets = tuple(filter(None, (token, password)))
        match mapping.auth:
            case "bearer":
                self._headers["Authorization"] = f"Bearer {token or ''}"
            case "basic":
                pair = base64.b64encode(f"{user or ''}:{password or ''}".encode()).decode()
                self._headers["Authorization"] = f"Basic {pair}"
                self._secrets += (pair,)
            case "header":
                self._headers[mapping.auth_name or ""] = token or ""
            case "query":
                self._query = f"{mapping.auth_name}={quote(token or '', safe='')}"
        self._timeout_s = timeout_s

    @property
    def writes(self) -> bool:
        """Whether the mapping says how notes are written."""
        return self._mapping.write is not None

    async def check(self) -> Checked:
        """The first page of all leads, read as a sync would read it."""
        window = Window(datetime.fromisoformat("2000-01-01T00:00:00Z"), utc_now())
        page = await self._page(window, None, attempts=1)
        if page.faults and not page.leads:
            words = f"none of {len(page.faults)} items is a lead: {page.faults[0].reason}"
            raise EngineConfigError(words, engine=NAME)
        return Checked("the CRM answers", len(page.leads))

    async def recently_modified(self, window: Window, cursor: str | None) -> LeadPage:
        """A page of the window, in the CRM's own order."""
        return await self._page(window, cursor, attempts=_ATTEMPTS)

    async def by_phone(self, phone: str) -> Sequence[Lead]:
        """Leads with that number; without a mapping for it there are none."""
        asked = self._mapping.by_phone
        if asked is None:
            return ()
        answer = await self._get(filled_address(asked.path, {"phone": phone}), _ATTEMPTS)
        return self._leads(_listed(answer, asked.items))[0]

    async def activities(self, lead_id: str, *, limit: int) -> Sequence[Activity]:
        """What happened last with a lead."""
        asked = self._mapping.activities
        if asked is None:
            raise CrmUnsupported("the mapping names no activities")
        path = filled_address(asked.path, {"lead_id": lead_id, "limit": limit})
        found = []
        for item in _listed(await self._get(path, _ATTEMPTS), asked.items):
            id_, moment = text_at(item, asked.activity_id), moment_of(at(item, asked.occurred_at))
            if id_ is None or moment is None:
                continue
            data = {name: at(item, pointer) for name, pointer in asked.data.items()}
            found.append(
                Activity(
                    activity_id=id_,
                    event_code=asked.event_code and text_at(item, asked.event_code),
                    event_name=text_at(item, asked.event_name) or "activity",
                    occurred_at=moment,
                    data={name: value for name, value in data.items() if value not in (None, "")},
                )
            )
        return sorted(found, key=lambda one: one.occurred_at, reverse=True)[:limit]

    async def write(self, note: Note) -> str:
        """Send the note in the mapping's form."""
        form = self._mapping.write
        if form is None:
            raise CrmUnsupported("the mapping does not say how notes are written")
        values = {
            "lead_id": note.lead_id,
            "text": note.text,
            "subject": note.subject,
            "mark": note.mark,
            "at": self._time(note.at),
            "duration_s": note.duration_s,
            "direction": note.direction,
            "customer_phone": note.customer_phone,
            "agent_id": note.agent_id,
            "url": note.url,
        }
        body = {**filled(form.body, values), **note.fields}
        reply = await self._ask(form.method, filled_address(form.path, values), 1, json=body)
        if form.id is None or not reply.body.strip():
            return ""
        return text_at(reply.json(engine=NAME), form.id) or ""

    async def find(self, note: Note) -> str | None:
        """Look through the lead's activities for the mark."""
        for one in await self.activities(note.lead_id, limit=_SEARCHED):
            if any(note.mark in str(value) for value in one.data.values()):
                return one.activity_id
        return None

    async def _page(self, window: Window, cursor: str | None, *, attempts: int) -> LeadPage:
        asked = self._mapping.leads
        number = int(cursor) if cursor and asked.paging == "page" else asked.first_page
        values = {
            "since": self._time(window.since),
            "until": self._time(window.until),
            "size": asked.size,
            "page": number,
            "cursor": cursor if cursor and asked.paging == "cursor" else "",
        }
        try:
            answer = await self._get(filled_address(asked.path, values), attempts)
        except EngineRejectedError as error:  # of a list, unlike of a lead, it is the mapping's
            raise EngineConfigError(error.detail, engine=NAME) from error
        items = _listed(answer, asked.items)
        leads, faults = self._leads(items)
        following = _following(asked, answer, len(items), number)
        return LeadPage(leads=tuple(leads), cursor=following, faults=tuple(faults))

    def _leads(self, items: Sequence[Any]) -> tuple[list[Lead], list[LeadFault]]:
        fields, leads, faults = self._mapping.lead, [], []
        for place, item in enumerate(items, start=1):

            def text(pointer: str | None, item: Any = item) -> str | None:
                return None if pointer is None else text_at(item, pointer)

            lead_id = text(fields.lead_id)
            if lead_id is None:
                reason = f"nothing stands at {fields.lead_id or 'the whole item'}"
                faults.append(LeadFault(place=place, reason=reason))
                continue
            phones = [phone for one in fields.phones if (phone := text(one))]
            attributes = {name: at(item, one) for name, one in fields.attributes.items()}
            modified = None if fields.modified_at is None else at(item, fields.modified_at)
            deleted = None if fields.deleted is None else at(item, fields.deleted)
            leads.append(
                Lead(
                    lead_id=lead_id,
                    phones=tuple(dict.fromkeys(phones)),
                    name=text_at(item, *fields.name),
                    email=text(fields.email),
                    stage=text(fields.stage),
                    owner=text(fields.owner),
                    source=text(fields.source),
                    modified_at=moment_of(modified),
                    attributes={k: v for k, v in attributes.items() if v not in (None, "")},
                    deleted=str(deleted).lower() in _YES,
                )
            )
        return leads, faults

    def _time(self, moment: datetime) -> str:
        match self._mapping.times:
            case "plain":
                return plain(moment)
            case "unix":
                return str(to_ms(moment) // 1000)
            case "unix_ms":
                return str(to_ms(moment))
        return iso(moment)

    async def _get(self, path: str, attempts: int) -> Any:
        return (await self._ask("GET", path, attempts)).json(engine=NAME)

    async def _ask(self, method: str, path: str, attempts: int, **options: Any) -> Reply:
        url = f"{self._base}{path}"
        if self._query:
            url += ("&" if "?" in path else "?") + self._query
        return await self._line.ask(
            self._http,
            method,
            url,
            headers=self._headers,
            timeout_s=self._timeout_s,
            refine=self._refined,
            attempts=attempts,
            **options,
        )

    def _refined(self, reply: Reply, error: EngineError) -> EngineError:
        """The same without our token, which an answer may quote."""
        detail = error.detail
        for secret in self._secrets:
            detail = detail.replace(secret, "***")
        return type(error)(
            detail, engine=NAME, retry_after=error.retry_after, upstream_status=reply.status
        )


def _following(asked: LeadList, answer: Any, count: int, number: int) -> str | None:
    if asked.paging == "page":
        return str(number + 1) if count >= asked.size else None
    if asked.paging == "cursor" and asked.cursor is not None:
        return text_at(answer, asked.cursor) if count else None
    return None


def _listed(answer: Any, pointer: str) -> Sequence[Any]:
    found = at(answer, pointer)
    if isinstance(found, list):
        return found
    if found is None and isinstance(answer, Mapping | list):
        there = ", ".join(answer) if isinstance(answer, Mapping) else "a list"
        raise EngineConfigError(
            f"nothing stands at {pointer or 'the whole answer'}; there is {there}"[:300],
            engine=NAME,
        )
    raise EngineConfigError(f"what stands at {pointer or 'the top'} is no list", engine=NAME)
