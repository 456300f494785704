"""Transcripts that come beside a recording, in whatever form the source system writes.

The form is told from the content. Times are clamped and sorted as for any engine.
"""

import codecs
import json
import re
from typing import Any

from locutory.engines.stt.base import STTResult
from locutory.engines.stt.readings import to_result
from locutory.engines.stt.sidecar_json import read_json
from locutory.engines.stt.sidecar_text import read_text
from locutory.kernel.errors import ErrorClass, InputError

_JSON_START = re.compile(r"\{|\[\s*[{\[\]]")
"""Not every bracket: `[00:12] Ana: hello` is a line."""
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class SidecarInvalidError(InputError):
    """The transcript beside the recording is damaged."""

    status, code, cls = 422, "SIDECAR_INVALID", ErrorClass.PERMANENT_INPUT


def parse_sidecar(data: bytes, *, duration_ms: int | None = None) -> STTResult | None:
    """Read a transcript file; `duration_ms` is the recording's length where it is known.

    Understands our own JSON and that of Deepgram, Sarvam, Whisper (verbose) and Amazon
    Transcribe; SRT, WebVTT, CTM, RTTM (turns only) and `Speaker: text` lines. Returns None for
    content of another shape, so that the caller can warn and listen instead. Raises
    SidecarInvalidError for an empty file and for JSON that breaks off.
    """
    text = decode(data).replace("\r\n", "\n").replace("\r", "\n").replace("\0", "").strip()
    if not text:
        raise SidecarInvalidError("The transcript file is empty")
    reading = read_json(_load(text)) if _JSON_START.match(text) else read_text(text)
    if reading is None:
        return None
    return to_result(reading, duration_ms, provider="sidecar", model=reading.form)


def decode(data: bytes) -> str:
    """Bytes as text: by byte order mark, else UTF-8, else Windows-1252; never fails."""
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return data.decode(encoding, errors="replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def _load(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SidecarInvalidError(f"The transcript is no whole JSON document: {error}") from error
