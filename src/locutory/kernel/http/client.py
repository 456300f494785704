"""One client for all calls to the outside. aiohttp is loaded and sessions are made at first use."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import orjson

from locutory.kernel.clock import Clock, utc_now
from locutory.kernel.errors import EngineError, EngineUnavailable, InputError, LocutoryError
from locutory.kernel.http.breaker import Breaker, BreakerState
from locutory.kernel.http.gate import Gate
from locutory.kernel.http.replies import (
    RemoteUnavailableError,
    Reply,
    engine_error,
    remote_error,
)
from locutory.kernel.http.retry import retrying
from locutory.kernel.settings import HttpSettings
from locutory.kernel.telemetry.metrics import Metrics
from locutory.kernel.telemetry.tracing import Tracing

if TYPE_CHECKING:
    import aiohttp

    from locutory.kernel.http.connections import Resolve
    from locutory.kernel.http.fetching import Fetch, FetchCodes, Fetched, FetchLimits

MAX_REPLY_BYTES: Final = 16 * 1024 * 1024
FETCH: Final = "fetch"
DELIVER: Final = "deliver"

Params = Mapping[str, str] | Sequence[tuple[str, str]]
Form = Mapping[str, str | Path] | Sequence[tuple[str, str | Path]]
Refine = Callable[[Reply, EngineError], EngineError]

_STATE_NUMBER: Final = {
    BreakerState.CLOSED: 0,
    BreakerState.HALF_OPEN: 1,
    BreakerState.OPEN: 2,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outgoing:
    """One request as it goes out."""

    method: str
    url: str
    headers: Mapping[str, str]
    params: Params | None
    data: bytes | Path | None
    form: Form | None
    timeout_s: float
    max_bytes: int
    gated: bool


class HttpClient:
    """Calls engines at base URLs from the settings, and tenants' addresses behind the gate."""

    def __init__(
        self,
        settings: HttpSettings,
        *,
        resolve: "Resolve | None" = None,
        metrics: Metrics | None = None,
        tracing: Tracing | None = None,
        clock: Clock = utc_now,
        rng: Random | None = None,
    ) -> None:
        """`resolve` replaces the system's name service for tenants' addresses."""
        self._metrics = _OutboundMetrics(metrics or Metrics(), tracing or Tracing())
        self.gate = Gate(settings.allow_private_hosts)
        self._settings = settings
        self._resolve = resolve
        self._clock = clock
        self._rng = rng or Random()
        self._plain: aiohttp.ClientSession | None = None
        self._gated: aiohttp.ClientSession | None = None
        self._breakers: dict[str, Breaker] = {}

    def breaker(self, engine: str) -> Breaker:
        """The breaker of an engine; its state is a metric and a line of the provider page."""
        known = self._breakers.get(engine)
        if known is not None:
            return known
        made = self._breakers[engine] = Breaker(engine)
        self._metrics.watch(engine, made)
        return made

    async def get_json(self, url: str, *, engine: str, **options: Any) -> Any:
        """GET and parse. Options and errors as in `request`."""
        return (await self.request("GET", url, engine=engine, **options)).json(engine=engine)

    async def post_json(self, url: str, body: Any, *, engine: str, **options: Any) -> Any:
        """POST `body` as JSON and parse the answer. Options and errors as in `request`."""
        reply = await self.request("POST", url, engine=engine, json=body, **options)
        return reply.json(engine=engine)

    async def request(
        self,
        method: str,
        url: str,
        *,
        engine: str,
        headers: Mapping[str, str] | None = None,
        params: Params | None = None,
        json: Any = None,
        data: bytes | Path | None = None,
        form: Form | None = None,
        timeout_s: float = 60.0,
        max_bytes: int = MAX_REPLY_BYTES,
        attempts: int = 1,
        gated: bool = False,
        refine: Refine | None = None,
        place: str | None = None,
        guarded: bool = True,
    ) -> Reply:
        """Call an engine at a base URL from the settings; redirects are not followed.

        `json`, `data` and `form` exclude each other; a Path is uploaded as a file, block by block.
        More than one attempt is for calls that may run twice. `gated` is for addresses that the
        engine itself named: they must be public, and go out as written. `refine` may replace the
        error that a status stands for by one that the body tells. `place` has a breaker and metrics
        of its own, where several servers are one kind of engine; without `guarded` the breaker is
        the caller's affair. Raises EngineAuthError, EngineThrottled, EngineUnavailable,
        EngineRejectedError, BreakerOpenError; UrlBlockedError if gated.
        """
        sent = dict(headers or {})
        if json is not None:
            data = orjson.dumps(json)
            sent.setdefault("Content-Type", "application/json")
        if gated:
            self.gate.check_url(url)
            sent.setdefault("Accept-Encoding", "identity")  # that session does not decompress
        outgoing = _Outgoing(
            method=method,
            url=url,
            headers=sent,
            params=params,
            data=data,
            form=form,
            timeout_s=timeout_s,
            max_bytes=max_bytes,
            gated=gated,
        )

        async def once() -> Reply:
            where = place or engine
            guard = self.breaker(where).guard() if guarded else nullcontext()
            with guard, self._metrics.measure(where):
                reply = await self._exchange(outgoing, engine)
                self._require_success(reply, engine, sent, refine)
                return reply

        return await retrying(once, attempts=attempts, rng=self._rng)

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        url: str,
        *,
        engine: str,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        timeout_s: float = 60.0,
        refine: Refine | None = None,
        place: str | None = None,
        guarded: bool = True,
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """Call an engine as `request` does and read the body in chunks, as they come.

        `timeout_s` bounds the time to the headers; how long a chunk may take is the reader's
        affair. Raises as `request`, also while the body is read.
        """
        from locutory.kernel.http import connections  # noqa: PLC0415 - aiohttp loads at first use

        def failure(reason: str) -> EngineUnavailable:
            return EngineUnavailable(f"{engine} does not answer: {reason}", engine=engine)

        sent = {"Content-Type": "application/json", **(headers or {})}
        where, session = place or engine, self._plain_session()
        with (
            self.breaker(where).guard() if guarded else nullcontext(),
            self._metrics.measure(where),
            connections.network_errors(failure),
        ):
            async with asyncio.timeout(timeout_s):
                response = await session.request(
                    method, url, headers=sent, data=orjson.dumps(json), allow_redirects=False
                )
            async with response:
                if not 200 <= response.status < 300:
                    content = await connections.read_capped(response, MAX_REPLY_BYTES) or b""
                    reply = Reply(response.status, _lower(response.headers), content)
                    self._require_success(reply, engine, sent, refine)
                yield response.content.iter_any()

    def _require_success(
        self, reply: Reply, engine: str, sent: Mapping[str, str], refine: Refine | None
    ) -> None:
        """Raise the error that a status stands for."""
        if not 200 <= reply.status < 300:
            error = engine_error(reply, engine=engine, now=self._clock(), secrets=sent)
            raise error if refine is None else refine(reply, error)

    async def _exchange(self, outgoing: _Outgoing, engine: str) -> Reply:
        from locutory.kernel.http import connections  # noqa: PLC0415 - aiohttp loads at first use

        def failure(reason: str) -> EngineUnavailable:
            return EngineUnavailable(f"{engine} does not answer: {reason}", engine=engine)

        session = self._gated_session() if outgoing.gated else self._plain_session()
        with connections.network_errors(failure), ExitStack() as files:
            body: Any = outgoing.data
            if outgoing.form is not None:
                body = files.enter_context(connections.form_body(outgoing.form))
            elif isinstance(body, Path):
                body = files.enter_context(await asyncio.to_thread(body.open, "rb"))
            async with (
                asyncio.timeout(outgoing.timeout_s),
                session.request(
                    outgoing.method,
                    connections.as_written(outgoing.url) if outgoing.gated else outgoing.url,
                    headers=outgoing.headers,
                    params=outgoing.params,
                    data=body,
                    allow_redirects=False,
                ) as response,
            ):
                content = await connections.read_capped(response, outgoing.max_bytes)
                if content is None:
                    raise EngineUnavailable("the answer is too large", engine=engine)
                return Reply(response.status, _lower(response.headers), content)

    async def deliver(
        self,
        url: str,
        body: bytes,
        *,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = 10.0,
        gone_code: str = "URL_GONE",
    ) -> int:
        """POST to a tenant's address (webhook, callback); returns its 2xx status.

        Redirects are not followed and the answer's body is not read. Raises UrlBlockedError,
        InputError, RemoteUnavailableError, RemoteThrottledError.
        """
        from locutory.kernel.http import connections  # noqa: PLC0415 - aiohttp loads at first use

        self.gate.check_url(url)
        session = self._gated_session()
        with (
            self._metrics.measure(DELIVER),
            connections.network_errors(RemoteUnavailableError),
        ):
            async with (
                asyncio.timeout(timeout_s),
                session.post(
                    url.strip(), data=body, headers=headers, allow_redirects=False
                ) as response,
            ):
                if 200 <= response.status < 300:
                    return response.status
                raise remote_error(
                    response.status,
                    _lower(response.headers),
                    gone_code=gone_code,
                    now=self._clock(),
                )

    async def fetch(
        self,
        url: str,
        *,
        to: Path | BinaryIO,
        max_bytes: int,
        headers: Mapping[str, str] | None = None,
        expected_sha256: str | None = None,
        limits: "FetchLimits | None" = None,
        codes: "FetchCodes | None" = None,
    ) -> "Fetched":
        """Stream a tenant's file to a path (whole or not at all) or into a seekable file.

        `headers` are credentials: a redirect to another origin does not get them. `limits`
        replaces the server's own times. Raises UrlBlockedError, InputError (`codes.gone` on 401,
        403, 404, 410; HASH_MISMATCH), TooLargeError, and where trying again may help
        RemoteUnavailableError, RemoteThrottledError, StorageUnavailableError.
        """
        from locutory.kernel.http import fetching  # noqa: PLC0415 - aiohttp loads at first use

        bounds = limits or fetching.FetchLimits(
            connect_s=self._settings.connect_timeout_s,
            idle_s=self._settings.idle_timeout_s,
            floor_s=self._settings.fetch_timeout_s,
        )
        download = fetching.Fetch(
            self._gated_session(),
            self.gate,
            max_bytes=max_bytes,
            limits=bounds,
            codes=codes or fetching.FetchCodes(),
            credentials=headers or {},
            clock=self._clock,
        )
        with self._metrics.measure(FETCH):
            if not isinstance(to, Path):
                return _checked(await download.run(url, to), expected_sha256)
            return await _fetch_to_path(download, url, to, expected_sha256)

    async def close(self) -> None:
        """Close the connections."""
        for session in (self._plain, self._gated):
            if session is not None:
                await session.close()
        self._plain = self._gated = None

    def _plain_session(self) -> "aiohttp.ClientSession":
        from locutory.kernel.http import connections  # noqa: PLC0415 - aiohttp loads at first use

        if self._plain is None:
            self._plain = connections.plain_session(connect_s=self._settings.connect_timeout_s)
        return self._plain

    def _gated_session(self) -> "aiohttp.ClientSession":
        from locutory.kernel.http import connections  # noqa: PLC0415 - aiohttp loads at first use

        if self._gated is None:
            self._gated = connections.gated_session(
                self.gate, connect_s=self._settings.connect_timeout_s, resolve=self._resolve
            )
        return self._gated


