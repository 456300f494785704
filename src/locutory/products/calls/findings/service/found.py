"""Keeping what was found in a call; a call's findings are replaced whole."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete

from locutory.capabilities.interactions.contract import Transcript
from locutory.kernel.db import Session
from locutory.kernel.events import emit
from locutory.products.calls.findings import queries
from locutory.products.calls.findings.contract import MomentMatched
from locutory.products.calls.findings.models import CallMoment, CallObjection, CallTopic
from locutory.products.calls.findings.moments import Matched
from locutory.products.calls.records.models import CallRecord

_SOURCES = {"cache": "llm"}  # an answer that was kept is still the model's


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What one analysis found."""

    objections: Sequence[Mapping[str, Any]]
    objections_source: str
    topics: Sequence[Mapping[str, Any]]
    topics_source: str
    moments: Sequence[Matched]

    @classmethod
    def of(
        cls,
        blob: Mapping[str, Any],
        meta: Mapping[str, Mapping[str, Any]],
        moments: Sequence[Matched],
    ) -> "Findings":
        """The findings of an analysis blob."""
        return cls(
            objections=blob.get("objections") or (),
            objections_source=_source(meta, "objections"),
            topics=blob.get("topics") or (),
            topics_source=_source(meta, "topics"),
            moments=moments,
        )


def _source(meta: Mapping[str, Mapping[str, Any]], key: str) -> str:
    source = str((meta.get(key) or {}).get("source") or "rules")
    return _SOURCES.get(source, source)


async def store_findings(
    tx: Session, record: CallRecord, transcript: Transcript, found: Findings
) -> None:
    """Replace a call's findings, and tell of moments that it did not have before.

    The caller marks the call stale: what is found changes with what else it stores.
    """
    before = await queries.matched_rules(tx, record.id)
    for model in (CallObjection, CallTopic, CallMoment):
        await tx.execute(delete(model).where(model.call_id == record.id))
    tx.add_all(_objections(record, transcript, found))
    tx.add_all(_topics(record, found))
    tx.add_all(_moments(record, found.moments))
    await tx.flush()
    await emit(
        tx,
        *(
            MomentMatched(
                callid=record.callid,
                rule_key=one.watched.key,
                name=one.watched.name,
                start_ms=one.spans[0].start_ms,
                end_ms=one.spans[0].end_ms,
            )
            for one in found.moments
            if one.watched.key not in before
        ),
    )


def _objections(record: CallRecord, transcript: Transcript, found: Findings) -> list[CallObjection]:
    begins = {turn.idx: turn.start_ms for turn in transcript.turns}
    return [
        CallObjection(
            call_id=record.id,
            type_key=row["type"],
            turn_idx=row["segment"],
            start_ms=begins.get(row["segment"], 0),
            quote=row["quote"],
            handled=row["handled"],
            response_idx=row["response_segment"],
            source=found.objections_source,
            evidence_ok=bool(row.get("evidence", {}).get("verified", False)),
            started_at=record.started_at,
        )
        for row in found.objections
    ]


def _topics(record: CallRecord, found: Findings) -> list[CallTopic]:
    return [
        CallTopic(
            call_id=record.id,
            topic_key=row["key"],
            label=row["label"],
            share=row["share"],
            source=found.topics_source,
        )
        for row in found.topics
    ]


def _moments(record: CallRecord, moments: Sequence[Matched]) -> list[CallMoment]:
    return [
        CallMoment(
            call_id=record.id,
            rule_key=one.watched.key,
            first_idx=span.first_idx,
            last_idx=span.last_idx,
            start_ms=span.start_ms,
            end_ms=span.end_ms,
        )
        for one in moments
        for span in one.spans
    ]
