"""The kernel's HTTP client as adapters of models want it; failures come as engine errors."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import orjson

from locutory.engines.llm.refusals import REFUSED, UNREACHABLE, refused
from locutory.engines.llm.streams import lines_of
from locutory.kernel.errors import EngineError, EngineTimeout, EngineUnavailable, InvalidOutput
from locutory.kernel.http.client import HttpClient
from locutory.kernel.http.replies import EngineRejectedError, Reply


class KernelPoster:
    """Posts for one model, whose breaker is the router's.

    `place` names its metrics; `secret` is cut from what servers say.
    """

    def __init__(
        self,
        http: HttpClient,
        engine: str = "openai_compatible",
        *,
        place: str | None = None,
        secret: str | None = None,
    ) -> None:
        self._http = http
        self._engine = engine
        self._place = place
        self._secret = secret

    async def post_json(
        self, url: str, body: Mapping[str, Any], headers: Mapping[str, str], timeout_s: float
    ) -> tuple[int, Mapping[str, str], dict[str, Any]]:
        """Post; see `JsonPoster`. Raises the errors of `LLM.complete`."""
        with self._failures():
            reply = await self._http.request(
                "POST",
                url,
                engine=self._engine,
                place=self._place,
                guarded=False,
                headers=headers,
                json=dict(body),
                timeout_s=timeout_s,
                refine=self._refine,
            )
        content = reply.json(engine=self._engine)
        return reply.status, reply.headers, content if isinstance(content, dict) else {}

    @asynccontextmanager
    async def post_lines(
        self, url: str, body: Mapping[str, Any], headers: Mapping[str, str], timeout_s: float
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """Post and read line by line; see `LinePoster`. Raises the errors of `LLM.complete`."""
        with self._failures():
            async with self._http.stream(
                "POST",
                url,
                engine=self._engine,
                place=self._place,
                guarded=False,
                headers=headers,
                json=dict(body),
                timeout_s=timeout_s,
                refine=self._refine,
            ) as chunks:
                yield lines_of(chunks, engine=self._engine)

    def _refine(self, reply: Reply, error: EngineError) -> EngineError:
        """The finer error that the body tells of."""
        try:
            body = orjson.loads(reply.body)
        except orjson.JSONDecodeError:
            return error
        if not isinstance(body, dict):
            return error
        return refused(reply.status, reply.headers, body, engine=self._engine, secret=self._secret)

    @contextmanager
    def _failures(self) -> Iterator[None]:
        import aiohttp

        try:
            yield
        except EngineRejectedError as error:
            raise InvalidOutput(
                error.detail, engine=self._engine, code=REFUSED, **error.extra
            ) from error
        except EngineUnavailable as error:
            cause = error.__cause__
            if isinstance(cause, TimeoutError):
                raise EngineTimeout(error.detail, engine=self._engine) from error
            if isinstance(cause, aiohttp.ClientConnectorError):
                raise EngineUnavailable(
                    error.detail, engine=self._engine, code=UNREACHABLE
                ) from error
            raise
