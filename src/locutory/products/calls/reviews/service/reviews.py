"""Reviews: assigned, answered, accepted or disputed, resolved."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from locutory.capabilities.analysis.api import (
    PersonsAnswer,
    answer_faults,
    rows_of_person,
    scorecard,
)
from locutory.capabilities.analysis.contract import Template
from locutory.kernel.audit import audit
from locutory.kernel.auth import people
from locutory.kernel.auth.contract import Access
from locutory.kernel.clock import utc_now
from locutory.kernel.db import Session
from locutory.kernel.events import emit
from locutory.products.calls.businesses.contract import PRODUCT, ROLES
from locutory.products.calls.records import queries as records
from locutory.products.calls.records.contract import CallNotFound
from locutory.products.calls.records.models import CallRecord
from locutory.products.calls.reviews import queries
from locutory.products.calls.reviews.contract import (
    DISPUTE_WINDOW,
    DUE_AFTER,
    AlreadyAssigned,
    AnswersInvalid,
    DisputeTooLate,
    NotScored,
    NotYourReview,
    Outcome,
    ReviewAcknowledged,
    ReviewAssigned,
    ReviewDisputed,
    ReviewerUnknown,
    ReviewKind,
    ReviewNotFound,
    ReviewResolved,
    ReviewState,
    ReviewStateError,
    ReviewSubmitted,
    ScoreSource,
    Step,
    allowed_steps,
)
from locutory.products.calls.reviews.models import CallReview
from locutory.products.calls.reviews.schemas import (
    AnswerWrite,
    DisputeWrite,
    ReasonWrite,
    ResolveWrite,
    ReviewCreate,
    ReviewRead,
    ReviewUpdate,
)
from locutory.products.calls.reviews.service.reading import read_one
from locutory.products.calls.reviews.service.scores import store_answers, template_of_score
from locutory.products.calls.reviews.viewers import GRADE, Viewer


async def check_reviewer(inside: Access, data: ReviewCreate | ReviewUpdate) -> None:
    """Raise ReviewerUnknown unless who is named may review calls here."""
    named = data.reviewer_id
    if named is None or named == inside.principal.id:
        return
    row = await people.find_member(inside.db, inside.tenant.id, named, product=PRODUCT)
    roles = () if row is None else row.roles
    if not any(GRADE in ROLES.get(role.partition(":")[2], ()) for role in roles):
        fault = {
            "field": "reviewer_id",
            "code": "REVIEWER_UNKNOWN",
            "message": "nobody who may review calls here",
        }
        raise ReviewerUnknown(errors=[fault])


async def assign(tx: Session, viewer: Viewer, callid: str, data: ReviewCreate) -> ReviewRead:
    """Have a call reviewed; with answers and `state: submitted`, it is reviewed at once.

    Raises CallNotFound, AlreadyAssigned, AnswersInvalid; for a dispute NotScored, DisputeTooLate.
    """
    record = await call_in_sight(tx, viewer, callid)
    if data.kind is ReviewKind.DISPUTE:
        return await _open_dispute(tx, viewer, record, data)
    if viewer.own is not None:
        raise NotYourReview("an agent may dispute a score, not give one")
    if data.reasons:
        raise _invalid("reasons", "only a dispute has reasons")
    reviewer = data.reviewer_id if "reviewer_id" in data.model_fields_set else viewer.id
    if data.kind is ReviewKind.CALIBRATION and reviewer is None:
        raise _invalid("reviewer_id", "a calibration is somebody's in particular")
    await queries.lock_call(tx, record.id)
    if reviewer is not None and await queries.find_same(tx, record.id, data.kind, reviewer):
        raise AlreadyAssigned
    review = CallReview(
        call_id=record.id,
        reviewer_id=reviewer,
        kind=data.kind,
        state=ReviewState.OPEN,
        assigned_by=viewer.key,
        due_at=data.due_at or utc_now() + DUE_AFTER,
        comment=data.comment,
    )
    tx.add(review)
    await tx.flush()
    await _note(tx, viewer, "review.assign", review, reviewer=str(reviewer))
    assigned = ReviewAssigned(
        callid=record.callid, review_id=review.id, kind=review.kind, reviewer_id=reviewer
    )
    await emit(tx, assigned)
    if data.answers:
        review.answers = await _checked(tx, record, data.answers)
    if data.state == "submitted":
        await _submit(tx, viewer, review, record)
    return await read_one(tx, viewer, review, record)


async def edit(tx: Session, viewer: Viewer, review_id: UUID, data: ReviewUpdate) -> ReviewRead:
    """Keep answers, hand on, or submit.

    Raises ReviewNotFound, ReviewStateError, NotYourReview, AnswersInvalid, AlreadyAssigned.
    """
    review, record = await _locked(tx, viewer, review_id, Step.EDIT)
    changed = data.model_fields_set
    if "reviewer_id" in changed and data.reviewer_id != review.reviewer_id:
        await _hand_on(tx, review, record, data.reviewer_id)
    if data.due_at is not None:
        review.due_at = data.due_at
    if data.answers is not None or data.comment is not None or data.state == "submitted":
        _take(viewer, review)
    if data.comment is not None:
        review.comment = data.comment
    if data.answers is not None:
        review.answers = await _checked(tx, record, data.answers)
    await tx.flush()
    if data.state == "submitted":
        await _submit(tx, viewer, review, record)
    else:
        await _note(tx, viewer, "review.edit", review, fields=sorted(changed))
    return await read_one(tx, viewer, review, record)


async def acknowledge(tx: Session, viewer: Viewer, review_id: UUID) -> ReviewRead:
    """The agent accepts; whoever grades may say so for them. Raises ReviewStateError."""
    review, record = await _locked(tx, viewer, review_id, Step.ACKNOWLEDGE)
    review.state, review.acknowledged_at = ReviewState.ACKNOWLEDGED, utc_now()
    await tx.flush()
    await _note(tx, viewer, "review.acknowledge", review)
    told = ReviewAcknowledged(callid=record.callid, review_id=review.id, kind=review.kind)
    await emit(tx, told)
    return await read_one(tx, viewer, review, record)


async def dispute(tx: Session, viewer: Viewer, review_id: UUID, data: DisputeWrite) -> ReviewRead:
    """The agent does not accept; whoever grades may say so for them.

    Raises ReviewStateError, DisputeTooLate (seven days from the submission), AnswersInvalid.
    """
    review, record = await _locked(tx, viewer, review_id, Step.DISPUTE)
    now = utc_now()
    if review.submitted_at is None or now - review.submitted_at > DISPUTE_WINDOW:
        raise DisputeTooLate
    template = await template_of_score(tx, record)
    review.dispute = _reasons(viewer, template, data.reasons, data.comment)
    review.state, review.disputed_at = ReviewState.DISPUTED, now
    await _note_dispute(tx, viewer, review, record)
    return await read_one(tx, viewer, review, record)


async def resolve(tx: Session, viewer: Viewer, review_id: UUID, data: ResolveWrite) -> ReviewRead:
    """End a dispute. Raises ReviewStateError, AnswersInvalid."""
    review, record = await _locked(tx, viewer, review_id, Step.RESOLVE)
    overturns = data.outcome is Outcome.OVERTURN
    if overturns != bool(data.answers):
        why = "the final answers" if overturns else "none: the score stands"
        raise _invalid("answers", why)
    answers = await _checked(tx, record, data.answers)
    review.state, review.resolved_at = ReviewState.RESOLVED, utc_now()
    review.resolution = {
        "outcome": data.outcome.value,
        "by": viewer.key,
        "comment": data.comment,
        "answers": answers,
    }
    await tx.flush()
    await _note(tx, viewer, "review.resolve", review, outcome=data.outcome.value)
    if overturns:
        template = await template_of_score(tx, record)
        await store_answers(
            tx, record, template, _given(answers), by=viewer.key, review_id=review.id
        )
    told = ReviewResolved(
        callid=record.callid, review_id=review.id, kind=review.kind, outcome=data.outcome.value
    )
    await emit(tx, told)
    return await read_one(tx, viewer, review, record)


async def call_in_sight(session: Session, viewer: Viewer, callid: str) -> CallRecord:
    """The call, where the caller may see it. Raises CallNotFound."""
    record = await records.get(session, callid)
    if not viewer.sees(record.agent_id):
        raise CallNotFound
    return record


async def _locked(
    tx: Session, viewer: Viewer, review_id: UUID, step: Step
) -> tuple[CallReview, CallRecord]:
    """A review and its call, for a step that its state allows."""
    review = await queries.get_review(tx, review_id, lock=True)
    record = await queries.lock_call(tx, review.call_id)
    hidden = review.kind == ReviewKind.CALIBRATION or review.state == ReviewState.OPEN
    if not viewer.sees(record.agent_id) or (viewer.own is not None and hidden):
        raise ReviewNotFound
    allowed = allowed_steps(review.kind, review.state)
    if step not in allowed:
        names = [one.value for one in allowed]
        raise ReviewStateError(
            f"a review that is {review.state} allows: {', '.join(names) or 'nothing more'}",
            state=review.state,
            allowed=names,
        )
    return review, record


def _take(viewer: Viewer, review: CallReview) -> None:
    if review.reviewer_id is None:
        review.reviewer_id = viewer.id
    if review.reviewer_id != viewer.id:
        raise NotYourReview


async def _hand_on(
    tx: Session, review: CallReview, record: CallRecord, reviewer: UUID | None
) -> None:
    if review.kind == ReviewKind.CALIBRATION and (reviewer is None or review.answers):
        raise _invalid("reviewer_id", "a calibration that was begun is its reviewer's own")
    if reviewer is not None and await queries.find_same(tx, record.id, review.kind, reviewer):
        raise AlreadyAssigned
    review.reviewer_id = reviewer
    assigned = ReviewAssigned(
        callid=record.callid, review_id=review.id, kind=review.kind, reviewer_id=reviewer
    )
    await emit(tx, assigned)


async def _submit(tx: Session, viewer: Viewer, review: CallReview, record: CallRecord) -> None:
    """Make the answers final; those of a review count, those of a calibration only compare."""
    _take(viewer, review)
    template = await template_of_score(tx, record)
    if not review.answers:
        raise _invalid("answers", "at least one answer")
    answers = _given(review.answers)
    _refuse(answer_faults(template, answers))  # the template may have changed since they were kept
    review.state, review.submitted_at = ReviewState.SUBMITTED, utc_now()
    review.template_id, review.template_version = template.id, template.version
    if review.kind == ReviewKind.CALIBRATION:
        review.total = scorecard(template, rows_of_person(template, answers))["total"]
    else:
        await tx.flush()
        await store_answers(tx, record, template, answers, by=viewer.key, review_id=review.id)
        review.total = record.overall_score
    await tx.flush()
    await _note(tx, viewer, "review.submit", review)
    told = ReviewSubmitted(
        callid=record.callid, review_id=review.id, kind=review.kind, reviewer_id=viewer.id
    )
    await emit(tx, told)


async def _open_dispute(
    tx: Session, viewer: Viewer, record: CallRecord, data: ReviewCreate
) -> ReviewRead:
    """An agent's dispute of a score that stands without a review."""
    if data.answers or data.state != "open":
        raise _invalid("answers", "a dispute gives reasons; who resolves it answers")
    if not data.reasons:
        raise _invalid("reasons", "at least one")
    await queries.lock_call(tx, record.id)
    scores = await queries.scores(tx, record.id)
    current = [row for row in scores if row.current and row.source != ScoreSource.HUMAN]
    if record.overall_score is None or not current:
        raise NotScored
    now = utc_now()
    if now - max(row.scored_at for row in current) > DISPUTE_WINDOW:
        raise DisputeTooLate
    if await queries.find_same(tx, record.id, data.kind, None):
        raise AlreadyAssigned("this score is disputed already")
    template = await template_of_score(tx, record)
    review = CallReview(
        call_id=record.id,
        reviewer_id=None,
        kind=data.kind,
        state=ReviewState.DISPUTED,
        template_id=template.id,
        template_version=template.version,
        total=record.overall_score,
        assigned_by=viewer.key,
        due_at=data.due_at or now + DUE_AFTER,
        disputed_at=now,
        dispute=_reasons(viewer, template, data.reasons, data.comment),
    )
    tx.add(review)
    await _note_dispute(tx, viewer, review, record)
    return await read_one(tx, viewer, review, record)


