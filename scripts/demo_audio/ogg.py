"""Ogg pages, as far as needed to give a stream a chosen serial number (RFC 3533, section 6)."""

import struct

_SERIAL, _CHECKSUM, _SEGMENTS, _TABLE = 14, 22, 26, 27
_POLYNOMIAL = 0x04C11DB7


def renumber(data: bytes, serial: int) -> bytes:
    """The same pages with `serial` in place of libsndfile's random one.

    Raises ValueError where a page does not begin with its capture pattern.
    """
    out = bytearray(data)
    start = 0
    while start < len(out):
        if out[start : start + 4] != b"OggS":
            raise ValueError(f"no Ogg page at byte {start}")
        body = start + _TABLE + out[start + _SEGMENTS]
        end = body + sum(out[start + _TABLE : body])
        struct.pack_into("<I", out, start + _SERIAL, serial)
        struct.pack_into("<I", out, start + _CHECKSUM, 0)
        struct.pack_into("<I", out, start + _CHECKSUM, _checksum(out[start:end]))
        start = end
    return bytes(out)


def _remainder(byte: int) -> int:
    value = byte << 24
    for _ in range(8):
        value = (value << 1) ^ (_POLYNOMIAL if value & 0x80000000 else 0)
    return value & 0xFFFFFFFF


_REMAINDERS = tuple(_remainder(byte) for byte in range(256))


def _checksum(page: bytes | bytearray) -> int:
    """CRC-32 with Ogg's polynomial, no reflection, initial value and final XOR zero."""
    value = 0
    for byte in page:
        value = ((value << 8) & 0xFFFFFFFF) ^ _REMAINDERS[(value >> 24) ^ byte]
    return value
