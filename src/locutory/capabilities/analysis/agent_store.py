"""A tenant's agents: the library's until it makes them its own, then versions of them.

A draft changes until it is published; what was published never changes. Every change checks that
the agents still form an order, so writers of one tenant go one after the other.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import func, select

from locutory.capabilities.analysis.configs import (
    LIBRARY,
    MOST_AGENTS,
    AgentChanged,
    AgentExists,
    AgentInvalid,
    AgentNeeded,
    AgentStatus,
    AgentVersionNotFound,
    NoDraft,
    NothingBefore,
    Origin,
    StoredAgent,
    TooManyAgents,
    body_of,
    check_agent,
    library_agent,
    set_faults,
    spec_of,
)
from locutory.capabilities.analysis.contract import AgentSpec
from locutory.capabilities.analysis.models import AnalysisAgent, AnalysisAgentVersion
from locutory.kernel.audit import audit
from locutory.kernel.clock import utc_now
from locutory.kernel.db import Session
from locutory.kernel.db.locks import hold
from locutory.kernel.preconditions import ALWAYS, Precondition

AGENTS_CHANGED = "analysis.agents"
"""The signal after each change."""

_A, _V = AnalysisAgent, AnalysisAgentVersion
_ONE_WRITER = "agents"  # of a tenant at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class By:
    """Who changes an agent, what they saw of it before, and which model providers there are."""

    actor: str
    expected: Precondition = ALWAYS
    providers: Collection[str] = ()


# --- reading ----------------------------------------------------------------------------------


async def stamp_of(session: Session) -> int:
    """A number that grows with every change of the tenant's agents."""
    return int(await session.scalar(select(func.coalesce(func.sum(_A.revision), 0))) or 0)


async def agents_in_force(session: Session) -> tuple[AgentSpec, ...]:
    """The agents that judge the tenant's talks: its own published ones, else the library's."""
    found = await _published(session)
    return tuple(agent.spec for agent in found.values() if agent.enabled)


async def list_agents(session: Session, *, status: AgentStatus | None = None) -> list[StoredAgent]:
    """Each agent's newest version, by key; archived agents only where they are asked for."""
    heads = {head.key: head for head in (await session.scalars(select(_A))).all()}
    newest = await _newest(session, heads)
    found = [_stored(heads[key], row) for key, row in newest.items()]
    found += [library_agent(key) for key in LIBRARY if key not in heads]
    found += [_of_library(heads[key]) for key in LIBRARY if key in heads.keys() - newest.keys()]
    shown = {AgentStatus.DRAFT, AgentStatus.PUBLISHED} if status is None else {status}
    return sorted((a for a in found if a.status in shown), key=lambda a: a.spec.key)


async def get_agent(session: Session, key: str, version: int | None = None) -> StoredAgent:
    """A version of an agent, by default the newest. Raises AgentNotFound, AgentVersionNotFound."""
    head = await _find_head(session, key)
    if head is None:
        found = library_agent(key)
        if version not in (None, found.spec.version):
            raise AgentVersionNotFound
        return found
    rows = await _rows(session, key)
    if version is None:
        row = _current(head, rows)
        return _of_library(head) if row is None else _stored(head, row)
    row = next((row for row in rows if row.version == version), None)
    if row is not None:
        return _stored(head, row)
    if key in LIBRARY and LIBRARY[key].version == version:
        return _of_library(head)
    raise AgentVersionNotFound


async def list_versions(session: Session, key: str) -> list[StoredAgent]:
    """All versions of an agent, newest first. Raises AgentNotFound."""
    head = await _find_head(session, key)
    if head is None:
        return [library_agent(key)]
    own = [_stored(head, row) for row in await _rows(session, key)]
    return own + ([_of_library(head)] if key in LIBRARY else [])


async def published_agent(session: Session, key: str) -> StoredAgent | None:
    """The version in force, also when it is switched off."""
    return (await _published(session)).get(key)


async def draft_agent(session: Session, key: str) -> StoredAgent | None:
    """The draft, if there is one."""
    head = await _find_head(session, key)
    row = None if head is None else await _draft(session, key)
    return None if head is None or row is None else _stored(head, row)


async def drafted_set(session: Session) -> list[AgentSpec]:
    """The agents as they would be if every draft were published."""
    found = await _published(session)
    heads = {head.key: head for head in (await session.scalars(select(_A))).all()}
    drafts = await session.scalars(select(_V).where(_V.status == AgentStatus.DRAFT))
    found |= {row.key: _stored(heads[row.key], row) for row in drafts}
    return [agent.spec for agent in found.values() if agent.enabled]


# --- writing ----------------------------------------------------------------------------------


