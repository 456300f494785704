"""Moment rules: kept, changed, tried."""

from dataclasses import asdict
from typing import Any
from uuid import UUID

from locutory.kernel.audit import audit
from locutory.kernel.auth.contract import Access
from locutory.kernel.auth.schemas import PageAsk
from locutory.kernel.db import Session
from locutory.kernel.paging import decode_cursor, encode_cursor, split_page
from locutory.kernel.preconditions import Precondition
from locutory.products.calls.findings import queries
from locutory.products.calls.findings.contract import MomentKeyTaken, MomentNotFound, TooMany
from locutory.products.calls.findings.models import MomentRule
from locutory.products.calls.findings.moments import Rule, match
from locutory.products.calls.findings.schemas import (
    MomentCreate,
    MomentPage,
    MomentRead,
    MomentTest,
    MomentTested,
    MomentTestRead,
    MomentUpdate,
    SpanRead,
)
from locutory.products.calls.findings.service.types import require_version
from locutory.products.calls.findings.service.watched import rule_of
from locutory.products.calls.records import queries as records
from locutory.products.calls.records.models import CallTranscript
from locutory.products.calls.records.transcripts import transcript_of

MOST_RULES = 100
_SORT = "moments:key"


async def list_moments(access: Access, ask: PageAsk) -> MomentPage:
    """A page of rules by key."""
    after = decode_cursor(ask.cursor, _SORT, str)[0] if ask.cursor else ""
    async with access.db.read() as session:
        rows = await queries.moment_rules(session)
    page, more = split_page([row for row in rows if row.key > after], ask.limit)
    next_cursor = encode_cursor(_SORT, page[-1].key, page[-1].id) if more else None
    return MomentPage(items=[read_moment(row) for row in page], next_cursor=next_cursor)


async def create_moment(tx: Session, data: MomentCreate, *, actor: str) -> MomentRead:
    """Keep a rule. Raises MomentKeyTaken, TooMany."""
    if await queries.moment_key_taken(tx, data.key):
        raise MomentKeyTaken
    if len(await queries.moment_rules(tx)) >= MOST_RULES:
        raise TooMany
    row = MomentRule(
        key=data.key,
        name=data.name,
        rule=data.rule.model_dump(),
        enabled=data.enabled,
        version=1,
    )
    tx.add(row)
    await tx.flush()
    await _note(tx, actor, "create", row, changes=data.model_dump())
    return read_moment(row)


async def update_moment(
    access: Access, id_: UUID, data: MomentUpdate, if_match: Precondition
) -> MomentRead:
    """Change a rule; calls show it from their next analysis on.

    Raises MomentNotFound, ChangedMeanwhile.
    """
    changes = data.model_dump(exclude_unset=True)
    changes.pop("rule", None)
    if data.rule is not None:
        changes["rule"] = data.rule.model_dump()  # whole, as a new one is kept

    async def store(tx: Session) -> MomentRead:
        row = await _get(tx, id_)
        require_version(if_match, row.version)
        for name, value in changes.items():
            setattr(row, name, value)
        row.version += 1
        await tx.flush()
        await _note(tx, access.principal.key, "update", row, changes=changes)
        return read_moment(row)

    return await access.db.write(store)


async def delete_moment(access: Access, id_: UUID, if_match: Precondition) -> None:
    """Forget a rule; what it matched stays with a call until that is analysed again.

    Raises MomentNotFound, ChangedMeanwhile.
    """

    async def store(tx: Session) -> None:
        row = await _get(tx, id_)
        require_version(if_match, row.version)
        await tx.delete(row)
        await _note(tx, access.principal.key, "delete", row)

    await access.db.write(store)


async def try_moment(access: Access, id_: UUID, data: MomentTest) -> MomentTestRead:
    """Evaluate a rule, or a draft of it, on calls; nothing is written.

    Raises MomentNotFound, CallNotFound.
    """
    async with access.db.read() as session:
        stored = await _get(session, id_)
        draft = stored.rule if data.rule is None else data.rule.model_dump()
        found = [(callid, await _transcript(session, callid)) for callid in data.callids]
    rule = rule_of(draft)
    return MomentTestRead(items=[_tried(rule, callid, row) for callid, row in found])


async def _transcript(session: Session, callid: str) -> CallTranscript | None:
    record = await records.get(session, callid)
    return await records.transcript(session, record.id, record.transcript_version)


def _tried(rule: Rule, callid: str, row: CallTranscript | None) -> MomentTested:
    transcript = None if row is None else transcript_of(row)
    spans = [] if transcript is None else match(rule, transcript)
    return MomentTested(
        callid=callid,
        matched=bool(spans),
        has_words=transcript is not None and transcript.has_words,
        spans=[SpanRead(**asdict(span)) for span in spans],
    )


def read_moment(row: MomentRule) -> MomentRead:
    """The wire shape of a rule."""
    return MomentRead(
        id=row.id,
        key=row.key,
        name=row.name,
        rule=row.rule,
        enabled=row.enabled,
        version=row.version,
        updated_at=row.updated_at,
    )


async def _get(session: Session, id_: UUID) -> MomentRule:
    row = await queries.find_moment(session, id_)
    if row is None:
        raise MomentNotFound
    return row


async def _note(tx: Session, actor: str, verb: str, row: MomentRule, **detail: Any) -> None:
    object_ = f"moment:{row.key}"
    await audit(tx, actor=actor, action=f"moment.{verb}", object=object_, **detail)
