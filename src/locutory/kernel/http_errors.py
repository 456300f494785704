"""Every failure leaves the server in one shape.

`{"detail", "error_code", "timestamp", "correlation_id", "retry_after"}`; 422 adds
`errors: [{field, code, message}]`; a LocutoryError's `extra` joins. No stack trace leaves.
"""

import json
import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, JsonValue
from sqlalchemy.exc import DataError, OperationalError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from locutory.kernel.clock import Clock, rfc3339, utc_now
from locutory.kernel.db.dialect import is_storage_failure
from locutory.kernel.errors import InvalidError, LocutoryError, StorageUnavailableError
from locutory.kernel.ratelimit import RateExceededError
from locutory.kernel.telemetry.logs import correlation_id, get_logger

STORAGE_RETRY_S: Final = 2.0
_PLACES = frozenset({"body", "query", "path", "header", "cookie"})


class Fault(BaseModel):
    """One thing that is wrong with a request."""

    field: str
    code: str
    message: str


class FailureRead(BaseModel):
    """Why a request failed. Some codes add keys of their own, such as `current_version`."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, JsonValue]

    detail: str
    error_code: str
    timestamp: str
    correlation_id: str | None
    retry_after: float | None
    errors: list[Fault] = []


def describe_failures(document: dict[str, Any]) -> None:
    """Say in an OpenAPI document how a 422 looks here; FastAPI tells of its own shape there."""
    schemas = document.get("components", {}).get("schemas", {})
    for name, model in (("HTTPValidationError", FailureRead), ("ValidationError", Fault)):
        if name in schemas:
            template = "#/components/schemas/{model}"
            shape = model.model_json_schema(mode="serialization", ref_template=template)
            shape.pop("$defs", None)
            schemas[name] = shape


def install(app: FastAPI, *, clock: Clock = utc_now) -> None:
    """Give an app the handlers. Middleware added later stands around them."""

    async def on_locutory(_: Request, error: Exception) -> Response:
        assert isinstance(error, LocutoryError)
        return _answer(error, clock)

    async def on_validation(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return _answer(InvalidError(errors=faults(error.errors())), clock)

    async def on_http(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return respond(
            error.status_code,
            code=_code_of(error.status_code),
            detail=str(error.detail),
            clock=clock,
            headers=error.headers,
        )

    async def on_storage(_: Request, error: Exception) -> Response:
        assert isinstance(error, OperationalError)
        if not is_storage_failure(error):
            raise error
        get_logger().error("storage unavailable", reason=str(error.orig))
        return _answer(StorageUnavailableError(retry_after=STORAGE_RETRY_S), clock)

    async def on_data(_: Request, error: Exception) -> Response:
        assert isinstance(error, DataError)
        get_logger().warning("a value that the database refuses", reason=str(error.orig))
        return _answer(InvalidError("a value cannot be stored or looked for"), clock)

    app.add_exception_handler(LocutoryError, on_locutory)
    app.add_exception_handler(RequestValidationError, on_validation)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(OperationalError, on_storage)
    app.add_exception_handler(DataError, on_data)  # PostgreSQL: a NUL in a text, mostly
    app.add_middleware(UnexpectedErrorMiddleware, clock=clock)


class UnexpectedErrorMiddleware:
    """Answers 500 to what nobody expected.

    A handler for Exception would run outside of all other middleware, so that its answer had no
    correlation header and no access line.
    """

    def __init__(self, app: ASGIApp, *, clock: Clock = utc_now) -> None:
        self._app = app
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one request; once an answer has begun, an error can only end the connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except ClientDisconnect:
            return
        except Exception:
            get_logger().exception("unexpected error", method=scope["method"])
            if started:
                raise
            response = respond(
                500, code="INTERNAL", detail="Something went wrong.", clock=self._clock
            )
            await response(scope, receive, send)


def respond(
    status: int,
    *,
    code: str,
    detail: str,
    clock: Clock = utc_now,
    retry_after: float | None = None,
    extra: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The one error body. `extra` may add keys and never replaces one."""
    body = {
        **(extra or {}),
        "detail": detail,
        "error_code": code,
        "timestamp": rfc3339(clock()),
        "correlation_id": correlation_id(),
        "retry_after": retry_after,
    }
    sent = dict(headers or {})
    if retry_after is not None:
        sent["Retry-After"] = str(math.ceil(retry_after))
    return Response(_encode(body), status, headers=sent, media_type="application/json")


def _encode(body: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(body, default=str)
    except TypeError:  # half a surrogate pair, echoed from the request, is in no UTF-8
        return json.dumps(body, default=str).encode()


def faults(errors: Sequence[Any]) -> list[dict[str, str]]:
    """Pydantic's errors as {field, code, message}; the refused value itself is never echoed."""
    return [
        {
            "field": _field(error["loc"]),
            "code": str(error["type"]),
            "message": str(error["msg"]),
        }
        for error in errors
    ]


def _answer(error: LocutoryError, clock: Clock) -> Response:
    if error.status >= 500:
        get_logger().warning("request failed", error_code=error.error_code, detail=error.detail)
    return respond(
        error.status,
        code=error.error_code,
        detail=error.detail,
        clock=clock,
        retry_after=error.retry_after,
        extra=error.extra,
        headers=error.headers if isinstance(error, RateExceededError) else None,
    )


def _code_of(status: int) -> str:
    """`NOT_FOUND` for 404 and so on, by the standard's own names."""
    if status == 401:
        return "UNAUTHENTICATED"
    try:
        return HTTPStatus(status).name
    except ValueError:
        return f"HTTP_{status}"


def _field(location: Sequence[str | int]) -> str:
    """`("body", "items", 0, "name")` is `items.0.name`; a fault of the whole body is `body`."""
    parts = [str(part) for part in location]
    return ".".join(parts[1:] if len(parts) > 1 and parts[0] in _PLACES else parts)
