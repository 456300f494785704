"""The tree of expected failures: what a client is told, and what a job does about it.

A class states its HTTP `status` and `code`; its one-line docstring is the message when none is
given. `cls` says how the job engine reacts (calls seed, retry table); see `jobs/policy.py`.
"""

from enum import StrEnum
from typing import Any, ClassVar


class ErrorClass(StrEnum):
    """What a failure means for a retry."""

    TRANSIENT_NETWORK = "transient_network"
    THROTTLED = "throttled"
    PROVIDER_OUTAGE = "provider_outage"
    PROVIDER_TIMEOUT = "provider_timeout"
    PERMANENT_INPUT = "permanent_input"
    PERMANENT_AUTH = "permanent_auth"
    PERMANENT_CONFIG = "permanent_config"
    CONTENT_REJECTED = "content_rejected"
    INVALID_OUTPUT = "invalid_output"
    POISON = "poison"
    INTERNAL_BUG = "internal_bug"


class LocutoryError(Exception):
    """Something went wrong."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "INTERNAL"
    cls: ClassVar[ErrorClass] = ErrorClass.INTERNAL_BUG

    def __init__(
        self,
        detail: str | None = None,
        *,
        code: str | None = None,
        retry_after: float | None = None,
        **extra: Any,
    ) -> None:
        """`code` refines the class's own; `retry_after` is in seconds; `extra` joins the body."""
        self.detail = detail or (type(self).__doc__ or "").split("\n")[0]
        self.error_code = code or type(self).code
        self.retry_after = retry_after
        self.extra = extra
        super().__init__(self.detail)


def first_line(error: BaseException) -> str:
    """What it says in one line; drivers write pages."""
    said = error.detail if isinstance(error, LocutoryError) else str(error)
    return (said.strip() or type(error).__name__).splitlines()[0]


class NotFoundError(LocutoryError):
    """There is no such thing here."""

    status, code, cls = 404, "NOT_FOUND", ErrorClass.PERMANENT_INPUT


class UnauthenticatedError(LocutoryError):
    """Log in first."""

    status, code, cls = 401, "UNAUTHENTICATED", ErrorClass.PERMANENT_AUTH


class ForbiddenError(LocutoryError):
    """Your role does not allow this."""

    status, code, cls = 403, "FORBIDDEN", ErrorClass.PERMANENT_AUTH


class ConflictError(LocutoryError):
    """This clashes with what is stored."""

    status, code, cls = 409, "CONFLICT", ErrorClass.PERMANENT_INPUT


class InvalidError(LocutoryError):
    """The request does not fit; `errors` lists every fault as {field, code, message}."""

    status, code, cls = 422, "INVALID", ErrorClass.PERMANENT_INPUT


class TooLargeError(LocutoryError):
    """This is larger than allowed."""

    status, code, cls = 413, "TOO_LARGE", ErrorClass.PERMANENT_INPUT


class UnsupportedMediaError(LocutoryError):
    """This kind of content is not accepted here."""

    status, code, cls = 415, "UNSUPPORTED_MEDIA", ErrorClass.PERMANENT_INPUT


class RateLimitedError(LocutoryError):
    """Too many requests; wait and try again."""

    status, code, cls = 429, "RATE_LIMITED", ErrorClass.THROTTLED


class StorageUnavailableError(LocutoryError):
    """The database cannot take writes right now; nothing was stored, try again."""

    status, code, cls = 503, "STORAGE_UNAVAILABLE", ErrorClass.TRANSIENT_NETWORK


class InputError(LocutoryError):
    """The given content cannot be used; trying again cannot help."""

    status, code, cls = 422, "INPUT_UNUSABLE", ErrorClass.PERMANENT_INPUT


class ConfigError(LocutoryError):
    """A setting is wrong; mend it and the waiting work goes on."""

    status, code, cls = 500, "CONFIG_INVALID", ErrorClass.PERMANENT_CONFIG


class EngineError(LocutoryError):
    """An engine failed.

    `engine` names it. The provider's own words belong into `detail`, secrets stripped.
    """

    status, code, cls = 502, "ENGINE_FAILED", ErrorClass.TRANSIENT_NETWORK

    def __init__(self, detail: str | None = None, *, engine: str, **rest: Any) -> None:
        self.engine = engine
        super().__init__(detail, **rest)


class EngineUnavailable(EngineError):
    """The engine does not answer."""

    status, code, cls = 503, "ENGINE_UNAVAILABLE", ErrorClass.TRANSIENT_NETWORK


class EngineThrottled(EngineError):
    """The engine asks to be called less often."""

    status, code, cls = 503, "ENGINE_THROTTLED", ErrorClass.THROTTLED


class EngineTimeout(EngineError):
    """The engine took too long."""

    status, code, cls = 504, "ENGINE_TIMEOUT", ErrorClass.PROVIDER_TIMEOUT


class EngineAuthError(EngineError):
    """The engine refuses our credentials."""

    status, code, cls = 502, "ENGINE_AUTH", ErrorClass.PERMANENT_AUTH


class EngineConfigError(EngineError):
    """The engine refuses what it is set to: its model, its language, its mode."""

    status, code, cls = 502, "ENGINE_CONFIG", ErrorClass.PERMANENT_CONFIG


class ContentRejected(EngineError):
    """The engine's safety filter refused the content."""

    status, code, cls = 502, "CONTENT_REJECTED", ErrorClass.CONTENT_REJECTED


class InvalidOutput(EngineError):
    """The engine's answer does not fit its schema, also after repair."""

    status, code, cls = 502, "INVALID_OUTPUT", ErrorClass.INVALID_OUTPUT
