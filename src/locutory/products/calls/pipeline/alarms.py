"""When something is wrong with a business's pipeline (calls spec, 13)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from locutory.kernel.errors import ErrorClass
from locutory.kernel.jobs.depths import Depth
from locutory.kernel.settings import PipelineSettings

DEGRADED_SHARE = 0.20
DEGRADED_WINDOW_S = 900
UNSUPPORTED_SHARE = 0.15
EVIDENCE_RESULTS = 100
_LEAST_ANALYSES = 10  # fewer say nothing about a share

SEVERITY = {
    "DlqNotEmpty": "warning",
    "QueueLag": "warning",
    "PipelineStalled": "critical",
    "AuthBlocked": "critical",
    "StageBlocked": "critical",
    "BudgetNear": "warning",
    "DiskLow": "critical",
    "WorkerMissing": "critical",
    "LlmDegraded": "warning",
    "EvidenceDrop": "warning",
    "SourceStale": "warning",
    "LeadFilterDegraded": "warning",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the rules look at. Shares are 0-1; pairs are (how many, of them bad)."""

    depths: Mapping[str, Depth]
    finished: Mapping[str, int]  # jobs by stage that ended while PipelineStalled waits
    dead: int  # letters that are old enough to be told of
    served: frozenset[str]  # queues with a living worker
    free_disk: float
    budgets: Mapping[str, float]  # share used, of budgets that have a limit
    degraded: tuple[int, int]
    evidence: tuple[int, int]
    stale: Mapping[str, float]  # seconds without an answer, of watermarks that should be fresher
    lead_filter: str | None = None  # why it does less than was asked for
    shut: Mapping[str, Depth] = field(default_factory=dict)  # other queues than those of stages


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """A rule whose condition holds; it fires once that has lasted `for_s` seconds."""

    key: str
    detail: str
    about: str = ""
    for_s: int = 0

    @property
    def severity(self) -> str:
        """`warning` or `critical`."""
        return SEVERITY[self.key]


def alarms(seen: Seen, marks: PipelineSettings) -> Iterator[Alarm]:
    """Every rule that holds now."""
    if seen.dead:
        yield Alarm(key="DlqNotEmpty", detail=f"{seen.dead} dead letters wait for a person")
    for stage, depth in seen.depths.items():
        yield from _of_stage(stage, depth, seen, marks)
    for name, share in seen.budgets.items():
        if share >= marks.budget_near:
            yield Alarm(key="BudgetNear", about=name, detail=f"{share:.0%} of the day's {name}")
    if seen.free_disk < marks.disk_warn:
        yield Alarm(key="DiskLow", detail=f"{seen.free_disk:.1%} of the disk is free")
    missing = sorted(set(seen.depths) - seen.served)
    if missing:
        yield Alarm(key="WorkerMissing", detail=f"nobody works {', '.join(missing)}")
    count, bad = seen.degraded
    if count >= _LEAST_ANALYSES and bad / count > DEGRADED_SHARE:
        detail = f"{bad} of the last {count} analyses had to do without the model"
        yield Alarm(key="LlmDegraded", detail=detail)
    count, bad = seen.evidence
    if count >= EVIDENCE_RESULTS and bad / count > UNSUPPORTED_SHARE:
        detail = f"{bad} of the last {count} results quote what nobody said"
        yield Alarm(key="EvidenceDrop", detail=detail)
    for name, lag in seen.stale.items():
        detail = f"nothing was heard from it for {lag / 60:.0f} min"
        yield Alarm(key="SourceStale", about=name, detail=detail)
    if seen.lead_filter is not None:
        yield Alarm(key="LeadFilterDegraded", detail=seen.lead_filter)
    for name, depth in seen.shut.items():
        yield from _of_gate(name, depth)


def _of_gate(name: str, depth: Depth) -> Iterator[Alarm]:
    if depth.gate == "blocked":
        code = depth.gate_code or ""
        refused = depth.gate_class == ErrorClass.PERMANENT_AUTH
        key = "AuthBlocked" if refused else "StageBlocked"
        yield Alarm(key=key, about=name, detail=f"{code}: {depth.gate_detail or ''}"[:500])


def _of_stage(stage: str, depth: Depth, seen: Seen, marks: PipelineSettings) -> Iterator[Alarm]:
    yield from _of_gate(stage, depth)
    if depth.ready > marks.lag_jobs:
        detail = f"{depth.ready} jobs are ready"
        yield Alarm(key="QueueLag", about=stage, detail=detail, for_s=marks.lag_s)
    waits_long = (depth.oldest_age_s or 0) > marks.stalled_s
    if depth.ready and depth.gate is None and waits_long and not seen.finished.get(stage):
        detail = f"{depth.ready} jobs are ready and none has ended in {marks.stalled_s} s"
        yield Alarm(key="PipelineStalled", about=stage, detail=detail)
