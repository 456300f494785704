"""Floor agents: who talks with customers, by what name sources call them, with what login."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from pydantic import ValidationError
from sqlalchemy import select, update

from locutory.kernel.audit import audit
from locutory.kernel.auth import Access
from locutory.kernel.crypto import Aad, KeyRing
from locutory.kernel.db import Database, Session
from locutory.kernel.errors import InvalidError, UnsupportedMediaError
from locutory.kernel.http_errors import faults
from locutory.kernel.ids import new_id
from locutory.kernel.paging import decode_cursor, encode_cursor, keyset, split_page
from locutory.products.calls.businesses.contract import FloorAgentNotFound
from locutory.products.calls.businesses.models import FloorAgent
from locutory.products.calls.businesses.schemas import (
    FloorAgentPage,
    FloorAgentRead,
    FloorAgentWrite,
    ImportFault,
    ImportRead,
)

MOST_ROWS = 20_000
_SORT = "floor-agents"
_MOST_FAULTS = 200
_COLUMNS = {
    "external_id": "external_id",
    "id": "external_id",
    "agent_id": "external_id",
    "name": "name",
    "agent_name": "name",
    "phones": "phones",
    "phone": "phones",
    "team": "team",
    "active": "active",
}
_NO = frozenset({"0", "no", "false", "n", "inactive"})


@dataclass(frozen=True, slots=True)
class Parsed:
    """A list of floor agents and the lines that could not be read."""

    agents: list[FloorAgentWrite]
    faults: list[ImportFault]


async def list_agents(
    access: Access, ring: KeyRing, *, cursor: str | None, limit: int, active: bool | None
) -> FloorAgentPage:
    """The roster by external id."""
    after = decode_cursor(cursor, _SORT, str) if cursor else None
    statement = select(FloorAgent)
    if active is not None:
        statement = statement.where(FloorAgent.active == active)
    async with access.db.read() as session:
        found = (
            await session.scalars(
                keyset(
                    statement,
                    column=FloorAgent.external_id,
                    id_column=FloorAgent.id,
                    after=after,
                    descending=False,
                    limit=limit,
                )
            )
        ).all()
    rows, more = split_page(found, limit)
    last = rows[-1] if more else None
    return FloorAgentPage(
        items=[_read(row, ring) for row in rows],
        next_cursor=encode_cursor(_SORT, last.external_id, last.id) if last else None,
    )


async def replace(access: Access, ring: KeyRing, agents: Sequence[FloorAgentWrite]) -> ImportRead:
    """Make this the roster. Who is missing becomes inactive: their calls stay theirs."""
    _no_twins(agents)
    return await _store(access, ring, agents, action="floor_agents.replace", whole=True)


async def take_in(access: Access, ring: KeyRing, parsed: Parsed) -> ImportRead:
    """Add and change what a file names; the rest of the roster stays."""
    stored = await _store(access, ring, parsed.agents, action="floor_agents.import", whole=False)
    return stored.model_copy(
        update={"rejected": len(parsed.faults), "faults": parsed.faults[:_MOST_FAULTS]}
    )


def parse(data: bytes) -> Parsed:
    """Read a CSV with a heading line: commas, semicolons or tabs, with or without a BOM.

    Raises UnsupportedMediaError for what is no text, InvalidError without an `external_id` column.
    """
    try:
        content = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnsupportedMediaError("send the list as CSV in UTF-8") from error
    heading = content.partition("\n")[0]
    delimiter = max(",;\t", key=heading.count)
    rows = csv.reader(io.StringIO(content.replace("\0", ""), newline=""), delimiter=delimiter)
    try:
        return _parsed(rows)
    except csv.Error as error:
        raise InvalidError(f"line {rows.line_num}: {error}", code="CSV_INVALID") from error


async def own_agents(db: Database, user_id: UUID) -> tuple[str, ...]:
    """The external ids that a user's own calls have."""
    async with db.read() as session:
        statement = select(FloorAgent.external_id).where(FloorAgent.user_id == user_id)
        return tuple((await session.scalars(statement)).all())


async def team_of(session: Session, external_id: str) -> str | None:
    """The team of a floor agent, None where the roster names none."""
    statement = select(FloorAgent.team).where(FloorAgent.external_id == external_id)
    return (await session.scalars(statement)).one_or_none()


