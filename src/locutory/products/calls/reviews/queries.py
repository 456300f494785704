"""SELECTs on scores and reviews, by name. The session adds the tenant."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select

from locutory.kernel.db import Session
from locutory.kernel.paging import AnySelect, keyset
from locutory.products.calls.records.contract import CallNotFound, Status
from locutory.products.calls.records.models import CallRecord
from locutory.products.calls.reviews.contract import (
    ReviewKind,
    ReviewNotFound,
    ReviewState,
    ScoreSource,
)
from locutory.products.calls.reviews.models import CallReview, CallScore, ReviewSampling

_R, _S, _C = CallReview, CallScore, CallRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewFilter:
    """What a queue is narrowed to; None does not narrow. `due_before` is exclusive.

    With `agents`, it holds what was said of their calls, once it was said.
    """

    state: str | None = None
    kind: str | None = None
    reviewer_id: UUID | None = None
    due_before: datetime | None = None
    agents: tuple[str, ...] | None = None

    def apply(self, statement: AnySelect) -> AnySelect:
        """The statement with these conditions."""
        conditions = [
            None if self.state is None else _R.state == self.state,
            None if self.kind is None else _R.kind == self.kind,
            None if self.reviewer_id is None else _R.reviewer_id == self.reviewer_id,
            None if self.due_before is None else _R.due_at < self.due_before,
        ]
        if self.agents is not None:
            conditions += [
                _C.agent_id.in_(self.agents),
                _R.kind != ReviewKind.CALIBRATION,
                _R.state != ReviewState.OPEN,
            ]
        return statement.where(*(c for c in conditions if c is not None))


async def page(
    db: Session, where: ReviewFilter, *, after: tuple[Any, UUID] | None, limit: int
) -> Sequence[Row[Any]]:
    """(review, callid, agent_id, agent_name), what is due first; one more than `limit`."""
    statement = select(_R, _C.callid, _C.agent_id, _C.agent_name).join(_C, _C.id == _R.call_id)
    ordered = keyset(
        where.apply(statement),
        column=_R.due_at,
        id_column=_R.id,
        after=after,
        descending=False,
        limit=limit,
    )
    return (await db.execute(ordered)).all()


async def get_review(db: Session, review_id: UUID, *, lock: bool = False) -> CallReview:
    """One review, for nobody else to change with `lock`. Raises ReviewNotFound."""
    statement = select(_R).where(_R.id == review_id)
    row = await db.scalar(statement.with_for_update() if lock else statement)
    if row is None:
        raise ReviewNotFound
    return row


async def reviews_of_call(db: Session, call_id: UUID) -> Sequence[CallReview]:
    """A call's reviews, oldest first."""
    return (await db.scalars(select(_R).where(_R.call_id == call_id).order_by(_R.id))).all()


async def calibrations_of(
    db: Session, reviewer_id: UUID, call_ids: Collection[UUID]
) -> dict[UUID, str]:
    """The states of somebody's own calibrations of these calls."""
    rows = await db.execute(
        select(_R.call_id, _R.state).where(
            _R.call_id.in_(call_ids),
            _R.kind == ReviewKind.CALIBRATION,
            _R.reviewer_id == reviewer_id,
        )
    )
    return {row.call_id: row.state for row in rows}


async def still_blind(db: Session, reviewer_id: UUID) -> set[UUID]:
    """The calls of which somebody has a calibration to submit."""
    return set(
        await db.scalars(
            select(_R.call_id).where(
                _R.reviewer_id == reviewer_id,
                _R.kind == ReviewKind.CALIBRATION,
                _R.state == ReviewState.OPEN,
            )
        )
    )


async def find_same(
    db: Session, call_id: UUID, kind: str, reviewer_id: UUID | None
) -> CallReview | None:
    """The reviewer's unfinished one of that kind; a calibration of any state: it is done once."""
    statement = select(_R).where(
        _R.call_id == call_id, _R.kind == kind, _R.reviewer_id == reviewer_id
    )
    if kind != ReviewKind.CALIBRATION:
        disputes = kind == ReviewKind.DISPUTE
        unfinished = ReviewState.DISPUTED if disputes else ReviewState.OPEN
        statement = statement.where(_R.state == unfinished)
    return await db.scalar(statement.limit(1))


async def lock_call(db: Session, call_id: UUID) -> CallRecord:
    """The call, whose score nobody else may change until the commit. Raises CallNotFound."""
    row = await db.scalar(select(_C).where(_C.id == call_id).with_for_update())
    if row is None:
        raise CallNotFound
    return row


async def scores(db: Session, call_id: UUID) -> Sequence[CallScore]:
    """All scores of a call, those of the current template first."""
    order = (_S.current.desc(), _S.scored_at.desc(), _S.id)
    return (await db.scalars(select(_S).where(_S.call_id == call_id).order_by(*order))).all()


