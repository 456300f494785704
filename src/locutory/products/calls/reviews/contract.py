"""What others may name of scores and reviews: states, events, errors."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from locutory.kernel.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from locutory.products.calls.records.contract import CallEvent

SAMPLE = "calls.reviews.sample"  # the job that draws a week's reviews

DISPUTE_WINDOW = timedelta(days=7)
DUE_AFTER = timedelta(days=7)
MOST_PREVIEWED = 20

# The figures of a conversation that a metric parameter may be bound to (calls seed, section 11).
FIGURES = frozenset(
    [
        "talk_agent_ms", "talk_customer_ms", "overlap_ms", "nontalk_ms", "talk_ratio",
        "listen_ratio", "talk_agent_pct", "talk_customer_pct", "overtalk_pct", "silence_pct",
        "dead_air_count", "dead_air_ms", "longest_dead_air_ms", "dead_air_pct", "lead_in_ms",
        "tail_ms", "interruptions_agent", "interruptions_customer",
        "interruptions_agent_successful", "interruptions_customer_successful",
        "interruptions_agent_per_10min", "interruptions_customer_per_10min",
        "longest_mono_agent_ms", "longest_mono_customer_ms", "turns", "switches",
        "switches_per_min", "patience_ms", "response_latency_customer_ms", "wpm_agent",
        "wpm_customer", "questions_agent", "questions_agent_per_10min",
    ]
)  # fmt: skip


class ScoreSource(StrEnum):
    """Whose answers a score rests on; `merged` is the engine's with a person's in their place."""

    AI = "ai"
    HUMAN = "human"
    MERGED = "merged"


class ReviewKind(StrEnum):
    """A `dispute` is an agent's own, against a score that nobody reviewed."""

    REVIEW = "review"
    CALIBRATION = "calibration"
    DISPUTE = "dispute"


class ReviewState(StrEnum):
    """Where a review stands."""

    OPEN = "open"
    SUBMITTED = "submitted"
    ACKNOWLEDGED = "acknowledged"
    DISPUTED = "disputed"
    RESOLVED = "resolved"


class Step(StrEnum):
    """What may be done with a review."""

    EDIT = "edit"
    SUBMIT = "submit"
    ACKNOWLEDGE = "acknowledge"
    DISPUTE = "dispute"
    RESOLVE = "resolve"


class Outcome(StrEnum):
    """How a dispute ends: the score stands, or the final answers replace it."""

    UPHOLD = "uphold"
    OVERTURN = "overturn"


_STEPS: Mapping[ReviewState, tuple[Step, ...]] = {
    ReviewState.OPEN: (Step.EDIT, Step.SUBMIT),
    ReviewState.SUBMITTED: (Step.ACKNOWLEDGE, Step.DISPUTE),
    ReviewState.DISPUTED: (Step.RESOLVE,),
}


def allowed_steps(kind: str, state: str) -> tuple[Step, ...]:
    """What may follow; a calibration ends with its submission, as it changes no score."""
    if kind == ReviewKind.CALIBRATION and state != ReviewState.OPEN:
        return ()
    return _STEPS.get(ReviewState(state), ())


class ReviewNotFound(NotFoundError):
    """There is no such review here."""

    code = "REVIEW_NOT_FOUND"


class ReviewStateError(ConflictError):
    """The review is in a state that does not allow this; `allowed` names what it does."""

    code = "REVIEW_STATE"


class DisputeTooLate(ConflictError):
    """A score can be disputed within seven days."""

    code = "DISPUTE_TOO_LATE"


class AlreadyAssigned(ConflictError):
    """This reviewer has such a review of this call already."""

    code = "ALREADY_ASSIGNED"


class NotScored(ConflictError):
    """This call has no score that could be disputed."""

    code = "NOT_SCORED"


class NotYourReview(ForbiddenError):
    """This review is assigned to somebody else; have it reassigned first."""

    code = "NOT_YOUR_REVIEW"


class NotYourCall(ForbiddenError):
    """Only the agent who took the call may do this."""

    code = "NOT_YOUR_CALL"


class ReviewerUnknown(InvalidError):
    """This reviewer may not review calls here; name somebody who may."""

    code = "REVIEWER_UNKNOWN"


class AnswersInvalid(InvalidError):
    """The template does not take these answers; `errors` lists every fault."""

    code = "ANSWERS_INVALID"


class SamplingChanged(ConflictError):
    """Somebody changed the sampling since you read it; read it again."""

    status, code = 412, "SAMPLING_CHANGED"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreChanged(CallEvent):
    """A call's score is another one than before; None where it has none."""

    type: ClassVar[str] = "call.score_changed"
    score: float | None
    previous: float | None
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewEvent(CallEvent):
    """Something about a review; it never carries answers, since a calibration is blind."""

    review_id: UUID
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewAssigned(ReviewEvent):
    """Somebody, or anybody, is to review a call."""

    type: ClassVar[str] = "review.assigned"
    reviewer_id: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewSubmitted(ReviewEvent):
    """A reviewer's answers are final."""

    type: ClassVar[str] = "review.submitted"
    reviewer_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewAcknowledged(ReviewEvent):
    """The agent has seen a review and accepts it."""

    type: ClassVar[str] = "review.acknowledged"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewDisputed(ReviewEvent):
    """The agent does not accept a score."""

    type: ClassVar[str] = "review.disputed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewResolved(ReviewEvent):
    """A dispute has ended: `uphold` or `overturn`."""

    type: ClassVar[str] = "review.resolved"
    outcome: str
