"""What a file is, by its first bytes and never by its name."""

from dataclasses import dataclass
from pathlib import Path

from locutory.engines.media.base import AudioEmptyError, NotAudioError

HEAD_BYTES = 4096

_OTHER_MAGIC = (
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive or office document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"\x7fELF", "a program"),
)
_PLAIN_MAGIC = (
    (b"fLaC", "flac"),
    (b"OggS", "ogg"),
    (b".snd", "au"),
    (b"caff", "caf"),
    (b"riff\x2e\x91\xcf\x11", "w64"),
    (b"#!AMR-WB\n", "amr-wb"),
    (b"#!AMR\n", "amr"),
    (b"\x1aE\xdf\xa3", "webm"),
    (b"\x30\x26\xb2\x75", "wma"),
    (b"ID3", "mp3"),
)
_GSM_FRAME = 33


@dataclass(frozen=True, slots=True)
class Sniffed:
    """What the bytes look like: a `container` when it is sound, else `other` in words."""

    container: str | None = None
    other: str | None = None


def sniff(head: bytes) -> Sniffed:
    """Judge the first bytes of a file (some hundred are enough, `HEAD_BYTES` are plenty)."""
    container = _audio_container(head)
    if container:
        return Sniffed(container=container)
    for magic, name in _OTHER_MAGIC:
        if head.startswith(magic):
            return Sniffed(other=name)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return Sniffed(other="a WebP image")
    if head[:2] == b"BM" and head[6:10] == bytes(4):
        return Sniffed(other="a BMP image")
    text = _as_text(head)
    if text is not None:
        return Sniffed(other=_kind_of_text(text))
    if _is_mpeg_frame(head):
        return Sniffed(container="mp3")
    if _is_gsm(head):
        return Sniffed(container="gsm")
    return Sniffed(other="unknown binary data")


def _audio_container(head: bytes) -> str | None:
    if head[:4] in (b"RIFF", b"RIFX", b"RF64", b"BW64") and head[8:12] == b"WAVE":
        return "wav"
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return "aiff"
    if head[4:8] == b"ftyp":
        return "mp4"
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0:
        return "aac"
    return next((name for magic, name in _PLAIN_MAGIC if head.startswith(magic)), None)


def _is_mpeg_frame(head: bytes) -> bool:
    """Eleven sync bits, then layer, bit rate and sample rate that are not the reserved values."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return False
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    return version != 1 and layer != 0 and head[2] >> 4 != 15 and head[2] >> 2 & 3 != 3


def _is_gsm(head: bytes) -> bool:
    """Headerless GSM 06.10: every frame of 33 bytes opens with the nibble 0xD."""
    firsts = head[::_GSM_FRAME]
    return len(firsts) >= 4 and all(byte >> 4 == 0xD for byte in firsts)


def _as_text(head: bytes) -> str | None:
    """The bytes as text, or None when they hold control characters that no text has."""
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        text = head.decode("utf-16", errors="replace")
    else:
        try:
            text = head[:-3].decode("utf-8-sig") if len(head) > 3 else head.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            if error.start < len(head) - 8:
                return None
            text = head[: error.start].decode("utf-8-sig")
    return None if any(ord(c) < 32 and c not in "\t\r\n\f\x1b" for c in text) else text


def _kind_of_text(text: str) -> str:
    start = text.lstrip()[:200].lower()
    if start.startswith(("<!doctype html", "<html", "<head", "<body")) or "<html" in start:
        return "an HTML page"
    if start.startswith("<svg"):
        return "an SVG image"
    if start.startswith("<"):
        return "an XML document"
    if start.startswith(("{", "[")):
        return "a JSON document"
    return "plain text"


def container_of(path: Path) -> str:
    """The container of a recording. Raises NotAudioError, AudioEmptyError."""
    with path.open("rb") as source:
        head = source.read(HEAD_BYTES)
    if not head:
        raise AudioEmptyError("the file is empty")
    found = sniff(head)
    if found.container is None:
        raise NotAudioError(f"The file is no recording; it looks like {found.other}")
    return found.container
