"""Judging a transcript: the agents run on shared engines, their answers are kept."""

import asyncio
import math
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select

from locutory.capabilities.analysis.agent_store import AGENTS_CHANGED, agents_in_force, stamp_of
from locutory.capabilities.analysis.contract import (
    RULES_ENGINE,
    AgentResult,
    AgentSpec,
    CachedAnswer,
    Judged,
)
from locutory.capabilities.analysis.findings import LISTS
from locutory.capabilities.analysis.library import FINISHERS, RULES
from locutory.capabilities.analysis.models import AnalysisAnswer
from locutory.capabilities.analysis.runner import AgentRunner
from locutory.capabilities.interactions.contract import Transcript
from locutory.engines.llm.base import LLM
from locutory.kernel.clock import utc_now
from locutory.kernel.db import Database, Session
from locutory.kernel.failpoints import failpoint
from locutory.kernel.provenance import Source

_KEPT = timedelta(days=30)
_BLOB_NAMES = {"quality_score": "quality"}
_SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class StoredAnswers:
    """The cache of one tenant, in the database: what is paid for survives a crash."""

    db: Database

    async def get(self, key: str) -> CachedAnswer | None:
        async with self.db.read() as session:
            row = await session.scalar(
                select(AnalysisAnswer).where(
                    AnalysisAnswer.key == key, AnalysisAnswer.expires_at > utc_now()
                )
            )
        return None if row is None else CachedAnswer(value=row.value, engine=row.engine)

    async def put(self, key: str, answer: CachedAnswer) -> None:
        async def store(tx: Session) -> None:
            now = utc_now()
            await tx.execute(
                delete(AnalysisAnswer).where(
                    (AnalysisAnswer.key == key) | (AnalysisAnswer.expires_at <= now)
                )
            )
            tx.add(
                AnalysisAnswer(
                    key=key, engine=answer.engine, value=answer.value, expires_at=now + _KEPT
                )
            )

        await self.db.write(store)
        failpoint("analysis.answer.kept")


async def forget_answers(tx: Session, since: datetime | None) -> int:
    """Delete the tenant's answers of models that were kept since then, or all; return how many."""
    statement = delete(AnalysisAnswer)
    if since is not None:
        statement = statement.where(AnalysisAnswer.created_at >= since)
    done = await tx.execute(statement)
    return int(done.rowcount)  # type: ignore[attr-defined] # a DELETE has it


@dataclass(slots=True)
class _Agents:
    """A tenant's agents as they were read, and when somebody last saw that they still are."""

    stamp: int
    specs: tuple[AgentSpec, ...]
    looked_s: float = -math.inf


