"""Around every request: correlation id, access line, request metrics.

Pure ASGI: a middleware that runs the app in a task of its own would lose the bound fields.
"""

import re
import time
from collections.abc import Callable

from opentelemetry.trace import Span, SpanKind
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from locutory.kernel.ids import new_id
from locutory.kernel.telemetry.logs import bound, get_logger
from locutory.kernel.telemetry.metrics import Metrics
from locutory.kernel.telemetry.tracing import Tracing

CORRELATION_HEADER = "X-Correlation-Id"
UNMATCHED = "unmatched"

_CORRELATION_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


class TelemetryMiddleware:
    """The outermost middleware; `scope["state"]["correlation_id"]` is there for all below."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        metrics: Metrics,
        tracing: Tracing | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """`clock` gives seconds that never go back."""
        self._app = app
        self._clock = clock
        self._tracing = tracing or Tracing()
        labels = ("method", "route", "status")
        self._requests = metrics.counter("http_requests_total", "Requests answered", labels)
        self._seconds = metrics.histogram(
            "http_request_duration_seconds", "Time to the end of the answer", ("method", "route")
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one request or socket."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        correlation_id = _correlation_id(scope)
        scope.setdefault("state", {})["correlation_id"] = correlation_id
        with bound(correlation_id=correlation_id):
            if scope["type"] == "websocket":
                await self._app(scope, receive, send)
            else:
                method = _method(scope)
                with self._tracing.root(method, correlation_id, SpanKind.SERVER) as span:
                    await self._observe(scope, receive, send, correlation_id, span)

    async def _observe(
        self, scope: Scope, receive: Receive, send: Send, correlation_id: str, span: Span
    ) -> None:
        status = 500
        began = self._clock()

        async def with_header(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[CORRELATION_HEADER] = correlation_id
            await send(message)

        try:
            await self._app(scope, receive, with_header)
        finally:
            took_s = self._clock() - began
            method, route = _method(scope), route_template(scope)
            self._requests.labels(method, route, str(status)).inc()
            self._seconds.labels(method, route).observe(took_s)
            span.update_name(f"{method} {route}")
            span.set_attribute("http.request.method", method)
            span.set_attribute("http.route", route)
            span.set_attribute("http.response.status_code", status)
            get_logger().info(
                "request",
                method=method,
                route=route,
                status=status,
                duration_ms=round(took_s * 1000, 1),
            )


def route_template(scope: Scope) -> str:
    """The matched path with its parameters unfilled: a label with few values, without ids."""
    template = getattr(scope.get("route"), "path", None)
    return template if isinstance(template, str) else UNMATCHED


def _method(scope: Scope) -> str:
    """The method, `other` for invented ones: a label must not be the caller's to grow."""
    method: str = scope["method"]
    known = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
    return method if method in known else "other"


def _correlation_id(scope: Scope) -> str:
    """The caller's id if it is harmless in a log line, else a new one."""
    given = Headers(scope=scope).get(CORRELATION_HEADER, "")
    return given if _CORRELATION_ID.fullmatch(given) else str(new_id())
