"""Judging a transcript: the agents run on shared engines, their answers are kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select

from locutory.capabilities.analysis.contract import (
    RULES_ENGINE,
    AgentResult,
    AgentSpec,
    CachedAnswer,
    Judged,
)
from locutory.capabilities.analysis.library import BUILT_IN, FINISHERS, RULES
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


@dataclass(slots=True)
class Analyst:
    """The engines that judge, shared by all calls of a process. `llm` None: rules answer."""

    llm: LLM | None
    _runners: dict[UUID | None, AgentRunner] = field(default_factory=dict)

    @property
    def engine(self) -> str:
        """Which engine is asked first."""
        return RULES_ENGINE if self.llm is None else f"{self.llm.name}/{self.llm.model}"

    def runner(self, db: Database) -> AgentRunner:
        """The tenant's runner; one each, so that equal questions share a flight."""
        runner = self._runners.get(db.tenant_id)
        if runner is None:
            runner = AgentRunner(
                llm=self.llm, rules=RULES, finishers=FINISHERS, cache=StoredAnswers(db)
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
        specs: Sequence[AgentSpec] = BUILT_IN,
    ) -> Judged:
        """Run the agents over a redacted transcript.

        Raises the engine's error when a required agent has no answer, for the retry table.
        """
        results = await self.runner(db).run(
            transcript,
            specs,
            tenant=str(db.tenant_id),
            variables={**variables, "metrics": dict(metrics)},
        )
        for spec, result in zip(specs, results, strict=True):
            if spec.required and result.failure is not None and result.result is None:
                raise result.failure
        return Judged(
            blob={_BLOB_NAMES.get(r.key, r.key): r.result for r in results},
            meta={r.key: _meta(r) for r in results},
            degraded=any(r.provenance is not None and r.provenance.degraded for r in results),
            partial=any(_failed(r) for r in results),
            engine=self.engine,
            engine_ms=max((r.latency_ms for r in results), default=0),
        )


def _failed(result: AgentResult) -> bool:
    return result.result is None and not (result.error or "").startswith(_SKIPPED)


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
        "error": result.error,
    }
