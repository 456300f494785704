"""What others may name of notices: the kinds of news, the errors."""

from enum import StrEnum

from locutory.kernel.errors import ConflictError, NotFoundError

DELIVER = "calls.deliver"
QUEUE = "notify"

KEPT_DAYS = 30
PAUSE_AFTER = 100  # failed deliveries in a row (calls seed, bad-input table)


class News(StrEnum):
    """What endpoints and people may ask to be told of (calls seed, rows of section 10)."""

    CALL_TRANSCRIBED = "call.transcribed"
    CALL_DONE = "call.done"
    CALL_FAILED = "call.failed"
    SCORE_LOW = "score.low"
    SCORE_AUTO_FAIL = "score.auto_fail"
    MOMENT_MATCHED = "moment.matched"
    DLQ_ADDED = "dlq.added"
    REVIEW_DISPUTED = "review.disputed"


class DeliveryState(StrEnum):
    """Where a delivery stands. A `dead` one is not tried again unless it is replayed."""

    PENDING = "pending"
    OK = "ok"
    DEAD = "dead"
    SKIPPED = "skipped"


class WebhookNotFound(NotFoundError):
    """There is no such webhook here."""

    code = "WEBHOOK_NOT_FOUND"


class DeliveryNotFound(NotFoundError):
    """There is no such delivery here."""

    code = "DELIVERY_NOT_FOUND"


class DeliveryPending(ConflictError):
    """This delivery is still on its way."""

    code = "DELIVERY_PENDING"


class TooManyWebhooks(ConflictError):
    """A business has at most 50 webhooks; delete one first."""

    code = "TOO_MANY_WEBHOOKS"
