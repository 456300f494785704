"""How well the work is done: scores over calls, and calls over the pipeline."""

from locutory.kernel.auth.contract import Access
from locutory.kernel.db import Session
from locutory.products.calls.analytics import queries
from locutory.products.calls.analytics.contract import Basis
from locutory.products.calls.analytics.measures import STATUSES
from locutory.products.calls.analytics.queries import Slice
from locutory.products.calls.analytics.schemas import (
    Ask,
    BinRead,
    CoverageRead,
    DistributionRead,
    LagRead,
    PercentilesRead,
)
from locutory.products.calls.analytics.service.asking import asked_of, pair_of
from locutory.products.calls.analytics.statistics import (
    LAG_STEP,
    SCORE_BINS,
    binned_percentile,
    percentile,
)

EXACT_UP_TO = 1000  # calls; above that percentiles come from bins, at most a point wide
_SHOWN_BINS = 10
_PER_BIN = SCORE_BINS // _SHOWN_BINS
_SCORES = ("score", "pass_rate", "auto_fail_rate")
_STAGES = ("transcribe_s", "analyze_s", "index_s")
_HANDLE = ("handled_by_telephony", "handled_by_times", "handled_by_audio")
Quantiles = tuple[list[float | None], Basis]


async def score_distribution(access: Access, ask: Ask) -> DistributionRead:
    """Scores in ten bins, their middle and spread, and what has no score."""
    asked = asked_of(access, ask)
    async with access.db.read() as session:
        pair = await pair_of(session, asked, _SCORES, "insufficient", "low_asr")
        fine = await queries.bins(session, asked.where, "score_bins")
        (p10, median, p90), basis = await _quantiles(
            session, asked.where, "score", fine, (0.1, 0.5, 0.9)
        )
    counts = [0] * _SHOWN_BINS
    for number, count in fine.items():
        counts[number // _PER_BIN] += count
    return DistributionRead(
        scope=asked.scope(),
        bins=[
            BinRead(low=n * _PER_BIN, high=(n + 1) * _PER_BIN, n=count)
            for n, count in enumerate(counts)
        ],
        score=pair.read("score"),
        percentiles=PercentilesRead(
            p10=p10,
            median=median,
            p90=p90,
            basis=basis,
            error=0.0 if basis is Basis.CALLS else 1.0,
        ),
        pass_rate=pair.read("pass_rate"),
        auto_fail_rate=pair.read("auto_fail_rate"),
        insufficient=pair.now["insufficient"],
        low_asr=pair.now["low_asr"],
    )


async def coverage(access: Access, ask: Ask) -> CoverageRead:
    """How many calls are analysed, how soon, and where the time goes."""
    asked = asked_of(access, ask)
    keys = ("coverage", *_STAGES, "handle_s")
    more = (*STATUSES, "calls", "answered", *_HANDLE, "lag_s_n")
    async with access.db.read() as session:
        pair = await pair_of(session, asked, keys, *more)
        fine = await queries.bins(session, asked.where, "lag_bins")
        (p50, p95), basis = await _quantiles(session, asked.where, "lag_s", fine, (0.5, 0.95))
    return CoverageRead(
        scope=asked.scope(),
        statuses={status: pair.now[status] for status in STATUSES},
        answered=pair.now["answered"],
        skipped_by_policy=pair.now["skipped"],
        coverage=pair.read("coverage"),
        lag=LagRead(
            p50_s=p50,
            p95_s=p95,
            n=pair.now["lag_s_n"],
            basis=basis,
            relative_error=0.0 if basis is Basis.CALLS else LAG_STEP - 1,
        ),
        stages=[pair.read(key) for key in _STAGES],
        handle_time=pair.read("handle_s"),
        handle_basis={name.removeprefix("handled_by_"): pair.now[name] for name in _HANDLE},
    )


async def _quantiles(
    db: Session, where: Slice, measure: str, fine: dict[int, int], asked: tuple[float, ...]
) -> Quantiles:
    """Quantiles of a measure: of the calls themselves up to a bound, else from bins."""
    if sum(fine.values()) <= EXACT_UP_TO:
        ordered = await queries.values(db, where, measure)
        return [percentile(ordered, q) for q in asked], Basis.CALLS
    found = [binned_percentile(fine, q, lags=measure == "lag_s") for q in asked]
    return [None if one is None else one[0] for one in found], Basis.ROLLUP
