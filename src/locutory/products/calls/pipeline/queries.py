"""SELECTs of the pipeline, by name. The session adds the tenant."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, func, or_, select

from locutory.kernel.db import Session
from locutory.kernel.db.base import table_of
from locutory.kernel.paging import keyset
from locutory.products.calls.pipeline.config import PipelineConfig
from locutory.products.calls.pipeline.contract import AlertState, VersionNotFound
from locutory.products.calls.pipeline.filters import PREFIX, Filters
from locutory.products.calls.pipeline.lead_filter import LEAD_NOT_MATCHED, LeadFilter
from locutory.products.calls.pipeline.models import (
    CallUsage,
    PipelineAlert,
    PipelineVersion,
    SpeechJob,
    SyncWatermark,
)
from locutory.products.calls.records.contract import Stage, Status
from locutory.products.calls.records.models import CallRecord

_versions = table_of(PipelineVersion)
_NEWEST = (
    select(_versions.c.version, _versions.c.config)
    .where(_versions.c.tenant_id == bindparam("tenant"))
    .order_by(_versions.c.version.desc())
    .limit(1)
)
_NO_FILTERS = Filters(), LeadFilter()
LEADS_OF = "crm:"
"""Watermarks of leads begin so."""


@dataclass(frozen=True, slots=True)
class Configured:
    """A configuration and its version; version 0 is the default."""

    version: int
    config: PipelineConfig


async def configured(db: Session) -> Configured:
    """The configuration in force."""
    row = await _newest(db)
    if row is None:
        return Configured(0, PipelineConfig())
    return Configured(row.version, PipelineConfig.model_validate(row.config))


async def intake_filters(db: Session) -> tuple[Filters, LeadFilter]:
    """The filters in force, without the rest: every call that comes in asks for them."""
    row = await _newest(db)
    if row is None:
        return _NO_FILTERS
    return (
        Filters.model_validate(row.config["filters"]),
        LeadFilter.model_validate(row.config.get("lead_filter", {})),
    )


async def _newest(db: Session) -> Any:
    rows = await db.execute(_NEWEST, {"tenant": db.tenant_id}, execution_options={"fenced": True})
    return rows.first()


async def get_version(db: Session, version: int) -> PipelineVersion:
    """One version of the configuration. Raises VersionNotFound."""
    found = await db.scalar(select(PipelineVersion).where(PipelineVersion.version == version))
    if found is None:
        raise VersionNotFound
    return found


async def versions(
    db: Session, *, after: tuple[int, UUID] | None, limit: int
) -> Sequence[PipelineVersion]:
    """The versions, newest first, one more than `limit`."""
    statement = keyset(
        select(PipelineVersion),
        column=PipelineVersion.version,
        id_column=PipelineVersion.id,
        after=after,
        descending=True,
        limit=limit,
    )
    return (await db.scalars(statement)).all()


async def speech_job(
    db: Session, call_id: UUID, epoch: int, provider: str, language: str
) -> SpeechJob | None:
    """The call's job at a provider, or None."""
    return await db.scalar(
        select(SpeechJob).where(
            SpeechJob.call_id == call_id,
            SpeechJob.epoch == epoch,
            SpeechJob.provider == provider,
            SpeechJob.language == language,
        )
    )


# --- usage ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What a day has used so far."""

    audio_ms: int = 0
    tokens: int = 0
    cost_micros: int = 0


async def spent(db: Session, day: str) -> Spent:
    """The use of a day, all stages."""
    use = CallUsage
    row = (
        await db.execute(
            select(
                func.sum(use.audio_ms),
                func.sum(use.tokens_in) + func.sum(use.tokens_out),
                func.sum(use.cost_micros),
            ).where(use.day == day)
        )
    ).one()
    audio_ms, tokens, cost = (int(value or 0) for value in row)
    return Spent(audio_ms=audio_ms, tokens=tokens, cost_micros=cost)


async def costs(db: Session, first: str, last: str) -> Sequence[Any]:
    """Use and cost by day and stage, both days inclusive, in their order."""
    use = CallUsage
    rows = await db.execute(
        select(
            use.day,
            use.stage,
            func.count().label("runs"),
            func.sum(use.audio_ms).label("audio_ms"),
            func.sum(use.tokens_in).label("tokens_in"),
            func.sum(use.tokens_out).label("tokens_out"),
            func.sum(use.cost_micros).label("cost_micros"),
        )
        .where(use.day >= first, use.day <= last)
        .group_by(use.day, use.stage)
        .order_by(use.day, use.stage)
    )
    return rows.all()