class _OutboundMetrics:
    """What is counted about calls to the outside; `provider` is the engine's name."""

    def __init__(self, metrics: Metrics, tracing: Tracing) -> None:
        labels = ("provider",)
        self._tracing = tracing
        self._inflight = metrics.gauge(
            "provider_inflight", "Calls to the outside under way", labels
        )
        self._breakers = metrics.gauge(
            "provider_breaker_state", "Whether it is left alone: 0 no, 1 half open, 2 yes", labels
        )
        self._calls = metrics.counter(
            "outbound_requests_total",
            "Calls to the outside, `ok` or by class of error",
            ("provider", "result"),
        )
        self._seconds = metrics.histogram(
            "outbound_duration_seconds", "Time of a call to the outside", labels
        )

    def watch(self, engine: str, breaker: Breaker) -> None:
        self._breakers.labels(engine).set_function(lambda: _STATE_NUMBER[breaker.state])

    @contextmanager
    def measure(self, engine: str) -> Iterator[None]:
        began = time.perf_counter()
        result = "cancelled"
        inflight = self._inflight.labels(engine)
        inflight.inc()
        try:
            with self._tracing.span(f"call {engine}", **{"locutory.provider": engine}):
                yield
            result = "ok"
        except LocutoryError as error:
            result = error.cls.value
            raise
        finally:
            inflight.dec()
            self._calls.labels(engine, result).inc()
            self._seconds.labels(engine).observe(time.perf_counter() - began)


async def _fetch_to_path(
    download: "Fetch", url: str, to: Path, expected_sha256: str | None
) -> "Fetched":
    """Fetch beside the path, then rename: a crash leaves no half file under the final name."""
    draft = to.with_name(f"{to.name}.part")
    file = await asyncio.to_thread(draft.open, "wb")
    try:
        with file:
            fetched = _checked(await download.run(url, file), expected_sha256)
        await asyncio.to_thread(draft.replace, to)
    finally:
        await asyncio.to_thread(draft.unlink, missing_ok=True)
    return fetched


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _checked(fetched: "Fetched", expected_sha256: str | None) -> "Fetched":
    if expected_sha256 is not None and fetched.sha256 != expected_sha256.lower():
        raise InputError("the file is not the one that was announced", code="HASH_MISMATCH")
    return fetched
