"""A stored file as an HTTP answer, whole or a range of it, without reading it into memory."""

import asyncio
import re
from pathlib import Path

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from locutory.engines.blobs import BlobStore
from locutory.kernel.errors import LocutoryError

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)
_CHUNK = 256 * 1024


class RangeUnsatisfiable(LocutoryError):
    """The file is shorter than that."""

    status, code = 416, "RANGE_UNSATISFIABLE"


def span_of(header: str | None, size: int) -> tuple[int, int] | None:
    """(first, end) of a `Range` header; None for the whole file.

    A header that asks for several ranges or cannot be read counts as none (RFC 9110, 14.2).
    Raises RangeUnsatisfiable.
    """
    match = _RANGE.fullmatch(header.strip()) if header else None
    if match is None or match[0] == "bytes=-":
        return None
    if not match[1]:
        length = int(match[2])
        first, end = max(0, size - length), size
        if length == 0:
            raise RangeUnsatisfiable
    else:
        first = int(match[1])
        end = size if not match[2] else min(size, int(match[2]) + 1)
        if match[2] and int(match[2]) < first:
            return None
    if first >= size:
        raise RangeUnsatisfiable
    return first, end


class StoredFile(Response):
    """Sends a blob; the store's copy is held until the last byte is out."""

    def __init__(
        self,
        blobs: BlobStore,
        key: str,
        *,
        size: int,
        span: tuple[int, int] | None,
        media_type: str,
        name: str,
    ) -> None:
        self._blobs, self._key = blobs, key
        self._first, self._end = span or (0, size)
        self.status_code = 200 if span is None else 206
        self.media_type = media_type
        self.background = None
        self.body = b""
        headers = {
            "accept-ranges": "bytes",
            "content-length": str(self._end - self._first),
            "cache-control": "private, no-store",
            "content-disposition": f'inline; filename="{name}"',
            "x-content-type-options": "nosniff",
        }
        if span is not None:
            headers["content-range"] = f"bytes {self._first}-{self._end - 1}/{size}"
        self.init_headers(headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._blobs.local_copy(self._key) as path:
            start = {"status": self.status_code, "headers": self.raw_headers}
            await send({"type": "http.response.start", **start})
            at = self._first
            while at < self._end:
                size = min(_CHUNK, self._end - at)
                body = await asyncio.to_thread(_piece, path, at, size)
                if not body:
                    raise ConnectionError("the file became shorter while it was sent")
                at += len(body)
                more = at < self._end
                await send({"type": "http.response.body", "body": body, "more_body": more})


def _piece(path: Path, at: int, size: int) -> bytes:
    with path.open("rb") as file:
        file.seek(at)
        return file.read(size)
