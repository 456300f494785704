"""One agent on one call, with nothing stored but the model's answer in its cache."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from locutory.capabilities.analysis.api import Analyst, body_of, spec_of
from locutory.capabilities.analysis.contract import AgentResult, AgentSpec
from locutory.kernel.db import Database
from locutory.kernel.provenance import Source
from locutory.products.calls.agents.comparing import MOST_DIFFERENCES, differences
from locutory.products.calls.agents.material import Material
from locutory.products.calls.agents.schemas import (
    DifferenceRead,
    RenderedPrompt,
    TestRunItem,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """What is tried, and what it is compared with: the version in force, if there is one."""

    tried: AgentSpec
    published: AgentSpec | None
    force: bool = False

    def as_json(self) -> dict[str, Any]:
        """For a job: the versions as they are now, whatever becomes of the draft."""
        return {
            "force": self.force,
            "tried": _snapshot(self.tried),
            "published": None if self.published is None else _snapshot(self.published),
        }

    @classmethod
    def from_json(cls, key: str, kept: Mapping[str, Any]) -> "Pairing":
        """What `as_json` kept."""
        published = kept["published"]
        return cls(
            tried=spec_of(key, **kept["tried"]),
            published=None if published is None else spec_of(key, **published),
            force=kept["force"],
        )


def _snapshot(spec: AgentSpec) -> dict[str, Any]:
    return {"version": spec.version, "body": body_of(spec)}


async def both(
    analyst: Analyst, db: Database, material: Material, pairing: Pairing
) -> tuple[AgentResult, AgentResult | None]:
    """The tried agent's result on a call, and that of the one in force."""

    async def run(spec: AgentSpec, *, fresh: bool) -> AgentResult:
        return await analyst.trial(
            material.transcript,
            spec,
            db=db,
            metrics=material.metrics,
            variables=material.variables,
            earlier=material.earlier,
            fresh=fresh,
        )

    published = None if pairing.published is None else await run(pairing.published, fresh=False)
    return await run(pairing.tried, fresh=pairing.force), published


def read_item(callid: str, tried: AgentResult, published: AgentResult | None) -> TestRunItem:
    """What a test run shows of one call."""
    trace, source = tried.trace, tried.provenance
    compared = (
        differences(published.result, tried.result)
        if published is not None and published.result is not None and tried.result is not None
        else []
    )
    return TestRunItem(
        callid=callid,
        prompt=None if trace is None else RenderedPrompt(system=trace.system, user=trace.user),
        raw=[] if trace is None else list(trace.raw),
        parsed=tried.result,
        schema_errors=[] if trace is None else list(trace.faults),
        evidence_ok=tried.evidence_ok,
        unsupported=list(tried.unsupported),
        source=None if source is None else source.source,
        engine=None if source is None else source.engine,
        cached=source is not None and source.source is Source.CACHE,
        error=tried.error,
        tokens_in=tried.tokens_in,
        tokens_out=tried.tokens_out,
        cost_micros=tried.cost_micros,
        latency_ms=tried.latency_ms,
        published=None if published is None else published.result,
        differences=[
            DifferenceRead(path=d.path, published=d.before, tried=d.after)
            for d in compared[:MOST_DIFFERENCES]
        ],
    )
