"""Reviews as a caller may see them: the answers of a calibration stay blind until one's own."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from locutory.kernel.clock import rfc3339
from locutory.kernel.db import Database, Session, Storage
from locutory.kernel.paging import decode_cursor, encode_cursor
from locutory.products.calls.records import queries as records
from locutory.products.calls.records.contract import CallNotFound
from locutory.products.calls.records.models import CallRecord
from locutory.products.calls.records.parts import Parts
from locutory.products.calls.reviews import queries
from locutory.products.calls.reviews.contract import ReviewKind, ReviewState, allowed_steps
from locutory.products.calls.reviews.models import CallReview
from locutory.products.calls.reviews.schemas import (
    CallReviews,
    ReviewPage,
    ReviewQueue,
    ReviewRead,
)
from locutory.products.calls.reviews.service.scores import shown, template_of_score
from locutory.products.calls.reviews.service.templates import parameters_of
from locutory.products.calls.reviews.viewers import Viewer

_SORT = "reviews:due_at"


async def read_one(
    session: Session, viewer: Viewer, review: CallReview, record: CallRecord
) -> ReviewRead:
    """One review."""
    hidden = await _blind(session, viewer, [review])
    return _read(viewer, review, record, hidden=review.id in hidden)


async def of_call(db: Database, viewer: Viewer, callid: str) -> CallReviews:
    """A call's reviews and the questions of a new one. Raises CallNotFound."""
    async with db.read() as session:
        record = await records.get(session, callid)
        if not viewer.sees(record.agent_id):
            raise CallNotFound
        template = await template_of_score(session, record)
        reviews = [
            review
            for review in await queries.reviews_of_call(session, record.id)
            if viewer.own is None or _for_agents(review)
        ]
        hidden = await _blind(session, viewer, reviews)
    items = [_read(viewer, review, record, hidden=review.id in hidden) for review in reviews]
    return CallReviews(template=parameters_of(template), items=items)


async def queue(
    storage: Storage, viewers: Sequence[tuple[UUID, Viewer]], ask: ReviewQueue
) -> ReviewPage:
    """The queue over (tenant, viewer) pairs: one tenant-bound query each, merged by due date."""
    after = decode_cursor(ask.cursor, _SORT, datetime) if ask.cursor else None
    found: list[tuple[Any, ReviewRead]] = []
    for tenant_id, viewer in viewers:
        where = queries.ReviewFilter(
            state=ask.state,
            kind=ask.kind,
            reviewer_id=viewer.id if ask.mine else None,
            due_before=ask.due,
            agents=viewer.own,
        )
        async with storage.database(tenant_id).read() as session:
            rows = await queries.page(session, where, after=after, limit=ask.limit)
            hidden = await _blind(session, viewer, [row[0] for row in rows])
        found += [
            ((row[0].due_at, row[0].id), _read(viewer, row[0], row, hidden=row[0].id in hidden))
            for row in rows
        ]
    found.sort(key=lambda pair: pair[0])
    page, more = found[: ask.limit], len(found) > ask.limit
    next_cursor = encode_cursor(_SORT, *page[-1][0]) if more else None
    return ReviewPage(items=[review for _, review in page], next_cursor=next_cursor)


async def judged(session: Session, call_id: UUID) -> Parts:
    """A call's scores and reviews for its page."""
    scores, reviews = await queries.judgements(session, call_id)
    return {"scores": shown(scores), "reviews": [_in_brief(review) for review in reviews]}


def _in_brief(review: CallReview) -> dict[str, Any]:
    """A review without answers: a call's page has more readers than graders."""
    return {
        "id": str(review.id),
        "kind": review.kind,
        "state": review.state,
        "reviewer_id": None if review.reviewer_id is None else str(review.reviewer_id),
        "total": None if review.kind == ReviewKind.CALIBRATION else review.total,
        "due_at": rfc3339(review.due_at),
        "submitted_at": None if review.submitted_at is None else rfc3339(review.submitted_at),
    }


def _for_agents(review: CallReview) -> bool:
    """What the agent of the call may see: what was said of the call, once it was said."""
    return review.kind != ReviewKind.CALIBRATION and review.state != ReviewState.OPEN


async def _blind(session: Session, viewer: Viewer, reviews: Sequence[CallReview]) -> set[UUID]:
    """Whose answers the caller must not see yet.

    Of a calibration one sees one's own answers; the others' once one's own are submitted, or as a
    supervisor who has none to give.
    """
    others = [
        review
        for review in reviews
        if review.kind == ReviewKind.CALIBRATION and review.reviewer_id != viewer.id
    ]
    if not others:
        return set()
    calls = {review.call_id for review in others}
    own = await queries.calibrations_of(session, viewer.id, calls)
    return {
        review.id
        for review in others
        if (
            not viewer.supervises
            if review.call_id not in own
            else own[review.call_id] == ReviewState.OPEN
        )
    }


def _read(viewer: Viewer, review: CallReview, call: Any, *, hidden: bool) -> ReviewRead:
    return ReviewRead(
        id=review.id,
        bid=viewer.bid,
        callid=call.callid,
        agent_id=call.agent_id,
        agent=call.agent_name,
        kind=review.kind,
        state=review.state,
        allowed=[step.value for step in allowed_steps(review.kind, review.state)],
        reviewer_id=review.reviewer_id,
        template_id=review.template_id,
        template_version=review.template_version,
        hidden=hidden,
        answers=[] if hidden else review.answers or [],
        comment="" if hidden else review.comment or "",
        total=None if hidden else review.total,
        assigned_by=review.assigned_by,
        due_at=review.due_at,
        created_at=review.created_at,
        submitted_at=review.submitted_at,
        acknowledged_at=review.acknowledged_at,
        disputed_at=review.disputed_at,
        resolved_at=review.resolved_at,
        dispute=review.dispute,
        resolution=review.resolution,
    )
