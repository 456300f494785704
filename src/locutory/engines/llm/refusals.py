"""What a status other than 200 means, with the server's own words but without the secret."""

from collections.abc import Mapping
from typing import Any, Final

from locutory.kernel.clock import utc_now
from locutory.kernel.errors import (
    ContentRejected,
    EngineAuthError,
    EngineConfigError,
    EngineError,
    EngineThrottled,
    EngineTimeout,
    EngineUnavailable,
    InvalidOutput,
)
from locutory.kernel.http.replies import LONGEST_WAIT_S, retry_after

QUOTA: Final = "ENGINE_QUOTA"
TOO_LONG: Final = "LLM_INPUT_TOO_LONG"
REFUSED: Final = "LLM_REQUEST_REFUSED"
PARAMETER_REFUSED: Final = "LLM_PARAMETER_REFUSED"
UNREACHABLE: Final = "ENGINE_UNREACHABLE"
NO_MODEL: Final = "LLM_NO_SUCH_MODEL"
_LONGEST_DETAIL: Final = 300
_PARAMETERS: Final = ("temperature", "top_p", "max_tokens", "stop", "stream_options")


def refused(
    status: int,
    headers: Mapping[str, str],
    body: Mapping[str, Any],
    *,
    engine: str,
    secret: str | None = None,
) -> EngineError:
    """The error for a status, its headers (names in lower case) and body."""
    detail = f"HTTP {status}: {_vendor_words(body, secret)}"
    wait_s = wait_of(headers)
    told: dict[str, Any] = {"engine": engine, "upstream_status": status}
    error = body.get("error")
    code = str(error.get("code") or "") if isinstance(error, dict) else ""
    if status == 402 or (status == 429 and code == "insufficient_quota"):
        return EngineThrottled(detail, code=QUOTA, retry_after=wait_s, **told)
    if status in {401, 403}:
        return EngineAuthError(detail, **told)
    if status == 429:
        return EngineThrottled(detail, retry_after=wait_s, **told)
    if status in {408, 504}:
        return EngineTimeout(detail, **told)
    if status == 409 or status >= 500:
        return EngineUnavailable(detail, retry_after=wait_s, **told)
    if status == 404:
        return EngineConfigError(detail, code=NO_MODEL, **told)
    if code == "content_filter":
        return ContentRejected(detail, **told)
    if code == "context_length_exceeded":
        return InvalidOutput(detail, code=TOO_LONG, **told)
    parameter = str(error.get("param") or "") if isinstance(error, dict) else ""
    if code.startswith("unsupported") and parameter in _PARAMETERS:
        return InvalidOutput(detail, code=PARAMETER_REFUSED, parameter=parameter, **told)
    return InvalidOutput(detail, code=REFUSED, **told)


def wait_of(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait: `retry-after-ms`, else `retry-after` as a number or an HTTP date."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) / unit
        except ValueError:
            continue
        if 0 <= seconds < float("inf"):
            return min(seconds, LONGEST_WAIT_S)
    return retry_after(headers.get("retry-after"), utc_now())


def _vendor_words(body: Mapping[str, Any], secret: str | None) -> str:
    error = body.get("error")
    message = error.get("message") if isinstance(error, dict) else error
    words = str(message or "no message")[:_LONGEST_DETAIL]
    return words.replace(secret, "***") if secret else words