async def degraded_share(db: Session, since: datetime) -> tuple[int, int]:
    """How many analyses there were since then, and how many of them were degraded."""
    use = CallUsage
    rows = await db.execute(
        select(use.degraded, func.count())
        .where(use.stage == Stage.ANALYZE, use.created_at >= since)
        .group_by(use.degraded)
    )
    counts = dict(rows.all())
    return sum(counts.values()), counts.get(True, 0)


async def latest_evidence(db: Session, results: int) -> tuple[int, int]:
    """Of the last results whose evidence was checked: how many, and how many lacked it."""
    use = CallUsage
    rows = await db.execute(
        select(use.results, use.unsupported)
        .where(use.stage == Stage.ANALYZE)
        .order_by(use.created_at.desc())
        .limit(results)
    )
    checked = unsupported = 0
    for row in rows:
        checked, unsupported = checked + row.results, unsupported + row.unsupported
        if checked >= results:
            break
    return checked, unsupported


# --- alerts -----------------------------------------------------------------------------------


async def open_alerts(db: Session) -> Sequence[PipelineAlert]:
    """Alerts that have not ended, pending ones as well."""
    statement = select(PipelineAlert).where(PipelineAlert.state != AlertState.RESOLVED)
    return (await db.scalars(statement.order_by(PipelineAlert.since, PipelineAlert.id))).all()


async def watermarks(db: Session) -> Sequence[SyncWatermark]:
    """How far everything was read, by name."""
    return (await db.scalars(select(SyncWatermark).order_by(SyncWatermark.name))).all()


async def find_watermark(db: Session, name: str) -> SyncWatermark | None:
    """The watermark of that name."""
    return await db.scalar(select(SyncWatermark).where(SyncWatermark.name == name))


async def leads_synced_at(db: Session) -> datetime | None:
    """When a sync of leads, or an import, ended last."""
    return await db.scalar(
        select(func.max(SyncWatermark.last_ok_at)).where(SyncWatermark.name.startswith(LEADS_OF))
    )


async def alerts(
    db: Session, *, state: str | None, after: tuple[datetime, UUID] | None, limit: int
) -> Sequence[PipelineAlert]:
    """Alerts that people may see, newest first, one more than `limit`."""
    statement = select(PipelineAlert)
    if state is None:
        statement = statement.where(PipelineAlert.state != AlertState.PENDING)
    else:
        statement = statement.where(PipelineAlert.state == state)
    statement = keyset(
        statement,
        column=PipelineAlert.since,
        id_column=PipelineAlert.id,
        after=after,
        descending=True,
        limit=limit,
    )
    return (await db.scalars(statement)).all()


async def find_alert(db: Session, alert_id: UUID) -> PipelineAlert | None:
    """One alert, unless it is pending."""
    return await db.scalar(
        select(PipelineAlert).where(
            PipelineAlert.id == alert_id, PipelineAlert.state != AlertState.PENDING
        )
    )


# --- calls ------------------------------------------------------------------------------------


async def filtered_out(
    db: Session, *, after: tuple[datetime, UUID] | None, limit: int
) -> Sequence[CallRecord]:
    """Calls that filters kept out, oldest first, one more than `limit`."""
    statement = keyset(
        select(CallRecord).where(
            CallRecord.status == Status.SKIPPED,
            or_(
                CallRecord.status_reason.startswith(PREFIX),
                CallRecord.status_reason == LEAD_NOT_MATCHED,
            ),
        ),
        column=CallRecord.started_at,
        id_column=CallRecord.id,
        after=after,
        descending=False,
        limit=limit,
    )
    return (await db.scalars(statement)).all()


async def waiting_for_leads(db: Session) -> int:
    """How many calls are kept out for want of a lead."""
    where = (CallRecord.status == Status.SKIPPED, CallRecord.status_reason == LEAD_NOT_MATCHED)
    return await db.scalar(select(func.count(CallRecord.id)).where(*where)) or 0


async def records(db: Session, ids: Sequence[UUID]) -> dict[UUID, CallRecord]:
    """The calls with these ids of ours."""
    found = await db.scalars(select(CallRecord).where(CallRecord.id.in_(ids)))
    return {record.id: record for record in found}