async def judgements(db: Session, call_id: UUID) -> tuple[list[CallScore], list[CallReview]]:
    """A call's scores, in the order of `scores`, and its reviews, oldest first."""
    # each with each: both are few, and a page of a call is read more often than it has reviews
    statement: AnySelect = (
        select(_S, _R)
        .select_from(_C)
        .outerjoin(_S, _S.call_id == _C.id)
        .outerjoin(_R, _R.call_id == _C.id)
        .where(_C.id == call_id)
        .order_by(_S.current.desc(), _S.scored_at.desc(), _S.id, _R.id)
    )
    rows = (await db.execute(statement)).all()
    scores, reviews = (dict.fromkeys(column) for column in zip(*rows, strict=True))
    return [s for s in scores if s is not None], [r for r in reviews if r is not None]


async def answers_of_people(
    db: Session, call_ids: Collection[UUID]
) -> Sequence[Row[tuple[UUID, list[Any]]]]:
    """(call_id, rows) of the calls that people graded by the template in force."""
    statement = select(_S.call_id, _S.answers).where(
        _S.call_id.in_(call_ids), _S.source == ScoreSource.HUMAN, _S.current
    )
    return (await db.execute(statement)).all()


async def find_score(
    db: Session, call_id: UUID, template_id: UUID, source: ScoreSource
) -> CallScore | None:
    """A call's score by one template and source."""
    return await db.scalar(
        select(_S).where(_S.call_id == call_id, _S.template_id == template_id, _S.source == source)
    )


async def engine_scores(
    db: Session, call_ids: Collection[UUID]
) -> dict[tuple[UUID, UUID], Sequence[Any]]:
    """The engine's answers by (call, template)."""
    found: dict[tuple[UUID, UUID], Sequence[Any]] = {}
    ids = sorted(call_ids)
    for start in range(0, len(ids), 500):
        rows = await db.execute(
            select(_S.call_id, _S.template_id, _S.answers).where(
                _S.call_id.in_(ids[start : start + 500]), _S.source == ScoreSource.AI
            )
        )
        found |= {(row.call_id, row.template_id): row.answers for row in rows}
    return found


async def submitted(
    db: Session, since: datetime, until: datetime, *, template_id: UUID | None, limit: int
) -> Sequence[Row[Any]]:
    """Graded reviews of a stretch of time, newest first, one more than `limit`."""
    statement = (
        select(_R.id, _R.call_id, _R.reviewer_id, _R.kind, _R.template_id, _R.template_version)
        .add_columns(_R.answers)
        .where(
            _R.submitted_at >= since,
            _R.submitted_at < until,
            _R.kind.in_([ReviewKind.REVIEW, ReviewKind.CALIBRATION]),
        )
        .order_by(_R.submitted_at.desc(), _R.id.desc())
        .limit(limit + 1)
    )
    if template_id is not None:
        statement = statement.where(_R.template_id == template_id)
    return (await db.execute(statement)).all()


async def sampling(db: Session, *, lock: bool = False) -> ReviewSampling | None:
    """How reviews are drawn here."""
    statement = select(ReviewSampling)
    return await db.scalar(statement.with_for_update() if lock else statement)


async def drawable(
    db: Session, since: datetime, until: datetime, *, min_duration_ms: int
) -> Sequence[Row[Any]]:
    """(id, agent_id) of the finished calls with words that known agents began in that time."""
    statement: AnySelect = select(_C.id, _C.agent_id).where(
        _C.started_at >= since,
        _C.started_at < until,
        _C.status == Status.DONE,
        _C.has_words.is_(True),
        _C.agent_id.is_not(None),
        _C.audio_ms >= min_duration_ms,
    )
    return (await db.execute(statement.order_by(_C.id))).all()


async def callids(db: Session, call_ids: Sequence[UUID]) -> dict[UUID, str]:
    """The source system's ids by ours."""
    found: dict[UUID, str] = {}
    for start in range(0, len(call_ids), 500):
        rows = await db.execute(
            select(_C.id, _C.callid).where(_C.id.in_(call_ids[start : start + 500]))
        )
        found |= {row.id: row.callid for row in rows}
    return found


async def drawn(db: Session, draw: str) -> set[UUID]:
    """The calls that a draw has chosen."""
    return set((await db.scalars(select(_R.call_id).where(_R.draw == draw))).all())


async def newest_callids(db: Session, limit: int) -> Sequence[str]:
    """The newest calls that have words and an analysis."""
    statement = (
        select(_C.callid)
        .where(_C.has_words.is_(True), _C.status == Status.DONE)
        .order_by(_C.started_at.desc(), _C.id.desc())
        .limit(limit)
    )
    return (await db.scalars(statement)).all()