async def create_agent(tx: Session, spec: AgentSpec, *, enabled: bool, by: By) -> StoredAgent:
    """Write the first version of an agent, a draft. Raises AgentExists, AgentInvalid."""
    await hold(tx, _ONE_WRITER)
    if spec.key in LIBRARY or await _find_head(tx, spec.key) is not None:
        raise AgentExists
    own = await tx.scalar(select(func.count()).select_from(_A).where(_A.archived.is_(False)))
    if (own or 0) >= MOST_AGENTS:
        raise TooManyAgents
    head = _A(key=spec.key, revision=0, published=None, archived=False)
    tx.add(head)
    return await _save(tx, head, spec, enabled=enabled, by=by, action="agent.create")


async def save_draft(tx: Session, spec: AgentSpec, *, enabled: bool, by: By) -> StoredAgent:
    """Write the draft of an agent, which may be the library's.

    Raises AgentNotFound, AgentChanged, AgentInvalid.
    """
    head = await _own_head(tx, spec.key, by)
    return await _save(tx, head, spec, enabled=enabled, by=by, action="agent.change")


async def publish_agent(tx: Session, key: str, *, by: By) -> StoredAgent:
    """Let the draft judge from now on.

    Raises AgentNotFound, AgentChanged, NoDraft, AgentInvalid.
    """
    head = await _own_head(tx, key, by)
    draft = await _draft(tx, key)
    if draft is None:
        raise NoDraft
    await _put_in_force(tx, head, draft, by)
    await _note(tx, "agent.publish", head, by, version=draft.version)
    return _stored(head, draft)


async def roll_back(tx: Session, key: str, version: int | None, *, by: By) -> StoredAgent:
    """Let an earlier version judge again, by default the one in force before.

    Raises AgentNotFound, AgentChanged, AgentVersionNotFound, NothingBefore, AgentInvalid.
    """
    head = await _own_head(tx, key, by)
    rows = [row for row in await _rows(tx, key) if row.published_at is not None]
    others = [row for row in rows if row.version != head.published]
    library = LIBRARY.get(key)
    row: AnalysisAgentVersion | None
    if version is not None:
        row = next((row for row in rows if row.version == version), None)
        if row is None and (library is None or library.version != version):
            raise AgentVersionNotFound
    else:
        row = max(others, key=lambda row: row.published_at or utc_now(), default=None)
        if row is None and (library is None or (head.published is None and not head.archived)):
            raise NothingBefore
    await _put_in_force(tx, head, row, by)
    back = library.version if row is None and library is not None else row and row.version
    await _note(tx, "agent.rollback", head, by, version=back)
    return _of_library(head) if row is None else _stored(head, row)


async def archive_agent(tx: Session, key: str, *, by: By) -> None:
    """Let an agent judge no more; its versions stay for the results that they gave.

    Raises AgentNotFound, AgentChanged, AgentNeeded.
    """
    head = await _own_head(tx, key, by)
    if head.archived:
        return
    left = [spec for spec in await agents_in_force(tx) if spec.key != key]
    faults = set_faults(left)
    if faults:
        raise AgentNeeded(errors=faults)
    for row in await _rows(tx, key):
        row.status = AgentStatus.ARCHIVED
    head.archived, head.published = True, None
    head.revision += 1
    await tx.flush()
    await _note(tx, "agent.archive", head, by)


async def _save(
    tx: Session,
    head: AnalysisAgent,
    spec: AgentSpec,
    *,
    enabled: bool,
    by: By,
    action: str,
) -> StoredAgent:
    others = [other for other in await drafted_set(tx) if other.key != spec.key]
    check_agent(spec, others, providers=by.providers)
    now = utc_now()
    row = await _draft(tx, spec.key)
    if row is None:
        row = _V(
            key=spec.key,
            version=await _next_version(tx, spec.key),
            status=AgentStatus.DRAFT,
            created_by=by.actor,
        )
        tx.add(row)
    row.enabled, row.body = enabled, body_of(spec)
    row.updated_by, row.updated_at = by.actor, now
    head.revision += 1
    await tx.flush()
    await _note(tx, action, head, by, version=row.version)
    return _stored(head, row)


async def _put_in_force(
    tx: Session, head: AnalysisAgent, row: AnalysisAgentVersion | None, by: By
) -> None:
    """Make this version, or the library's, the one in force; check the set that this makes."""
    others = [spec for spec in await agents_in_force(tx) if spec.key != head.key]
    if row is None:
        _check_set([*others, LIBRARY[head.key]])
    elif row.enabled:
        check_agent(spec_of(row.key, row.version, row.body), others, providers=by.providers)
    else:
        _check_set(others)
    for other in await _rows(tx, head.key):
        if other.status == AgentStatus.PUBLISHED:
            other.status = AgentStatus.ARCHIVED
    if row is not None:
        row.status = AgentStatus.PUBLISHED
        row.published_by, row.published_at = by.actor, utc_now()
    head.published, head.archived = None if row is None else row.version, False
    head.revision += 1
    await tx.flush()


