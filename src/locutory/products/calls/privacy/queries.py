"""SELECTs of privacy, by name. The session adds the tenant."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, String, and_, cast, func, or_, select

from locutory.kernel.db import Session
from locutory.kernel.paging import AnySelect, keyset
from locutory.products.calls.exchange.contract import Kind, State
from locutory.products.calls.exchange.models import Export
from locutory.products.calls.privacy.contract import ErasureNotFound, Matter
from locutory.products.calls.privacy.models import Erasure
from locutory.products.calls.records.contract import StageState
from locutory.products.calls.records.models import (
    CallAnalysis,
    CallComment,
    CallRecord,
    CallTranscript,
)
from locutory.products.calls.reviews.models import CallReview

_R = CallRecord
_WORDS = select(CallTranscript.id).where(
    CallTranscript.call_id == _R.id, CallTranscript.purged_at.is_(None)
)
_JUDGED = select(CallAnalysis.id).where(
    CallAnalysis.call_id == _R.id, CallAnalysis.purged_at.is_(None)
)
_HAS: dict[Matter, ColumnElement[bool]] = {
    Matter.AUDIO: or_(_R.audio_key.is_not(None), _R.audio_url_enc.is_not(None)),
    Matter.TRANSCRIPT: or_(_WORDS.exists(), _R.sidecar_key.is_not(None)),
    Matter.ANALYSIS: _JUDGED.exists(),
}


async def find_erasure(db: Session, erasure_id: UUID, *, lock: bool = False) -> Erasure | None:
    """A request for erasure."""
    statement = select(Erasure).where(Erasure.id == erasure_id)
    return await db.scalar(statement.with_for_update() if lock else statement)


async def get_erasure(db: Session, erasure_id: UUID, *, lock: bool = False) -> Erasure:
    """A request for erasure. Raises ErasureNotFound."""
    row = await find_erasure(db, erasure_id, lock=lock)
    if row is None:
        raise ErasureNotFound
    return row


async def erasures(
    db: Session, *, after: tuple[datetime, UUID] | None, limit: int
) -> Sequence[Erasure]:
    """Requests, newest first, one more than `limit` if there are more."""
    statement: AnySelect = select(Erasure)
    page = keyset(
        statement,
        column=Erasure.created_at,
        id_column=Erasure.id,
        after=after,
        descending=True,
        limit=limit,
    )
    return [row[0] for row in await db.execute(page)]


def of_phone(hashes: Sequence[str]) -> ColumnElement[bool]:
    """Calls with one of these keyed hashes."""
    return _R.customer_phone_hash.in_(hashes)


def of_lead(lead_id: str) -> ColumnElement[bool]:
    """Calls whose source gave them that lead, a number as well as a text, or that matched it."""
    told = cast(_R.custom["lead_id"].as_string(), String) == lead_id
    return or_(told, _R.lead_id == lead_id)


async def calls_of(
    db: Session, where: ColumnElement[bool], *, until: datetime
) -> Sequence[Row[Any]]:
    """(id, callid, legal_hold) of calls that were there at that time."""
    statement: AnySelect = select(_R.id, _R.callid, _R.legal_hold)
    return (await db.execute(statement.where(where, _R.created_at <= until))).all()


async def still_there(db: Session, ids: Sequence[UUID]) -> Sequence[CallRecord]:
    """Those of the calls that nobody has deleted since, locked."""
    statement = select(_R).where(_R.id.in_(ids)).order_by(_R.id)
    return (await db.scalars(statement.with_for_update())).all()


async def answered_about(db: Session, ids: Sequence[UUID]) -> list[str]:
    """The ids of comments and reviews of these calls: answers to requests may name only them."""
    found: list[str] = []
    for model in (CallComment, CallReview):
        rows = await db.scalars(select(model.id).where(model.call_id.in_(ids)))
        found += [str(id_) for id_ in rows]
    return found


def due(matter: Matter, before: datetime) -> list[ColumnElement[bool]]:
    """Calls from before that time that have this, and no stage to go through; held ones too."""
    settled = _R.stage_state.in_((StageState.OK, StageState.DEAD, StageState.SKIPPED))
    return [_R.started_at < before, settled, _HAS[matter]]


async def count_due(db: Session, matter: Matter, before: datetime) -> tuple[int, datetime | None]:
    """How many calls of `due` nobody holds, and the first start among them."""
    found = await db.execute(
        select(func.count(), func.min(_R.started_at)).where(
            *due(matter, before), _R.legal_hold.is_(False)
        )
    )
    count, oldest = found.one()
    return count, oldest


async def count_held(db: Session, matter: Matter, before: datetime) -> int:
    """How many calls of `due` are under legal hold."""
    held = select(func.count(_R.id)).where(*due(matter, before), _R.legal_hold.is_(True))
    return await db.scalar(held) or 0


async def due_page(
    db: Session,
    matter: Matter,
    before: datetime,
    *,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> Sequence[Row[Any]]:
    """(id, started_at) of calls of `due`, oldest first, one more than `limit` if there are more."""
    statement: AnySelect = select(_R.id, _R.started_at)
    page = keyset(
        statement.where(*due(matter, before), _R.legal_hold.is_(False)),
        column=_R.started_at,
        id_column=_R.id,
        after=after,
        descending=False,
        limit=limit,
    )
    return (await db.execute(page)).all()


async def exports_between(db: Session, since: datetime | None, until: datetime) -> Sequence[Export]:
    """Exports that may hold calls that were there from `since` to `until`."""
    made = or_(Export.key.is_not(None), Export.state == State.QUEUED)
    where = and_(Export.kind != Kind.AUDIT, Export.created_at <= until, made)
    if since is not None:
        where = and_(where, Export.created_at >= since)
    return (await db.scalars(select(Export).where(where))).all()