async def _note_dispute(
    tx: Session, viewer: Viewer, review: CallReview, record: CallRecord
) -> None:
    await tx.flush()
    await _note(tx, viewer, "review.dispute", review)
    told = ReviewDisputed(callid=record.callid, review_id=review.id, kind=review.kind)
    await emit(tx, told)


def _reasons(
    viewer: Viewer, template: Template, reasons: Sequence[ReasonWrite], comment: str
) -> dict[str, Any]:
    faults = [
        {
            "field": f"reasons.{n}.key",
            "code": "PARAMETER_UNKNOWN",
            "message": f"{template.name} has no such parameter",
        }
        for n, reason in enumerate(reasons)
        if template.parameter(reason.key) is None
    ]
    _refuse(faults)
    return {
        "by": viewer.key,
        "comment": comment,
        "reasons": {reason.key: reason.reason for reason in reasons},
    }


async def _checked(
    tx: Session, record: CallRecord, answers: Sequence[AnswerWrite]
) -> list[dict[str, Any]]:
    """The answers as they are kept. Raises AnswersInvalid with every fault."""
    plain = [answer.model_dump() for answer in answers]
    if plain:
        _refuse(answer_faults(await template_of_score(tx, record), _given(plain)))
    return plain


def _given(answers: Iterable[dict[str, Any]]) -> list[PersonsAnswer]:
    return [PersonsAnswer(**answer) for answer in answers]


def _refuse(faults: list[dict[str, str]]) -> None:
    if faults:
        raise AnswersInvalid(errors=faults)


def _invalid(field: str, message: str) -> AnswersInvalid:
    fault = {"field": field, "code": "ANSWERS_INVALID", "message": message}
    return AnswersInvalid(f"{field}: {message}", errors=[fault])


async def _note(
    tx: Session, viewer: Viewer, action: str, review: CallReview, **detail: Any
) -> None:
    await audit(
        tx,
        actor=viewer.key,
        action=action,
        object=f"review:{review.id}",
        call=str(review.call_id),
        kind=review.kind,
        **detail,
    )
