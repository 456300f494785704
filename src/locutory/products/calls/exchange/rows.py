"""What is exported: rows of each kind, read in portions by keyset, oldest first.

Text is the redacted one; a phone shows its last four digits.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select

from locutory.kernel.audit.models import AuditRow
from locutory.kernel.clock import from_ms
from locutory.kernel.db import Database, Session
from locutory.products.calls.exchange.contract import Format, Kind
from locutory.products.calls.exchange.pca import document
from locutory.products.calls.findings.models import CallObjection
from locutory.products.calls.records.models import CallAnalysis, CallRecord, CallTranscript
from locutory.products.calls.records.queries import CallFilter

Row = dict[str, Any]
_PORTION = 200

COLUMNS: dict[Kind, tuple[str, ...]] = {
    Kind.CALLS: (
        "callid", "status", "status_reason", "direction", "agent_id", "agent_name", "customer",
        "disposition", "started_at", "duration_s", "language", "score", "sentiment", "bant_score",
        "talk_ratio", "summary", "tags", "flags", "degraded", "partial", "done_at",
    ),
    Kind.SEGMENTS: (
        "callid", "idx", "start_ms", "end_ms", "role", "speaker", "channel", "text", "confidence",
        "flags", "origin", "engine",
    ),
    Kind.SCORES: (
        "callid", "started_at", "agent_id", "template", "template_version", "total", "pass",
        "auto_fail", "parameter", "value", "points", "na", "source", "evidence_ok", "engine",
        "degraded",
    ),
    Kind.OBJECTIONS: (
        "callid", "started_at", "agent_id", "type", "segment", "start_ms", "quote", "handled",
        "source", "evidence_ok",
    ),
    Kind.AUDIT: ("seq", "at", "actor", "action", "object", "detail", "hash"),
}  # fmt: skip


def columns_of(kind: Kind, format_: Format) -> tuple[str, ...]:
    """All columns that an export can have."""
    return ("callid", "document") if format_ is Format.PCA_JSON else COLUMNS[kind]


def rows_of(db: Database, kind: Kind, format_: Format, where: CallFilter) -> AsyncIterator[Row]:
    """The rows of an export; each portion is read in a session of its own."""
    if kind is Kind.AUDIT:
        return _audit(db)
    if format_ is Format.PCA_JSON:
        return _of_calls(db, where, _documents)
    return _of_calls(db, where, _BY_KIND[kind])


_Expand = Callable[[Session, Sequence[CallRecord]], Any]


async def _of_calls(db: Database, where: CallFilter, expand: _Expand) -> AsyncIterator[Row]:
    after: tuple[Any, UUID] | None = None
    while True:
        async with db.read() as session:
            records = (await session.scalars(_portion(where, after))).all()
            rows = await expand(session, records) if records else []
        for row in rows:
            yield row
        if len(records) < _PORTION:
            return
        after = (records[-1].started_at, records[-1].id)


def _portion(where: CallFilter, after: tuple[Any, UUID] | None) -> Select[Any]:
    record = CallRecord
    statement = where.apply(select(record)).order_by(record.started_at, record.id).limit(_PORTION)
    if after is not None:
        at, id_ = after
        statement = statement.where(
            record.started_at >= at, (record.started_at > at) | (record.id > id_)
        )
    return statement


async def _calls(session: Session, records: Sequence[CallRecord]) -> list[Row]:
    return [
        {
            "callid": r.callid,
            "status": r.status,
            "status_reason": r.status_reason,
            "direction": r.direction,
            "agent_id": r.agent_id,
            "agent_name": r.agent_name,
            "customer": None if r.phone_last4 is None else f"…{r.phone_last4}",
            "disposition": r.disposition,
            "started_at": r.started_at,
            "duration_s": None if r.audio_ms is None else r.audio_ms / 1000,
            "language": r.language,
            "score": r.overall_score,
            "sentiment": r.sentiment_score,
            "bant_score": r.bant_score,
            "talk_ratio": r.talk_ratio,
            "summary": r.summary_short,
            "tags": r.tags,
            "flags": r.flags,
            "degraded": r.degraded,
            "partial": r.partial,
            "done_at": r.done_at,
        }
        for r in records
    ]


async def _segments(session: Session, records: Sequence[CallRecord]) -> list[Row]:
    spoken = await _transcripts(session, records)
    return [
        {
            "callid": record.callid,
            **{k: turn[k] for k in ("idx", "start_ms", "end_ms", "role", "speaker", "channel")},
            **{k: turn[k] for k in ("text", "confidence", "flags")},
            "origin": spoken[record.id].origin,
            "engine": spoken[record.id].engine,
        }
        for record in records
        if record.id in spoken
        for turn in spoken[record.id].turns
    ]


async def _scores(session: Session, records: Sequence[CallRecord]) -> list[Row]:
    analyses = await _analyses(session, records)
    rows: list[Row] = []
    for record in records:
        analysis = analyses.get(record.id)
        quality = (analysis.analysis.get("quality") if analysis else None) or {}
        meta = (analysis.meta.get("quality_score") if analysis else None) or {}
        rows += [
            {
                "callid": record.callid,
                "started_at": record.started_at,
                "agent_id": record.agent_id,
                "template": quality.get("template"),
                "template_version": quality.get("version"),
                "total": quality.get("total"),
                "pass": quality.get("pass"),
                "auto_fail": quality.get("auto_fail"),
                "parameter": answer.get("key"),
                **{k: answer.get(k) for k in ("value", "points", "na", "source", "evidence_ok")},
                "engine": meta.get("engine"),
                "degraded": meta.get("degraded"),
            }
            for answer in quality.get("parameters", ())
        ]
    return rows


async def _objections(session: Session, records: Sequence[CallRecord]) -> list[Row]:
    by_id = {record.id: record for record in records}
    found = await session.scalars(
        select(CallObjection)
        .where(CallObjection.call_id.in_(by_id))
        .order_by(CallObjection.call_id, CallObjection.turn_idx)
    )
    return [
        {
            "callid": by_id[o.call_id].callid,
            "started_at": by_id[o.call_id].started_at,
            "agent_id": by_id[o.call_id].agent_id,
            "type": o.type_key,
            "segment": o.turn_idx,
            "start_ms": o.start_ms,
            "quote": o.quote,
            "handled": o.handled,
            "source": o.source,
            "evidence_ok": o.evidence_ok,
        }
        for o in found
    ]


async def _documents(session: Session, records: Sequence[CallRecord]) -> list[Row]:
    spoken, analyses = await _transcripts(session, records), await _analyses(session, records)
    return [
        {
            "callid": record.callid,
            "document": document(
                record,
                spoken[record.id],
                analyses[record.id].analysis if record.id in analyses else {},
            ),
        }
        for record in records
        if record.id in spoken
    ]


async def _transcripts(
    session: Session, records: Sequence[CallRecord]
) -> dict[UUID, CallTranscript]:
    """The current version of each call that has one."""
    current = {record.id: record.transcript_version for record in records}
    found = await session.scalars(select(CallTranscript).where(CallTranscript.call_id.in_(current)))
    return {row.call_id: row for row in found if row.version == current[row.call_id]}


async def _analyses(session: Session, records: Sequence[CallRecord]) -> dict[UUID, CallAnalysis]:
    """The newest analysis of each call that has one."""
    found = await session.scalars(
        select(CallAnalysis)
        .where(CallAnalysis.call_id.in_([record.id for record in records]))
        .order_by(CallAnalysis.version)
    )
    return {row.call_id: row for row in found}


async def _audit(db: Database) -> AsyncIterator[Row]:
    seq = 0
    while True:
        async with db.read() as session:
            page = await session.execute(
                select(AuditRow.__table__)
                .where(AuditRow.tenant_id == db.tenant_id, AuditRow.seq > seq)
                .order_by(AuditRow.seq)
                .limit(_PORTION),
                execution_options={"fenced": True},
            )
            rows = page.all()
        for row in rows:
            yield {
                "seq": row.seq,
                "at": from_ms(row.at_ms),
                "actor": row.actor,
                "action": row.action,
                "object": row.object,
                "detail": row.detail,
                "hash": row.hash,
            }
        if len(rows) < _PORTION:
            return
        seq = rows[-1].seq


_BY_KIND: dict[Kind, _Expand] = {
    Kind.CALLS: _calls,
    Kind.SEGMENTS: _segments,
    Kind.SCORES: _scores,
    Kind.OBJECTIONS: _objections,
}
