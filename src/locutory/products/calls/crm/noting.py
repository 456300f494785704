"""What is written of a call: the same call in the same state gives the same words."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from locutory.engines.crm import Note, NoteKind, closed_with
from locutory.products.calls.crm.schemas import WriteBack
from locutory.products.calls.records.models import CallAnalysis, CallRecord

MARK = "locutory:"
_MOST_STEPS = 10


def mark_of(row: object) -> str:
    """What ends a note, by which it is found again."""
    return f"{MARK}{row}"


def text_of(record: CallRecord, analysis: CallAnalysis, link: str | None) -> str:
    """Score, summary, next steps and link, each on its lines where there is one."""
    return "\n".join(_lines(record, analysis.analysis, link))


def _lines(record: CallRecord, blob: Mapping[str, Any], link: str | None) -> Iterator[str]:
    yield f"Call {record.callid}, {record.started_at:%Y-%m-%d %H:%M} UTC"
    if record.overall_score is not None:
        yield f"Score: {record.overall_score:g} of 100"
    if record.sentiment_score is not None:
        yield f"Sentiment: {record.sentiment_score:+.2f}"
    outcome = blob.get("outcome")
    if isinstance(outcome, Mapping) and outcome.get("disposition"):
        yield f"Outcome: {outcome['disposition']}"
    summary = (blob.get("summary") or {}).get("text")
    if summary:
        yield f"Summary: {summary}"
    steps = [step["text"] for step in blob.get("next_steps") or () if step.get("text")]
    if steps:
        yield "Next steps:"
        yield from (f"- {step}" for step in steps[:_MOST_STEPS])
    if link is not None:
        yield link


def payload_hash(text: str, wanted: WriteBack) -> str:
    """What tells one note from another that says something else."""
    body = [text, wanted.kind, wanted.fields]
    return hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()


def note_of(
    record: CallRecord,
    *,
    row: object,
    lead_id: str,
    text: str,
    wanted: WriteBack,
    phone: str | None,
    link: str | None,
) -> Note:
    """The note with its mark."""
    mark = mark_of(row)
    score = "" if record.overall_score is None else f", score {record.overall_score:g}"
    return Note(
        kind=NoteKind(wanted.kind),
        lead_id=lead_id,
        mark=mark,
        subject=f"Call {record.callid}{score}",
        text=closed_with(text, mark),
        at=record.started_at,
        duration_s=round((record.audio_ms or 0) / 1000),
        direction=record.direction,
        customer_phone=phone,
        agent_id=record.agent_id,
        url=link,
        fields=wanted.fields,
    )
