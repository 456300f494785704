"""What people correct: a transcript's words and speakers, a call's own fields."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete

from locutory.capabilities.interactions.contract import Role, Turn
from locutory.kernel.audit import audit
from locutory.kernel.crypto import KeyRing
from locutory.kernel.db import Session
from locutory.kernel.events import emit
from locutory.kernel.ids import new_id
from locutory.kernel.provenance import Source
from locutory.kernel.redact import Redacted, Redactor
from locutory.products.calls.records import queries
from locutory.products.calls.records.contract import (
    CallBusy,
    CallChanged,
    CallUpserted,
    Measure,
    Stage,
    StaleVersion,
    Status,
    TranscriptReady,
)
from locutory.products.calls.records.marks import mark_stale
from locutory.products.calls.records.models import (
    CallRecord,
    CallTag,
    CallTranscript,
)
from locutory.products.calls.records.muting import joined, muted, stretches_of
from locutory.products.calls.records.schemas import (
    CallUpdate,
    TranscriptEdit,
    TranscriptRead,
)
from locutory.products.calls.records.service import runs
from locutory.products.calls.records.service.reading import etag_of, transcript_read
from locutory.products.calls.records.service.texts import raw_texts, sealed_texts
from locutory.products.calls.records.sight import Reader
from locutory.products.calls.records.turns import Edit, RawTurn, edited, raw_turns, with_roles

MOST_TAGS = 50


@dataclass(frozen=True, slots=True)
class Desk:
    """What corrections need: keys for raw words, and the figures' formulas."""

    ring: KeyRing
    measure: Measure


async def edit_transcript(
    reader: Reader, callid: str, data: TranscriptEdit, desk: Desk
) -> TranscriptRead:
    """Store a corrected version and send the call to analysis and index again; nothing is heard.

    Raises CallNotFound, TranscriptNotFound, StaleVersion, CallBusy, EditInvalid.
    """
    edits = [Edit(**edit.model_dump()) for edit in data.edits]

    def correct(turns: Sequence[RawTurn]) -> list[RawTurn]:
        return edited(turns, edits)

    return await _correct(
        reader, callid, desk, correct, base=data.base_version, action="transcript.edit"
    )


async def set_speakers(
    reader: Reader, callid: str, roles: Mapping[str, Role], base: int | None, desk: Desk
) -> TranscriptRead:
    """Say who each speaker is: a new version, new figures, a new analysis, no new hearing.

    Raises CallNotFound, TranscriptNotFound, StaleVersion, CallBusy, EditInvalid.
    """
    return await _correct(
        reader,
        callid,
        desk,
        lambda turns: with_roles(turns, roles),
        base=base,
        action="transcript.speakers",
    )


async def update_call(
    reader: Reader, callid: str, data: CallUpdate, if_match: str | None
) -> CallRecord:
    """Change what the request names. Raises CallNotFound, CallChanged."""
    changes = data.model_dump(exclude_unset=True)

    async def store(tx: Session) -> CallRecord:
        record = await queries.get(tx, callid, own=reader.own, lock=True)
        if if_match is not None and if_match.strip() not in ("*", etag_of(record)):
            raise CallChanged
        for name, value in changes.items():
            if name == "tags":
                await retag(tx, record, add=value, remove=set(record.tags) - set(value))
            else:
                setattr(record, name, value)
        if changes:
            await tx.flush()
            await mark_stale(tx, record.id)
            await emit(tx, CallUpserted(callid=record.callid, status=record.status, created=False))
            await audit(
                tx,
                actor=reader.actor,
                action="call.update",
                object=f"call:{record.callid}",
                fields=sorted(changes),
            )
        return record

    return await reader.db.write(store)


async def retag(
    tx: Session, record: CallRecord, *, add: Sequence[str], remove: Sequence[str] | set[str]
) -> None:
    """Give a call tags and take others away; at most 50 stay."""
    gone = set(remove) - set(add)
    kept = [tag for tag in record.tags if tag not in gone]
    wanted = list(dict.fromkeys([*kept, *add]))[:MOST_TAGS]
    fresh = set(wanted) - set(record.tags)
    if gone:
        await tx.execute(delete(CallTag).where(CallTag.call_id == record.id, CallTag.tag.in_(gone)))
    tx.add_all(CallTag(id=new_id(), call_id=record.id, tag=tag) for tag in sorted(fresh))
    record.tags = wanted


async def tag(
    tx: Session,
    record: CallRecord,
    *,
    add: Sequence[str],
    remove: Sequence[str],
    actor: str,
) -> None:
    """Give a call tags and take others away, as a deed of its own."""
    await retag(tx, record, add=add, remove=remove)
    await tx.flush()
    await mark_stale(tx, record.id)
    await emit(tx, CallUpserted(callid=record.callid, status=record.status, created=False))
    await audit(
        tx, actor=actor, action="call.update", object=f"call:{record.callid}", fields=["tags"]
    )


