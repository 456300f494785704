"""Where a business's calls stand."""

from locutory.engines.embeddings.base import Embedder
from locutory.engines.llm.base import LLM
from locutory.engines.stt import STTProvider
from locutory.kernel.db import Database, Session
from locutory.kernel.jobs import admin
from locutory.kernel.jobs.depths import Depth, depths, finished_since, served_queues
from locutory.kernel.services import Services
from locutory.kernel.settings import Settings
from locutory.products.calls.leads.queries import count_leads
from locutory.products.calls.pipeline.contract import AlertState
from locutory.products.calls.pipeline.lead_filter import standing_of
from locutory.products.calls.pipeline.queries import (
    configured,
    open_alerts,
    waiting_for_leads,
    watermarks,
)
from locutory.products.calls.pipeline.schemas import (
    AlertRead,
    Blocked,
    LeadFilterRead,
    PipelineStatus,
    QueueRead,
)
from locutory.products.calls.pipeline.service.leads import cache_of
from locutory.products.calls.pipeline.service.watermarks import shown
from locutory.products.calls.records import queries
from locutory.products.calls.records.contract import Stage, Status

_HOUR_S, _MINUTES_S = 3600, 300


async def status(db: Database, services: Services) -> PipelineStatus:
    """Counts by milestone and by queue, the pace, and what holds the work up."""
    silent_s = services.get(Settings).jobs.silent_s
    async with db.read() as session:
        counts = await queries.status_counts(session)
        found = await depths(session, session.tenant_id, list(Stage))
        recent = await finished_since(session, session.tenant_id, _MINUTES_S)
        hour = await finished_since(session, session.tenant_id, _HOUR_S)
        served = await served_queues(session, silent_s)
        halved = await admin.is_braked(session, session.tenant_id, Stage.TRANSCRIBE)
        marks = await watermarks(session)
        lead_filter = await _lead_filter(session)
        alerts = [a for a in await open_alerts(session) if a.state == AlertState.FIRING]
    left = sum(d.ready + d.running + d.waiting + d.retry for d in found.values())
    pace = sum(recent.get(stage, 0) for stage in Stage) / _MINUTES_S
    model = services.find(LLM)
    return PipelineStatus(
        watermarks=shown(marks),
        status_counts={status: counts.get(status, 0) for status in Status},
        queues={
            stage: _read(found[stage], braked=halved and stage is Stage.TRANSCRIBE)
            for stage in Stage
        },
        throughput={
            "5m": recent.get(Stage.ANALYZE, 0),
            "1h": hour.get(Stage.ANALYZE, 0),
        },
        eta_s=0.0 if left == 0 else (left / pace if pace else None),
        lead_filter=lead_filter,
        providers={
            "stt": services.get(STTProvider).name,
            "llm": "locutory-rules/1" if model is None else f"{model.name}/{model.model}",
            "embeddings": services.get(Embedder).name,
        },
        blocked_reasons=[
            Blocked(
                stage=name,
                state=depth.gate,
                code=depth.gate_code or "",
                detail=depth.gate_detail or "",
            )
            for name, depth in found.items()
            if depth.gate is not None
        ],
        alerts=[AlertRead.model_validate(alert) for alert in alerts],
        workers=set(Stage) <= served,
    )


async def _lead_filter(session: Session) -> LeadFilterRead:
    asked = (await configured(session)).config.lead_filter
    cache = await cache_of(session)
    found = standing_of(asked, cache)
    return LeadFilterRead(
        mode=found.mode,
        acting=found.acting,
        reason=found.reason,
        leads=await count_leads(session) if cache.filled else 0,
        age_s=None if cache.age_s is None else round(cache.age_s, 1),
        waiting=await waiting_for_leads(session),
    )


def _read(depth: Depth, *, braked: bool) -> QueueRead:
    return QueueRead(
        ready=depth.ready,
        running=depth.running,
        waiting=depth.waiting,
        retry=depth.retry,
        blocked=depth.ready if depth.gate else 0,
        dead=depth.dead,
        oldest_age_s=depth.oldest_age_s,
        braked=braked,
    )
