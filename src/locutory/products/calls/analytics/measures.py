"""What is measured of a call, by name: the columns of the read models (calls spec, section 11).

A `Measure` is a number per call, None where there is nothing to measure; the day tables keep its
count, sum and sum of squares as `<key>_n`, `<key>_sum`, `<key>_sq`. A count is an integer per call,
0 where it does not apply; the day tables keep its sum.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measure:
    """`better` is 1 where more is better, -1 where less is, 0 where neither can be said."""

    key: str
    label: str
    unit: str
    better: int = 0


MEASURES: tuple[Measure, ...] = (
    Measure("score", "Score", "points", 1),
    Measure("sentiment", "Sentiment", "-1..1", 1),
    Measure("sentiment_agent", "Sentiment of the agent", "-1..1", 1),
    Measure("sentiment_customer", "Sentiment of the customer", "-1..1", 1),
    Measure("sentiment_trend", "Sentiment, last quarter less the first", "-2..2", 1),
    Measure("bant_score", "BANT score", "points", 1),
    Measure("bant_coverage", "BANT coverage", "0..1", 1),
    Measure("handle_s", "Handle time", "s"),
    Measure("duration_s", "Duration", "s"),
    Measure("lag_s", "From the end of the call to its results", "s", -1),
    Measure("asr_quality", "Transcript quality", "0..1", 1),
    Measure("cost_micros", "Cost", "micros"),
    Measure("transcribe_s", "Time of transcription", "s", -1),
    Measure("analyze_s", "Time of analysis", "s", -1),
    Measure("index_s", "Time of indexing", "s", -1),
    Measure("talk_ratio", "Talk ratio of the agent", "0..1"),
    Measure("talk_agent_pct", "Agent talks", "%"),
    Measure("talk_customer_pct", "Customer talks", "%"),
    Measure("overtalk_pct", "Overtalk", "%", -1),
    Measure("silence_pct", "Silence", "%", -1),
    Measure("dead_air_pct", "Dead air", "%", -1),
    Measure("dead_air_count", "Dead air, times", "count", -1),
    Measure("dead_air_ms", "Dead air, total", "ms", -1),
    Measure("longest_dead_air_ms", "Longest dead air", "ms", -1),
    Measure("lead_in_ms", "Silence before the first word", "ms", -1),
    Measure("tail_ms", "Silence after the last word", "ms", -1),
    Measure("interruptions_agent_per_10min", "Interruptions by the agent", "per 10 min", -1),
    Measure("interruptions_customer_per_10min", "Interruptions by the customer", "per 10 min", -1),
    Measure("longest_mono_agent_ms", "Longest monologue of the agent", "ms", -1),
    Measure("longest_mono_customer_ms", "Longest monologue of the customer", "ms"),
    Measure("turns", "Turns", "count"),
    Measure("switches_per_min", "Changes of speaker", "per min"),
    Measure("patience_ms", "Patience of the agent", "ms"),
    Measure("response_latency_customer_ms", "Customer's time to answer", "ms"),
    Measure("wpm_agent", "Words per minute, agent", "per min"),
    Measure("wpm_customer", "Words per minute, customer", "per min"),
    Measure("questions_agent_per_10min", "Questions of the agent", "per 10 min"),
)
MEASURE_KEYS: tuple[str, ...] = tuple(measure.key for measure in MEASURES)
PARTS = ("n", "sum", "sq")

# Figures of `CallMetric` that are measures under the same name.
FROM_FIGURES: tuple[str, ...] = MEASURE_KEYS[MEASURE_KEYS.index("talk_ratio") :]

BANT_ELEMENTS = ("budget", "authority", "need", "timeline")
HANDLED = ("yes", "partial", "no", "unknown")
STATUSES = ("pending", "transcribed", "done", "failed", "skipped")

COUNTS: tuple[str, ...] = (
    "calls",
    *STATUSES,
    "answered",
    "to_cover",  # answered and not skipped: what coverage is taken of
    "covered",
    "has_text",
    "low_asr",
    "insufficient",
    "passed",
    "auto_failed",
    "positive",
    "neutral",
    "negative",
    "bant_eligible",
    *(
        f"bant_{element}_{status}"
        for element in BANT_ELEMENTS
        for status in ("confirmed", "partial")
    ),
    "with_objection",
    "objections",
    *(f"objections_{handled}" for handled in HANDLED),
    "degraded",
    "judged",
    "by_rules",
    "resolved",
    "unresolved",
    "callbacks",
    "no_callbacks",
    "handled_by_telephony",
    "handled_by_times",
    "handled_by_audio",
    "words",
    "talk_agent_ms",
    "talk_customer_ms",
    "overlap_ms",
    "nontalk_ms",
    "interruptions_agent",
    "interruptions_customer",
    "duration_ms",
    "text_ms",
    "answers",
    "answers_model",
    "answers_cached",
    "answers_rules",
    "tokens_in",
    "tokens_out",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A figure of many calls: the mean of a measure, a ratio of sums, or a sum.

    `over` and `under` name columns of the day tables; the value is factor · Σ over / Σ under, and
    Σ over · factor without `under`. `binary` says that each call counts 0 or 1 in `over` and 1 in
    `under`, so that a test may compare two periods.
    """

    key: str
    label: str
    unit: str
    better: int = 0
    measure: str | None = None
    complement: bool = False
    over: tuple[str, ...] = ()
    under: tuple[str, ...] = ()
    factor: float = 1.0
    binary: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the day tables that it is computed from."""
        if self.measure is not None:
            return tuple(f"{self.measure}_{part}" for part in PARTS)
        return (*self.over, *self.under)

    @property
    def costs(self) -> bool:
        """Whether it tells what engines cost."""
        return any(column.startswith("cost_micros") for column in self.columns)

    @property
    def kind(self) -> str:
        """How values of calls become one: mean, ratio or sum."""
        if self.measure is not None:
            return "mean"
        return "ratio" if self.under else "sum"


def _share(
    key: str, label: str, over: tuple[str, ...], under: tuple[str, ...], better: int = 0
) -> Metric:
    return Metric(
        key=key,
        label=label,
        unit="%",
        better=better,
        over=over,
        under=under,
        factor=100.0,
        binary=True,
    )


def _sum(key: str, label: str, unit: str = "count") -> Metric:
    return Metric(key=key, label=label, unit=unit, over=(key,))


_MEANS = tuple(
    Metric(key=m.key, label=m.label, unit=m.unit, better=m.better, measure=m.key) for m in MEASURES
)
_HANDLED_KNOWN = ("objections_yes", "objections_partial", "objections_no")
_RATIOS = (
    Metric(
        key="listen_ratio",
        label="Listen ratio of the agent",
        unit="0..1",
        measure="talk_ratio",
        complement=True,
    ),
    _share("pass_rate", "Passed", ("passed",), ("score_n",), 1),
    _share("auto_fail_rate", "Failed at once", ("auto_failed",), ("score_n",), -1),
    _share("coverage", "Analysed calls", ("covered",), ("to_cover",), 1),
    _share("answered_share", "Answered calls", ("answered",), ("calls",)),
    _share("text_share", "Calls with text", ("has_text",), ("calls",)),
    _share("low_asr_share", "Low transcript quality", ("low_asr",), ("has_text",), -1),
    _share("rules_share", "Judged by rules", ("by_rules",), ("judged",)),
    _share("degraded_share", "Judged by less than configured", ("degraded",), ("judged",), -1),
    _share("positive_share", "Positive calls", ("positive",), ("sentiment_n",), 1),
    _share("neutral_share", "Neutral calls", ("neutral",), ("sentiment_n",)),
    _share("negative_share", "Negative calls", ("negative",), ("sentiment_n",), -1),
    _share("objection_share", "Calls with an objection", ("with_objection",), ("has_text",)),
    Metric(
        key="objections_per_100",
        label="Objections per 100 calls",
        unit="per 100",
        over=("objections",),
        under=("has_text",),
        factor=100.0,
    ),
    Metric(
        key="handled_rate",
        label="Objections handled",
        unit="%",
        better=1,
        over=("objections_yes",),
        under=_HANDLED_KNOWN,
        factor=100.0,
    ),
    *(
        _share(
            f"bant_{element}",
            f"{element.capitalize()} known",
            (f"bant_{element}_confirmed", f"bant_{element}_partial"),
            ("bant_eligible",),
            1,
        )
        for element in BANT_ELEMENTS
    ),
    _share("resolved_rate", "Resolved", ("resolved",), ("resolved", "unresolved"), 1),
    _share("callback_rate", "Call back agreed", ("callbacks",), ("callbacks", "no_callbacks")),
    Metric(
        key="cost_per_minute",
        label="Cost per minute",
        unit="micros",
        over=("cost_micros_sum",),
        under=("duration_ms",),
        factor=60_000.0,
    ),
    _share("cached_share", "Answers from the cache", ("answers_cached",), ("answers",)),
)
_SUMS = (
    _sum("calls", "Calls"),
    *(_sum(status, f"Calls, {status}") for status in STATUSES),
    _sum("answered", "Answered calls"),
    _sum("has_text", "Calls with text"),
    _sum("insufficient", "Calls with too little to score"),
    _sum("objections", "Objections"),
    _sum("words", "Words"),
    _sum("tokens_in", "Tokens read", "tokens"),
    _sum("tokens_out", "Tokens written", "tokens"),
    Metric(key="cost_total", label="Cost in all", unit="micros", over=("cost_micros_sum",)),
    Metric(
        key="minutes",
        label="Recorded minutes",
        unit="min",
        over=("duration_ms",),
        factor=1 / 60_000,
    ),
)

METRICS: Mapping[str, Metric] = {m.key: m for m in (*_SUMS, *_MEANS, *_RATIOS)}
