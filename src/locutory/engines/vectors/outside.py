"""What the stores outside share: how they are asked, what may be put in, how things are named."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from locutory.engines.vectors.base import CollectionMissing
from locutory.kernel.http.client import HttpClient
from locutory.kernel.http.replies import EngineRejectedError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_AT_ONCE: Final = 256  # of 1,024 dimensions five megabytes of JSON
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]")
_NOT_FOUND: Final = 404


class Wire:
    """JSON to one server. `place` is its address without path and credentials."""

    def __init__(
        self,
        http: HttpClient,
        engine: str,
        url: str,
        headers: Mapping[str, str],
        timeout_s: float,
    ) -> None:
        self._http = http
        self.engine = engine
        self._url = url.rstrip("/")
        self._headers = headers
        self._timeout_s = timeout_s

    @property
    def host(self) -> str:
        """Host and port of the server."""
        return urlsplit(self._url).netloc

    async def ask(self, method: str, path: str, json: Any = None) -> Any:
        """Ask below the base address; the parsed answer.

        Raises CollectionMissing for 404, else as `HttpClient.request`.
        """
        try:
            reply = await self._http.request(
                method,
                self._url + path,
                engine=self.engine,
                headers=self._headers,
                json=json,
                timeout_s=self._timeout_s,
            )
        except EngineRejectedError as error:
            if error.extra.get("upstream_status") == _NOT_FOUND:
                raise CollectionMissing(error.detail, engine=self.engine) from error
            raise
        return reply.json(engine=self.engine)


def name_of(prefix: str, tenant: str, collection: str) -> str:
    """A collection's name on the server. Raises ValueError for signs that not every store takes."""
    name = f"{prefix}.{tenant}.{collection}"
    if _NAME.fullmatch(name) is None:
        raise ValueError(f"{name!r} cannot name a collection")
    return name


def portions(
    ids: Sequence[str], matrix: NDArray[np.float32], dimension: int
) -> Iterator[tuple[list[str], list[list[float]]]]:
    """Ids with their vectors as lists, as many as fit a request; the last of equal ids counts.

    Raises ValueError when the shape does not fit or a value is not finite.
    """
    import numpy as np

    vectors = np.asarray(matrix, dtype=np.float32)
    if vectors.shape != (len(ids), dimension):
        raise ValueError(f"expected ({len(ids)}, {dimension}), got {vectors.shape}")
    if not np.isfinite(vectors).all():
        raise ValueError("a vector is not finite")
    latest = list({one: place for place, one in enumerate(ids)}.items())
    for start in range(0, len(latest), _AT_ONCE):
        portion = latest[start : start + _AT_ONCE]
        yield [one for one, _ in portion], vectors[[place for _, place in portion]].tolist()


def best(found: Sequence[tuple[str, float]], k: int) -> list[tuple[str, float]]:
    """The k best, equals by id."""
    return sorted(found, key=lambda pair: (-pair[1], pair[0]))[:k]
