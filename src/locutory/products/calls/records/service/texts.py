"""A transcript as a file: JSON, plain text, subtitles, speaker turns."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import orjson

from locutory.kernel.audit import audit
from locutory.kernel.crypto import Aad, KeyRing
from locutory.products.calls.records import queries
from locutory.products.calls.records.contract import PiiForbidden
from locutory.products.calls.records.models import CallRecord, CallTranscript
from locutory.products.calls.records.schemas import (
    TranscriptFile,
    TranscriptRead,
    TranscriptVersions,
    VersionRead,
)
from locutory.products.calls.records.service.reading import transcript_read
from locutory.products.calls.records.sight import Reader

MEDIA_TYPES = {
    "txt": "text/plain; charset=utf-8",
    "srt": "application/x-subrip; charset=utf-8",
    "vtt": "text/vtt; charset=utf-8",
    "rttm": "text/plain; charset=utf-8",
}


def sealed_texts(
    ring: KeyRing, tenant_id: UUID, call_id: UUID, version: int, texts: Sequence[str]
) -> bytes:
    """The raw texts of a version's turns, encrypted."""
    return ring.encrypt(orjson.dumps(list(texts)), aad=_aad(tenant_id, call_id, version))


def raw_texts(ring: KeyRing, row: CallTranscript) -> list[str] | None:
    """The raw texts of a version's turns; None where nobody knows the words."""
    if row.raw_enc is None:
        return None
    texts: list[str] = orjson.loads(
        ring.decrypt(row.raw_enc, aad=_aad(row.tenant_id, row.call_id, row.version))
    )
    return texts


def _aad(tenant_id: UUID, call_id: UUID, version: int) -> Aad:
    return Aad(tenant_id, CallTranscript.__tablename__, f"{call_id}:{version}", "raw")


async def get_transcript(
    reader: Reader, callid: str, ask: TranscriptFile, ring: KeyRing
) -> TranscriptRead:
    """One version of a transcript, the current one by default.

    Raw words are for readers with the right to them, and each such read leaves an audit row.
    Raises CallNotFound, TranscriptNotFound, TranscriptPurged, PiiForbidden.
    """
    if ask.raw and not reader.sees_pii:
        raise PiiForbidden
    async with reader.db.read() as session:
        record = await queries.get(session, callid, own=reader.own, fixed=reader.fixed)
        version = record.transcript_version if ask.version is None else ask.version
        row = await queries.get_transcript(session, record.id, version)
    read = transcript_read(row)
    if not ask.raw:
        return read
    await note_pii(reader, record, "transcript", version=row.version)
    texts = raw_texts(ring, row)
    if texts is None:
        return read
    turns = [turn.model_copy(update={"text": t}) for turn, t in zip(read.turns, texts, strict=True)]
    return read.model_copy(update={"turns": turns})


async def list_versions(reader: Reader, callid: str) -> TranscriptVersions:
    """Every version of a call's transcript, newest first. Raises CallNotFound."""
    async with reader.db.read() as session:
        record = await queries.get(session, callid, own=reader.own)
        rows = await queries.transcript_versions(session, record.id)
    return TranscriptVersions(
        current=record.transcript_version,
        items=[VersionRead.model_validate(row, from_attributes=True) for row in rows],
    )


async def note_pii(reader: Reader, record: CallRecord, what: str, **detail: Any) -> None:
    """Leave an audit row for a look at what is not redacted."""
    actor, name = reader.actor, f"call:{record.callid}"
    await reader.db.write(
        lambda tx: audit(tx, actor=actor, action="pii.read", object=name, what=what, **detail)
    )


def rendered(read: TranscriptRead, form: str, callid: str) -> str:
    """The transcript in a form of `MEDIA_TYPES`."""
    match form:
        case "txt":
            lines = [f"{_role(turn.role)}: {turn.text}" for turn in read.turns if turn.text]
            return "\n".join([*lines, ""])
        case "srt":
            return "\n".join(
                f"{n}\n{_clock(t.start_ms, ',')} --> {_clock(t.end_ms, ',')}\n"
                f"{_role(t.role)}: {_one_line(t.text)}\n"
                for n, t in enumerate((t for t in read.turns if t.text), start=1)
            )
        case "vtt":
            cues = [
                f"{_clock(t.start_ms, '.')} --> {_clock(t.end_ms, '.')}\n"
                f"<v {_role(t.role)}>{_escaped(_one_line(t.text))}\n"
                for t in read.turns
                if t.text
            ]
            return "\n".join(["WEBVTT\n", *cues])
        case _:
            return "".join(
                f"SPEAKER {callid} {(t.channel or 0) + 1} {t.start_ms / 1000:.3f} "
                f"{(t.end_ms - t.start_ms) / 1000:.3f} <NA> <NA> {t.speaker or t.role} <NA> <NA>\n"
                for t in read.turns
            )


def _role(role: str) -> str:
    return role.capitalize()


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _clock(ms: int, point: str) -> str:
    hours, rest = divmod(ms, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    return f"{hours:02d}:{minutes:02d}:{rest // 1000:02d}{point}{rest % 1000:03d}"
