"""Who works the queues, by which engines, and how many more would be good."""

import math
from collections.abc import Mapping

from locutory.engines.embeddings.base import Embedder
from locutory.engines.llm.base import LLM
from locutory.engines.stt import STTProvider
from locutory.kernel.clock import from_ms
from locutory.kernel.db import Session, Storage
from locutory.kernel.jobs.depths import Total, mean_seconds, totals, workers
from locutory.kernel.services import Services
from locutory.kernel.settings import PipelineSettings, Settings
from locutory.products.calls.pipeline.schemas import (
    ProviderRead,
    ProvidersRead,
    StageScale,
    WorkerRead,
    WorkersRead,
)
from locutory.products.calls.records.contract import Stage

_WINDOW_S = 900
_MEAN_S = 1.0  # where nothing has ended lately


def desired_workers(ready: int, slots: int, mean_s: float, settings: PipelineSettings) -> int:
    """Worker processes that would work the backlog off in time (calls spec, 5.8).

    `slots` are those of one process. Below the threshold one is enough.
    """
    if ready <= settings.scale_threshold:
        return 1
    per_minute = slots * 60 / max(mean_s, 0.001)
    wanted = math.ceil(ready / (per_minute * settings.scale_drain_min))
    return max(1, min(wanted, settings.scale_max_workers))


async def scales(session: Session, settings: Settings) -> dict[str, StageScale]:
    """Each stage: slots of all living workers, its pace, and the workers that it wants."""
    living = [w for w in await workers(session, settings.jobs.silent_s) if w.alive]
    waiting: Mapping[str, Total] = await totals(session)
    means = await mean_seconds(session, _WINDOW_S)
    found = {}
    for stage in Stage:
        slots = [w.queues[stage] for w in living if stage in w.queues]
        mean_s = means.get(stage, _MEAN_S)
        ready = waiting[stage].ready if stage in waiting else 0
        found[str(stage)] = StageScale(
            workers=len(slots),
            slots=sum(slots),
            mean_s=round(mean_s, 3),
            desired_workers=desired_workers(
                ready, max(slots, default=1), mean_s, settings.pipeline
            ),
        )
    return found


async def list_workers(storage: Storage, settings: Settings) -> WorkersRead:
    """Every worker process that has not signed off, and what each stage wants."""
    async with storage.read(None) as session:
        seen = await workers(session, settings.jobs.silent_s)
        stages = await scales(session, settings)
    return WorkersRead(
        workers=[
            WorkerRead(
                id=worker.id,
                alive=worker.alive,
                started_at=from_ms(worker.started_ms),
                heartbeat_at=from_ms(worker.heartbeat_ms),
                slots=worker.queues,
            )
            for worker in seen
        ],
        stages=stages,
    )


def list_providers(services: Services) -> ProvidersRead:
    """The engines that this server asks."""
    settings = services.get(Settings)
    speech = services.get(STTProvider)
    embedder = services.get(Embedder)
    model = services.find(LLM)
    return ProvidersRead(
        items=[
            ProviderRead(
                kind="stt",
                name=speech.name,
                model=speech.model,
                embedded=speech.name == "embedded",
                concurrency=settings.stt.concurrency,
                timeout_s=settings.stt.timeout_s,
            ),
            ProviderRead(
                kind="llm",
                name="rules" if model is None else model.name,
                model="locutory-rules/1" if model is None else model.model,
                embedded=model is None,
                concurrency=settings.llm.concurrency,
                timeout_s=settings.llm.timeout_s,
            ),
            ProviderRead(
                kind="embeddings",
                name=embedder.name,
                model=None,
                embedded=True,
                concurrency=None,
                timeout_s=None,
            ),
        ]
    )
