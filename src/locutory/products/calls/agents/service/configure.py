"""Agents of a business: written as drafts, put in force, taken back."""

from uuid import UUID

from locutory.capabilities.analysis.api import (
    LIBRARY,
    Analyst,
    By,
    StoredAgent,
    agent_faults,
    archive_agent,
    create_agent,
    drafted_set,
    get_agent,
    library_agent,
    list_agents,
    list_versions,
    publish_agent,
    replaced,
    roll_back,
    save_draft,
    set_faults,
)
from locutory.capabilities.analysis.prompts import VARIABLES
from locutory.kernel.auth.contract import Access
from locutory.kernel.db import Session
from locutory.kernel.paging import decode_cursor, encode_cursor, split_page
from locutory.products.calls.agents.schemas import (
    AgentCreate,
    AgentList,
    AgentPage,
    AgentPatch,
    AgentPut,
    AgentRead,
    Fault,
    LibraryRead,
    Verdict,
    VersionPage,
)
from locutory.products.calls.agents.shapes import read_agent, read_row, spec_from, written

_NO_ID = UUID(int=0)


def read_library(analyst: Analyst) -> LibraryRead:
    """What comes with the program."""
    return LibraryRead(
        items=[read_agent(library_agent(key)) for key in LIBRARY],
        variables={name: list(known) for name, known in VARIABLES.items()},
        providers=list(analyst.providers),
    )


async def read_agents(inside: Access, ask: AgentList) -> AgentPage:
    """A page of agents by key. A business has few, so that all are read and one page is shown."""
    after = decode_cursor(ask.cursor, "agents", str)[0] if ask.cursor else ""
    async with inside.db.read() as session:
        found = await list_agents(session, status=ask.status)
    page, more = split_page([a for a in found if a.spec.key > after], ask.limit)
    last = encode_cursor("agents", page[-1].spec.key, _NO_ID) if more else None
    return AgentPage(items=[read_row(agent) for agent in page], next_cursor=last)


async def read_one(inside: Access, key: str, version: int | None = None) -> AgentRead:
    """A version of an agent, by default the newest. Raises AgentNotFound, AgentVersionNotFound."""
    async with inside.db.read() as session:
        return read_agent(await get_agent(session, key, version))


async def read_versions(inside: Access, key: str, *, cursor: str | None, limit: int) -> VersionPage:
    """An agent's versions, newest first. Raises AgentNotFound."""
    before = decode_cursor(cursor, "versions", float)[0] if cursor else float("inf")
    async with inside.db.read() as session:
        found = await list_versions(session, key)
    page, more = split_page([a for a in found if a.spec.version < before], limit)
    last = encode_cursor("versions", page[-1].spec.version, _NO_ID) if more else None
    return VersionPage(items=[read_agent(agent) for agent in page], next_cursor=last)


async def create(tx: Session, data: AgentCreate, *, by: By) -> AgentRead:
    """Write a new agent's draft. Raises AgentExists, AgentInvalid, TooManyAgents."""
    spec = spec_from(data, data.key)
    return read_agent(await create_agent(tx, spec, enabled=data.enabled, by=by))


async def put(inside: Access, key: str, data: AgentPut, *, by: By) -> AgentRead:
    """Write an agent's draft anew. Raises AgentNotFound, AgentChanged, AgentInvalid."""

    async def store(tx: Session) -> StoredAgent:
        return await save_draft(tx, spec_from(data, key), enabled=data.enabled, by=by)

    return read_agent(await inside.db.write(store))


async def patch(inside: Access, key: str, data: AgentPatch, *, by: By) -> AgentRead:
    """Write a draft that differs from the newest version in what is named.

    Raises AgentNotFound, AgentChanged, AgentInvalid.
    """
    changes = {name: getattr(data, name) for name in data.model_fields_set}

    async def store(tx: Session) -> StoredAgent:
        newest = await get_agent(tx, key)
        whole = AgentPut.model_construct(**{**written(newest), **changes})
        return await save_draft(tx, spec_from(whole, key), enabled=whole.enabled, by=by)

    return read_agent(await inside.db.write(store))


async def publish(inside: Access, key: str, *, by: By) -> AgentRead:
    """Put the draft in force. Raises AgentNotFound, AgentChanged, NoDraft, AgentInvalid."""
    return read_agent(await inside.db.write(lambda tx: publish_agent(tx, key, by=by)))


async def rollback(inside: Access, key: str, version: int | None, *, by: By) -> AgentRead:
    """Put an earlier version in force.

    Raises AgentNotFound, AgentChanged, AgentVersionNotFound, NothingBefore, AgentInvalid.
    """
    return read_agent(await inside.db.write(lambda tx: roll_back(tx, key, version, by=by)))


async def archive(inside: Access, key: str, *, by: By) -> None:
    """Take an agent out of use. Raises AgentNotFound, AgentChanged, AgentNeeded."""
    await inside.db.write(lambda tx: archive_agent(tx, key, by=by))


async def validate(inside: Access, data: AgentCreate, analyst: Analyst) -> Verdict:
    """Everything that saving this agent would complain of."""
    spec = spec_from(data, data.key)
    async with inside.db.read() as session:
        others = await drafted_set(session)
    faults = agent_faults(spec, providers=analyst.providers)
    faults += set_faults(replaced(others, spec))
    return Verdict(valid=not faults, errors=[Fault(**fault) for fault in faults])