async def _correct(
    reader: Reader,
    callid: str,
    desk: Desk,
    correct: Any,
    *,
    base: int | None,
    action: str,
) -> TranscriptRead:
    """Correct outside the transaction, which then only checks that nobody was faster."""
    async with reader.db.read() as session:
        record = await queries.get(session, callid, own=reader.own)
        current = record.transcript_version
        row = await queries.get_transcript(session, record.id, current)
    if base is not None and base != current:
        raise StaleVersion(current_version=current)
    before = raw_turns(row.turns, raw_texts(desk.ring, row))
    turns = correct(before)
    # what the business kept readable when the call was transcribed stays so
    readable = frozenset(row.quality.get("readable", ()))
    redacted = Redactor(keep=readable).redact_turns([turn.text for turn in turns])
    made = _version(reader, record, row, turns, redacted, desk, action)
    made.muted = _muted(row, before, turns, redacted)
    figures = desk.measure(_turns(turns), row.duration_ms)

    async def store(tx: Session) -> TranscriptRead:
        now = await queries.get(tx, callid, own=reader.own, lock=True)
        if now.id != record.id or now.transcript_version != current:
            raise StaleVersion(current_version=now.transcript_version)
        if now.status == Status.PENDING:
            raise CallBusy("the call is being transcribed; its words come anew")
        tx.add(made)
        now.transcript_version = made.version
        now.has_words = made.word_count > 0
        now.talk_ratio = figures.talk_ratio
        metric = await queries.metric(tx, now.id)
        if metric is not None:
            metric.transcript_version, metric.figures = made.version, figures.as_dict()
        await runs.send(tx, now, Stage.ANALYZE)
        await emit(
            tx,
            TranscriptReady(callid=now.callid, version=made.version, has_words=now.has_words),
        )
        await audit(
            tx,
            actor=reader.actor,
            action=action,
            object=f"call:{now.callid}",
            base_version=current,
            version=made.version,
        )
        return transcript_read(made)

    return await reader.db.write(store)


def _version(
    reader: Reader,
    record: CallRecord,
    row: CallTranscript,
    turns: Sequence[RawTurn],
    redacted: Sequence[Redacted],
    desk: Desk,
    action: str,
) -> CallTranscript:
    version = row.version + 1
    found: dict[str, int] = {}
    for one in redacted:
        for kind, count in one.found.items():
            found[kind] = found.get(kind, 0) + count
    texts = [turn.text for turn in turns]
    sealed = None
    if any(texts):
        sealed = sealed_texts(desk.ring, record.tenant_id, record.id, version, texts)
    return CallTranscript(
        id=new_id(),
        call_id=record.id,
        version=version,
        epoch=row.epoch,
        origin=Source.EDITED,
        engine=row.engine,
        language=row.language,
        duration_ms=row.duration_ms,
        word_count=sum(len(text.split()) for text in texts),
        turns=[
            {
                "idx": idx,
                "start_ms": turn.start_ms,
                "end_ms": turn.end_ms,
                "role": turn.role,
                "role_confidence": turn.role_confidence,
                "speaker": turn.speaker,
                "channel": turn.channel,
                "text": one.text,
                "confidence": turn.confidence,
                "flags": list(turn.flags),
            }
            for idx, (turn, one) in enumerate(zip(turns, redacted, strict=True))
        ],
        raw_enc=sealed,
        quality={
            **row.quality,
            "redacted": found,
            "edited": {"by": reader.actor, "base_version": row.version, "how": action},
        },
    )


def _muted(
    row: CallTranscript,
    before: Sequence[RawTurn],
    turns: Sequence[RawTurn],
    redacted: Sequence[Redacted],
) -> list[tuple[int, int]] | None:
    """What was silent stays so: a correction changes the words, not what is heard."""
    silent = stretches_of(row)
    if silent is None:
        return None
    known = {(turn.start_ms, turn.end_ms, turn.text) for turn in before}
    fresh = [(t.start_ms, t.end_ms, t.text) not in known for t in turns]
    spans = [one.spans if new else () for one, new in zip(redacted, fresh, strict=True)]
    return joined([*silent, *muted(turns, spans)])


def _turns(turns: Sequence[RawTurn]) -> list[Turn]:
    return [
        Turn(
            idx=idx,
            role=Role(turn.role),
            text=turn.text,
            start_ms=turn.start_ms,
            end_ms=turn.end_ms,
            speaker=turn.speaker,
            channel=turn.channel,
            role_confidence=turn.role_confidence,
            confidence=turn.confidence,
            flags=turn.flags,
        )
        for idx, turn in enumerate(turns)
    ]