def _check_set(specs: Sequence[AgentSpec]) -> None:
    faults = set_faults(specs)
    if faults:
        raise AgentInvalid(errors=faults)


async def _own_head(tx: Session, key: str, by: By) -> AnalysisAgent:
    """The agent's row, made for a library agent that is touched for the first time."""
    await hold(tx, _ONE_WRITER)
    head = await _find_head(tx, key)
    if not by.expected.holds((await get_agent(tx, key)).etag):
        raise AgentChanged
    if head is None:
        library_agent(key)
        head = _A(key=key, revision=0, published=None, archived=False)
        tx.add(head)
        await tx.flush()
    return head


async def _note(tx: Session, action: str, head: AnalysisAgent, by: By, **detail: Any) -> None:
    await audit(tx, actor=by.actor, action=action, object=head.key, **detail)
    tx.signal(AGENTS_CHANGED)


# --- rows -------------------------------------------------------------------------------------


async def _find_head(session: Session, key: str) -> AnalysisAgent | None:
    return await session.scalar(select(_A).where(_A.key == key))


async def _rows(session: Session, key: str) -> Sequence[AnalysisAgentVersion]:
    return (
        await session.scalars(select(_V).where(_V.key == key).order_by(_V.version.desc()))
    ).all()


async def _draft(session: Session, key: str) -> AnalysisAgentVersion | None:
    return await session.scalar(select(_V).where(_V.key == key, _V.status == AgentStatus.DRAFT))


async def _next_version(session: Session, key: str) -> int:
    last = await session.scalar(select(func.max(_V.version)).where(_V.key == key))
    built_in = LIBRARY[key].version if key in LIBRARY else 0
    return max(last or 0, built_in) + 1


async def _newest(
    session: Session, heads: Mapping[str, AnalysisAgent]
) -> dict[str, AnalysisAgentVersion]:
    by_key: dict[str, list[AnalysisAgentVersion]] = {}
    for row in await session.scalars(select(_V).order_by(_V.version.desc())):
        by_key.setdefault(row.key, []).append(row)
    newest = {key: _current(heads[key], rows) for key, rows in by_key.items()}
    return {key: row for key, row in newest.items() if row is not None}


def _current(
    head: AnalysisAgent, rows: Sequence[AnalysisAgentVersion]
) -> AnalysisAgentVersion | None:
    """What people see and edit: the draft, else what is in force, else the last that was.

    None where that is the library's.
    """
    for row in rows:
        if row.status == AgentStatus.DRAFT:
            return row
    if head.published is None and not head.archived and head.key in LIBRARY:
        return None
    in_force = next((row for row in rows if row.version == head.published), None)
    return in_force or (rows[0] if rows else None)


async def _published(session: Session) -> dict[str, StoredAgent]:
    """What is in force by key, library agents first."""
    heads = {head.key: head for head in (await session.scalars(select(_A))).all()}
    rows = await session.scalars(select(_V).where(_V.status == AgentStatus.PUBLISHED))
    own = {row.key: _stored(heads[row.key], row) for row in rows}
    found = {}
    for key in LIBRARY:
        if key not in heads:
            found[key] = library_agent(key)
        elif key not in own and not heads[key].archived:
            found[key] = _of_library(heads[key])
        elif key in own:
            found[key] = own[key]
    return found | {key: own[key] for key in sorted(own.keys() - found.keys())}


def _of_library(head: AnalysisAgent) -> StoredAgent:
    """The library's version of an agent that has a row."""
    in_force = head.published is None and not head.archived
    return replace(
        library_agent(head.key),
        status=AgentStatus.PUBLISHED if in_force else AgentStatus.ARCHIVED,
        revision=head.revision,
        published_version=_in_force(head),
    )


def _in_force(head: AnalysisAgent) -> int | None:
    if head.archived:
        return None
    if head.published is None and head.key in LIBRARY:
        return LIBRARY[head.key].version
    return head.published


def _stored(head: AnalysisAgent, row: AnalysisAgentVersion) -> StoredAgent:
    return StoredAgent(
        spec=spec_of(row.key, row.version, row.body),
        enabled=row.enabled,
        status=AgentStatus(row.status),
        origin=Origin.OWN,
        revision=head.revision,
        published_version=_in_force(head),
        created_by=row.created_by,
        created_at=row.created_at,
        updated_by=row.updated_by,
        updated_at=row.updated_at,
        published_by=row.published_by,
        published_at=row.published_at,
    )
