"""What a failure leads to: the retry table of the calls seed (spec 5.6) as one pure function."""

import random
from dataclasses import dataclass
from enum import StrEnum

from locutory.kernel.errors import ErrorClass, LocutoryError
from locutory.kernel.http.retry import full_jitter
from locutory.kernel.jobs.contract import Claimed, Failure

DETAIL_CHARS = 500
EXPIRE_MS = 72 * 3600 * 1000


class Verdict(StrEnum):
    """What becomes of the job."""

    RETRY = "retry"
    DEAD = "dead"
    BLOCK = "block"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The verdict, how long to wait, and whether this failure counts as an attempt."""

    verdict: Verdict
    delay_s: float = 0.0
    counted: bool = True


_MAX = {ErrorClass.INVALID_OUTPUT: 2, ErrorClass.CONTENT_REJECTED: 2, ErrorClass.INTERNAL_BUG: 3}
_UNCOUNTED = {ErrorClass.THROTTLED, ErrorClass.PROVIDER_OUTAGE}
_BLOCKING = {ErrorClass.PERMANENT_AUTH, ErrorClass.PERMANENT_CONFIG}
_FINAL = {ErrorClass.PERMANENT_INPUT, ErrorClass.POISON}
_BUG_DELAYS_S = (30.0, 300.0)


def classify(error: BaseException) -> Failure:
    """Name a failure: ours say their class, time-outs and resets pass, the rest are bugs."""
    if isinstance(error, LocutoryError):
        return Failure(
            cls=type(error).cls,
            code=error.error_code,
            detail=error.detail[:DETAIL_CHARS],
            retry_after_s=error.retry_after,
        )
    if isinstance(error, TimeoutError):
        return Failure(cls=ErrorClass.PROVIDER_TIMEOUT, code="TIMEOUT", detail="took too long")
    if isinstance(error, ConnectionError):
        return Failure(
            cls=ErrorClass.TRANSIENT_NETWORK, code="CONNECTION", detail=str(error)[:DETAIL_CHARS]
        )
    return Failure(
        cls=ErrorClass.INTERNAL_BUG,
        code=type(error).__name__,
        detail=f"{type(error).__name__}: {error}"[:DETAIL_CHARS],
    )


def decide(job: Claimed, failure: Failure, *, now_ms: int, rng: random.Random) -> Decision:
    """Retry, give up or close the tenant's gate. `job.attempts` is the count before this run."""
    cls = failure.cls
    if cls in _FINAL:
        return Decision(verdict=Verdict.DEAD)
    if cls in _BLOCKING:
        return Decision(verdict=Verdict.BLOCK, counted=False)
    if cls in _UNCOUNTED:
        if now_ms - job.created_ms > EXPIRE_MS:
            return Decision(verdict=Verdict.DEAD, counted=False)
        asked = failure.retry_after_s
        delay_s = min(300.0, 2.0 * 2 ** min(job.throttles, 8)) if asked is None else asked
        return Decision(verdict=Verdict.RETRY, delay_s=delay_s, counted=False)
    if job.attempts + 1 >= min(job.max_attempts, _MAX.get(cls, job.max_attempts)):
        return Decision(verdict=Verdict.DEAD)
    if cls is ErrorClass.INTERNAL_BUG:
        return Decision(verdict=Verdict.RETRY, delay_s=_BUG_DELAYS_S[min(job.attempts, 1)])
    if cls in _MAX:
        return Decision(verdict=Verdict.RETRY)
    return Decision(verdict=Verdict.RETRY, delay_s=full_jitter(5.0, job.attempts, 900.0, rng))
