"""What a reply means: which error a status is, how long to wait, what the other side said."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import orjson

from locutory.kernel.errors import (
    EngineAuthError,
    EngineError,
    EngineThrottled,
    EngineUnavailable,
    ErrorClass,
    InputError,
    InvalidOutput,
    LocutoryError,
)
from locutory.kernel.telemetry.masking import SECRET, mask_text

WORDS: Final = 500
LONGEST_WAIT_S: Final = 3600.0
GONE: Final = frozenset({401, 403, 404, 410})


class EngineRejectedError(EngineError):
    """The engine does not accept this request; trying again cannot help."""

    status, code, cls = 502, "ENGINE_REJECTED", ErrorClass.PERMANENT_INPUT


class RemoteUnavailableError(LocutoryError):
    """The address does not answer as it should; trying again may help."""

    status, code, cls = 503, "URL_UNAVAILABLE", ErrorClass.TRANSIENT_NETWORK


class RemoteThrottledError(LocutoryError):
    """The address asks to be called less often."""

    status, code, cls = 503, "URL_THROTTLED", ErrorClass.THROTTLED


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply read to its end. `headers` has names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self, *, engine: str) -> Any:
        """The body as JSON. Raises InvalidOutput."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            raise InvalidOutput("the answer is not JSON", engine=engine) from error


def retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds from a Retry-After header (a number or an HTTP date), at most an hour."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return min(float(text), LONGEST_WAIT_S)
    try:
        moment = parsedate_to_datetime(text)
        left_s = (moment - now).total_seconds()
    except (ValueError, TypeError):
        return None
    return min(max(left_s, 0.0), LONGEST_WAIT_S)


def words(body: bytes, secrets: Mapping[str, str]) -> str:
    """What the other side said, at most 500 characters, without the values of our headers."""
    text = " ".join(body[: 8 * WORDS].decode(errors="replace").split())
    for value in secrets.values():
        for secret in (value, *value.split()):  # `Token abc` may come back without its first word
            if len(secret) >= 8:
                text = text.replace(secret, SECRET)
    return mask_text(text)[:WORDS]


def engine_error(
    reply: Reply, *, engine: str, now: datetime, secrets: Mapping[str, str]
) -> EngineError:
    """The error for a status that is no success (calls seed, table of error classes)."""
    status = reply.status
    detail = f"{engine} answered {status}: {words(reply.body, secrets)}".rstrip(": ")
    wait_s = retry_after(reply.headers.get("retry-after"), now)
    if status in (401, 402, 403):  # 402: the account is out of credit
        return EngineAuthError(detail, engine=engine, upstream_status=status)
    if status == 429:
        return EngineThrottled(detail, engine=engine, retry_after=wait_s, upstream_status=status)
    if status == 408 or status >= 500:
        return EngineUnavailable(detail, engine=engine, retry_after=wait_s, upstream_status=status)
    return EngineRejectedError(detail, engine=engine, upstream_status=status)


def remote_error(
    status: int, headers: Mapping[str, str], *, gone_code: str, now: datetime
) -> LocutoryError:
    """The error for a status of a tenant's address; its body is never quoted."""
    detail = f"the address answered {status}"
    wait_s = retry_after(headers.get("retry-after"), now)
    if status in GONE:
        return InputError(detail, code=gone_code, upstream_status=status)
    if status == 429:
        return RemoteThrottledError(detail, retry_after=wait_s, upstream_status=status)
    if status in (408, 425) or status >= 500:
        return RemoteUnavailableError(detail, retry_after=wait_s, upstream_status=status)
    return InputError(detail, code="URL_REFUSED", upstream_status=status)