async def agents_of(db: Database, user_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Which floor agent each of these users is."""
    async with db.read() as session:
        statement = select(FloorAgent.user_id, FloorAgent.external_id)
        rows = await session.execute(statement.where(FloorAgent.user_id.in_(user_ids)))
        return {user_id: external_id for user_id, external_id in rows if user_id is not None}


async def link(tx: Session, user_id: UUID, external_id: str | None, *, actor: str) -> None:
    """Say which floor agent a user is, None for nobody. Raises FloorAgentNotFound."""
    await tx.execute(update(FloorAgent).where(FloorAgent.user_id == user_id).values(user_id=None))
    if external_id is not None:
        found = await tx.execute(
            update(FloorAgent)
            .where(FloorAgent.external_id == external_id)
            .values(user_id=user_id)
            .returning(FloorAgent.id)
        )
        if found.first() is None:
            raise FloorAgentNotFound
    await audit(
        tx,
        actor=actor,
        action="floor_agent.link",
        object=f"user:{user_id}",
        floor_agent=external_id,
    )


def _parsed(rows: Any) -> Parsed:
    heading: list[str] = next(rows, [])
    names = [_COLUMNS.get(cell.strip().lower().replace(" ", "_")) for cell in heading]
    if "external_id" not in names:
        raise InvalidError(
            "the first line must name the columns: external_id,name,phones,team,active",
            code="CSV_INVALID",
        )
    agents: dict[str, FloorAgentWrite] = {}
    wrong: list[ImportFault] = []
    for cells in rows:
        line = rows.line_num
        if not any(cell.strip() for cell in cells):
            continue
        if len(agents) + len(wrong) >= MOST_ROWS:
            raise InvalidError(f"at most {MOST_ROWS} lines at once", code="CSV_TOO_LONG")
        try:
            agent = _agent(names, cells)
        except ValidationError as error:
            fault = faults(error.errors())[0]
            message = f"{fault['field']}: {fault['message']}"
            wrong.append(ImportFault(line=line, message=message))
            continue
        if agent.external_id in agents:
            wrong.append(ImportFault(line=line, message="external_id: named twice in this file"))
        agents[agent.external_id] = agent
    return Parsed(list(agents.values()), wrong)


def _agent(names: Sequence[str | None], cells: Sequence[str]) -> FloorAgentWrite:
    given: dict[str, Any] = {
        name: cell.strip()
        for name, cell in zip(names, cells, strict=False)
        if name is not None and cell.strip()
    }
    given["phones"] = [
        phone for part in given.get("phones", "").split("|") if (phone := part.strip())
    ]
    given["active"] = given.get("active", "yes").lower() not in _NO
    given.setdefault("name", given.get("external_id", ""))
    return FloorAgentWrite(**given)


def _no_twins(agents: Sequence[FloorAgentWrite]) -> None:
    seen: set[str] = set()
    twins = []
    for index, agent in enumerate(agents):
        if agent.external_id in seen:
            twins.append(
                {
                    "field": f"items.{index}.external_id",
                    "code": "TWICE",
                    "message": "named twice",
                }
            )
        seen.add(agent.external_id)
    if twins:
        raise InvalidError("each floor agent once", errors=twins)


async def _store(
    access: Access,
    ring: KeyRing,
    agents: Sequence[FloorAgentWrite],
    *,
    action: str,
    whole: bool,
) -> ImportRead:
    async def store(tx: Session) -> ImportRead:
        known = {row.external_id: row for row in (await tx.scalars(select(FloorAgent))).all()}
        created = 0
        for agent in agents:
            row = known.get(agent.external_id)
            if row is None:
                created += 1
                row = FloorAgent(id=new_id(), external_id=agent.external_id)
                tx.add(row)
            _fill(row, agent, ring, tx.tenant_id)
        named = {agent.external_id for agent in agents}
        if whole:
            for row in known.values():
                row.active = row.active and row.external_id in named
        await audit(
            tx,
            actor=access.principal.key,
            action=action,
            object=f"{len(agents)} floor agents",
            created=created,
        )
        return ImportRead(created=created, updated=len(agents) - created, rejected=0, faults=[])

    return await access.db.write(store)


def _fill(row: FloorAgent, agent: FloorAgentWrite, ring: KeyRing, tenant_id: UUID) -> None:
    row.name, row.team, row.active = agent.name, agent.team, agent.active
    sealed = _phones(row, ring, tenant_id) if row.phones_enc else []
    if agent.phones != sealed:
        aad = _aad(tenant_id, row.id)
        row.phones_enc = ring.encrypt(orjson.dumps(agent.phones), aad=aad) if agent.phones else None


def _phones(row: FloorAgent, ring: KeyRing, tenant_id: UUID) -> list[str]:
    if row.phones_enc is None:
        return []
    phones: list[str] = orjson.loads(ring.decrypt(row.phones_enc, aad=_aad(tenant_id, row.id)))
    return phones


def _read(row: FloorAgent, ring: KeyRing) -> FloorAgentRead:
    return FloorAgentRead(
        external_id=row.external_id,
        name=row.name,
        phones=[f"•••{phone[-4:]}" for phone in _phones(row, ring, row.tenant_id)],
        team=row.team,
        active=row.active,
        user_id=row.user_id,
    )


def _aad(tenant_id: UUID, id_: UUID) -> Aad:
    return Aad(tenant_id, FloorAgent.__tablename__, id_, "phones")
