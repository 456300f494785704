"""WAV headers: stated length against real length, and sizes that recorders left wrong."""

import io
import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from locutory.engines.media.base import ACCEPTED_SHARE, CHUNK_SIZE, TRUNCATED, AudioTruncatedError

_STREAMED = 0x7FFF_0000
"""Sizes from here on are what a recorder writes that cannot seek back and fill them in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataChunk:
    """Where the samples lie. `size_at` is the offset of the 32-bit size field itself."""

    size_at: int
    start: int
    stated_bytes: int
    actual_bytes: int
    big_endian: bool
    wide: bool


def find_data(path: Path) -> DataChunk | None:
    """Walk the chunks of a RIFF, RIFX, RF64 or BW64 file to `data`; None when there is none."""
    size = path.stat().st_size
    with path.open("rb") as file:
        form = file.read(12)[:4]
        big, wide = form == b"RIFX", form in (b"RF64", b"BW64")
        order = ">" if big else "<"
        long_size: int | None = None
        while len(header := file.read(8)) == 8:
            name, length = header[:4], struct.unpack(order + "I", header[4:])[0]
            at = file.tell()
            if name == b"ds64":
                _, long_size = struct.unpack("<QQ", file.read(16).ljust(16, b"\0"))
            if name == b"data":
                stated = long_size if wide and long_size and length == 0xFFFF_FFFF else length
                return DataChunk(
                    size_at=at - 4,
                    start=at,
                    stated_bytes=stated,
                    actual_bytes=size - at,
                    big_endian=big,
                    wide=wide,
                )
            file.seek(at + length + (length & 1))
    return None


def check_length(chunk: DataChunk) -> tuple[str, ...]:
    """Compare stated and real length; returns warnings, raises AudioTruncatedError below 95 %."""
    stated, actual = chunk.stated_bytes, chunk.actual_bytes
    if actual == 0 or actual >= stated > 0:
        return ()
    if stated == 0 or stated >= _STREAMED:
        return (CHUNK_SIZE,)
    if actual / stated < ACCEPTED_SHARE:
        raise AudioTruncatedError(
            f"{actual} of {stated} stated bytes of sound are there ({actual / stated:.0%})"
        )
    return (TRUNCATED,)


class MendedFile(io.RawIOBase):
    """A read-only file whose size field of the data chunk says what is really there.

    Decoders trust a stated 0 and would see no sound; the file itself stays untouched.
    """

    def __init__(self, path: Path, chunk: DataChunk) -> None:
        """Open the file; the size is written in the file's own byte order."""
        self._file = path.open("rb")
        order = ">I" if chunk.big_endian else "<I"
        self._patch = struct.pack(order, min(chunk.actual_bytes, 0xFFFF_FFFE))
        self._at = chunk.size_at

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._file.tell()

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def readinto(self, buffer: Any) -> int:
        """Fill `buffer` from the file with the mended field laid over it; returns the count."""
        at = self._file.tell()
        data = bytearray(self._file.read(len(buffer)))
        for i, byte in enumerate(self._patch):
            if 0 <= self._at + i - at < len(data):
                data[self._at + i - at] = byte
        memoryview(buffer)[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()
