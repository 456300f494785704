"""Engines whose work goes on without us: a job is opened, its name kept, its words collected.

Opening costs nothing. The caller stores the name before it collects, so that a process that dies
in between leaves work behind that the next one finds, instead of paying for it twice.
"""

from abc import abstractmethod
from dataclasses import dataclass
from datetime import datetime

from locutory.engines.stt.base import BaseSTT, STTRequest, STTResult
from locutory.kernel.errors import EngineError, ErrorClass


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A job at a provider: the engine's own name for it, and when it was opened.

    `timeouts` is how often it was waited for in vain, as `collect` said by EngineTimeout. A job
    that is `shared` has files of other calls beside this one's, and all of them are uploaded.
    """

    ref: str
    at: datetime
    timeouts: int = 0
    shared: bool = False


class ResumableSTT(BaseSTT):
    """An engine that works on while we are gone.

    A job may hold `job_files` files, also of several calls; `linger_s` is how long it is worth
    waiting for these.
    """

    job_files: int = 1
    linger_s: float = 0.0

    @abstractmethod
    async def submit(self, request: STTRequest) -> str | None:
        """Open a job and return its `ref`; None for what is heard in one go by `transcribe`."""

    def kin(self, request: STTRequest) -> str | None:
        """What requests must have in common to share a job; None for one that cannot."""
        return None

    def seat(self, ref: str, number: int, audio_ms: int) -> str:
        """The `ref` of one call's files in the job `ref` that it shares with others.

        `number` tells it from the others; `audio_ms` is the sound of them all.
        """
        raise NotImplementedError(f"{self.name} shares no jobs")

    async def upload(self, request: STTRequest, ref: str) -> None:
        """Put one call's files into a shared job that is not started. May be called again."""
        raise NotImplementedError(f"{self.name} shares no jobs")

    async def start(self, ref: str) -> None:
        """Start a job whose files are uploaded; one that runs already is left running."""
        raise NotImplementedError(f"{self.name} shares no jobs")

    @abstractmethod
    async def collect(self, request: STTRequest, submission: Submission) -> STTResult:
        """Bring the job to its end from wherever it is, and return its words.

        May be called again after any failure or death. Raises JobOverError when this job will
        never have words: then it is to be forgotten. Any other error leaves it as it is.
        """


class JobOverError(EngineError):
    """The provider ended the job without words; a new one may have them."""

    status, code, cls = 502, "STT_JOB_FAILED", ErrorClass.TRANSIENT_NETWORK


class JobTimeoutError(JobOverError):
    """The provider's job did not come to its end in time."""

    status, code, cls = 504, "STT_JOB_TIMEOUT", ErrorClass.PROVIDER_TIMEOUT


class JobRefusedError(JobOverError):
    """The provider cannot work this recording."""

    status, code, cls = 502, "STT_REFUSED", ErrorClass.PERMANENT_INPUT


class JobUnpaidError(JobOverError):
    """The provider's account has no credit left."""

    status, code, cls = 502, "STT_NO_CREDIT", ErrorClass.PERMANENT_AUTH
