"""A stored file as an HTTP answer, whole or a range of it, without reading it into memory."""

import re
from contextlib import aclosing

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from locutory.engines.blobs import BlobStore
from locutory.kernel.errors import LocutoryError

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


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
    """Sends a blob as it comes out of the store, a piece at a time."""

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
        left = self._end - self._first
        async with aclosing(self._blobs.read(self._key, self._first, self._end)) as pieces:
            body = await anext(pieces, b"")  # what fails before the first byte has its own answer
            start = {"status": self.status_code, "headers": self.raw_headers}
            await send({"type": "http.response.start", **start})
            while body:
                left -= len(body)
                await send({"type": "http.response.body", "body": body, "more_body": left > 0})
                try:
                    body = await anext(pieces, b"")
                except LocutoryError as error:
                    raise ConnectionError(error.detail) from error
        if left > 0:
            raise ConnectionError("the file became shorter while it was sent")