@dataclass(slots=True)
class Analyst:
    """The engines that judge, shared by all calls of a process. `llm` None: rules answer.

    `context_tokens` is the model's window, None where no limit is known.
    Where agents were read at most `fresh_s` ago they are not looked at again, unless this process
    or, on PostgreSQL, another one says that they changed.
    """

    llm: LLM | None
    fresh_s: float = 1.0
    context_tokens: int | None = None
    _runners: dict[UUID | None, AgentRunner] = field(default_factory=dict)
    _agents: dict[UUID | None, _Agents] = field(default_factory=dict)
    _changed: asyncio.Event | None = None

    @property
    def engine(self) -> str:
        """Which engine is asked first."""
        return RULES_ENGINE if self.llm is None else f"{self.llm.name}/{self.llm.model}"

    @property
    def providers(self) -> tuple[str, ...]:
        """The model providers that an agent may name."""
        return () if self.llm is None else (self.llm.name,)

    async def agents(self, db: Database) -> tuple[AgentSpec, ...]:
        """The agents in force, read again only when somebody changed them."""
        if self._changed is None:
            self._changed = db.storage.signals.listen(AGENTS_CHANGED)
        if self._changed.is_set():
            self._changed.clear()
            for one in self._agents.values():
                one.looked_s = -math.inf
        kept, now_s = self._agents.get(db.tenant_id), time.monotonic()
        if kept is not None and now_s - kept.looked_s < self.fresh_s:
            return kept.specs
        async with db.read() as session:
            stamp = await stamp_of(session)
            if kept is None or kept.stamp != stamp:
                kept = _Agents(stamp, await agents_in_force(session))
                self._agents[db.tenant_id] = kept
        kept.looked_s = now_s
        return kept.specs

    def forget(self, tenant_id: UUID) -> None:
        """Drop what this process remembers of a tenant's results, for an erasure."""
        runner = self._runners.get(tenant_id)
        if runner is not None:
            runner.memo.clear()

    def runner(self, db: Database) -> AgentRunner:
        """The tenant's runner; one each, so that equal questions share a flight."""
        runner = self._runners.get(db.tenant_id)
        if runner is None:
            runner = AgentRunner(
                llm=self.llm,
                rules=RULES,
                finishers=FINISHERS,
                cache=StoredAnswers(db),
                context_tokens=self.context_tokens,
            )
            self._runners[db.tenant_id] = runner
        return runner

    async def judge(
        self,
        transcript: Transcript,
        *,
        db: Database,
        metrics: Mapping[str, Any],
        variables: Mapping[str, Any],
        specs: Sequence[AgentSpec] | None = None,
        earlier: Judged | None = None,
        only: Collection[str] | None = None,
        fresh: bool = False,
    ) -> Judged:
        """Run the agents in force over a redacted transcript.

        With `earlier` and `only`, agents of other keys keep the results that they have there.
        `fresh` asks the model again also where its answer is known. Raises the engine's error when
        a required agent has no answer, for the retry table.
        """
        if specs is None:
            specs = await self.agents(db)
        if earlier is not None and only is not None:
            specs = [spec for spec in specs if spec.key in only]
        results = await self.runner(db).run(
            transcript,
            specs,
            tenant=str(db.tenant_id),
            variables={**variables, "metrics": dict(metrics)},
            known={} if earlier is None or only is None else results_of(earlier),
            fresh=fresh,
        )
        for spec, result in zip(specs, results, strict=True):
            if spec.required and result.failure is not None and result.result is None:
                raise result.failure
        blob = {blob_name(r.key): _shown(r) for r in results}
        meta = {r.key: _meta(r) for r in results}
        if earlier is not None and only is not None:
            blob, meta = {**earlier.blob, **blob}, {**earlier.meta, **meta}
        return judged(
            blob,
            meta,
            engine=self.engine,
            engine_ms=max((r.latency_ms for r in results), default=0),
        )

    async def trial(
        self,
        transcript: Transcript,
        spec: AgentSpec,
        *,
        db: Database,
        metrics: Mapping[str, Any],
        variables: Mapping[str, Any],
        earlier: Judged | None = None,
        fresh: bool = False,
    ) -> AgentResult:
        """Run one agent and keep nothing but the model's answer; parents' results are the call's.

        A parent without a result there skips the agent, as it would in a run of all.
        """
        known = {} if earlier is None else results_of(earlier)
        missing = next((key for key in spec.depends_on if key not in known), None)
        if missing is not None:
            error = f"{_SKIPPED}: parent {missing}"
            return AgentResult(key=spec.key, version=spec.version, result=None, error=error)
        results = await self.runner(db).run(
            transcript,
            [spec],
            tenant=str(db.tenant_id),
            variables={**variables, "metrics": dict(metrics)},
            known=known,
            fresh=fresh,
            traced=True,
        )
        return results[0]


def blob_name(key: str) -> str:
    """Under which name the analysis holds an agent's result."""
    return _BLOB_NAMES.get(key, key)


def _shown(result: AgentResult) -> Any:
    """A result as the blob has it: of agents that answer with a list, the list itself."""
    if result.result is not None and result.key in LISTS:
        return result.result.get(result.key, [])
    return result.result


def judged(
    blob: Mapping[str, dict[str, Any] | None],
    meta: Mapping[str, dict[str, Any]],
    *,
    engine: str = "",
    engine_ms: int = 0,
) -> Judged:
    """Results and what is said of them, with what follows for the whole."""
    return Judged(
        blob=dict(blob),
        meta=dict(meta),
        degraded=any(one.get("degraded") for one in meta.values()),
        partial=any(
            blob.get(blob_name(key)) is None and not (one["error"] or "").startswith(_SKIPPED)
            for key, one in meta.items()
        ),
        engine=engine,
        engine_ms=engine_ms,
    )


def results_of(judged: Judged) -> dict[str, dict[str, Any]]:
    """The results by agent, without those that have none."""
    found = {key: judged.blob.get(blob_name(key)) for key in judged.meta}
    return {
        key: {key: result} if key in LISTS else result
        for key, result in found.items()
        if result is not None
    }


def degraded_agents(meta: Mapping[str, dict[str, Any]]) -> list[str]:
    """The agents that answered by something less than what was configured for them."""
    return sorted(key for key, one in meta.items() if one.get("degraded"))


def _meta(result: AgentResult) -> dict[str, Any]:
    source = None if result.provenance is None else result.provenance
    return {
        "source": None if source is None else source.source,
        "engine": None if source is None else source.engine,
        "version": result.version,
        "degraded": source is not None and source.degraded,
        "cached": source is not None and source.source is Source.CACHE,
        "confidence": None if source is None else source.confidence,
        "evidence_ok": result.evidence_ok,
        "unsupported": list(result.unsupported),
        "latency_ms": result.latency_ms,
        "tokens_in": result.tokens_in,
        "tokens_out": result.tokens_out,
        "cost_micros": result.cost_micros,
        "pieces": result.pieces,
        "error": result.error,
    }
