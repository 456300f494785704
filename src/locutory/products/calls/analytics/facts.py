"""One call as figures: a row of `calls_fact` from what the other tables hold of it."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from locutory.products.calls.analytics.contract import EngineClass
from locutory.products.calls.analytics.measures import (
    BANT_ELEMENTS,
    COUNTS,
    FROM_FIGURES,
    HANDLED,
    MEASURE_KEYS,
    STATUSES,
)
from locutory.products.calls.analytics.periods import month_of
from locutory.products.calls.analytics.statistics import lag_bin, score_bin
from locutory.products.calls.records.contract import Stage, Status

POSITIVE, NEGATIVE = 0.2, -0.2
_LONGEST_S = 7 * 86_400.0
MODELS = frozenset({"llm", "cache"})
# What dialers write where nobody took the call, folded as `_word` does.
NOT_ANSWERED = frozenset(
    {
        "no_answer",
        "noanswer",
        "not_answered",
        "unanswered",
        "missed",
        "missed_call",
        "busy",
        "rejected",
        "abandoned",
        "cancelled",
        "voicemail",
        "unreachable",
        "switched_off",
    }
)
_STAGE_TIMES = {
    Stage.TRANSCRIBE: "transcribe_s",
    Stage.ANALYZE: "analyze_s",
    Stage.INDEX: "index_s",
}
_COUNTED_FIGURES = (
    "talk_agent_ms",
    "talk_customer_ms",
    "overlap_ms",
    "nontalk_ms",
    "interruptions_agent",
    "interruptions_customer",
)
Key = list[Any]  # [kind, key, label, occurrences, yes, partial, no, unknown, amount]


@dataclass(frozen=True, slots=True, kw_only=True)
class Objection:
    """An objection whose quote is in the transcript."""

    type_key: str
    handled: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A topic; `share` (0-1) of the spoken time."""

    key: str
    label: str
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """All that the tables tell of one call. `record` has the columns of CallRecord."""

    record: Any
    figures: Mapping[str, Any] = field(default_factory=dict)
    analysis: Mapping[str, Any] = field(default_factory=dict)
    meta: Mapping[str, Any] = field(default_factory=dict)
    words: int = 0
    asr_quality: float | None = None
    stage_s: Mapping[str, float] = field(default_factory=dict)
    objections: Sequence[Objection] = ()
    topics: Sequence[Topic] = ()


def fact_of(told: Told, zone: ZoneInfo) -> dict[str, Any]:
    """The row without its tenant."""
    record = told.record
    local = record.started_at.astimezone(zone)
    row: dict[str, Any] = {
        "id": record.id,
        "zone": zone.key,
        "day": local.toordinal(),
        "month": month_of(local),
        "hour": local.hour,
        "weekday": local.weekday(),
        "agent": record.agent_id or "",
        "agent_name": record.agent_name,
        "direction": record.direction,
        "status": record.status,
        "kind": record.kind,
        "language": record.language or "",
        "callid": record.callid,
        "seen_at": record.updated_at,
        **dict.fromkeys(MEASURE_KEYS),
        **dict.fromkeys(COUNTS, 0),
    }
    disposition = _disposition(told)
    row["disposition"] = disposition
    _state(row, told)
    _quality(row, told)
    _sentiment(row, told)
    _bant(row, told)
    _talk(row, told)
    _handling(row, told)
    _engines(row, told)
    _outcome(row, told)
    row["keys"] = [
        *_objections(row, told.objections),
        *_topics(told),
        *([["disposition", disposition, disposition, 1, 0, 0, 0, 0, 0]] if disposition else []),
        *_judges(told.meta),
    ]
    return row


def _state(row: dict[str, Any], told: Told) -> None:
    record = told.record
    row["calls"] = 1
    if record.status in STATUSES:
        row[record.status] = 1
    answered = _is_answered(record)
    to_cover = answered and record.status != Status.SKIPPED
    row["answered"], row["to_cover"] = int(answered), int(to_cover)
    row["covered"] = int(to_cover and record.status == Status.DONE)
    row["has_text"] = int(bool(record.has_words))
    row["degraded"] = int(bool(record.degraded))
    duration_ms = max(0, record.audio_ms or 0)
    row["duration_ms"] = duration_ms
    row["text_ms"] = duration_ms if record.has_words else 0
    row["duration_s"] = duration_ms / 1000 if record.audio_ms is not None else None
    row["words"] = told.words if record.has_words else 0
    if record.done_at is not None and record.ended_at is not None:
        row["lag_s"] = max(0.0, (record.done_at - record.ended_at).total_seconds())
    row["lag_bin"] = None if row["lag_s"] is None else lag_bin(row["lag_s"])
    for stage, name in _STAGE_TIMES.items():
        row[name] = told.stage_s.get(stage)


def _quality(row: dict[str, Any], told: Told) -> None:
    """Scores of calls whose transcript is poor stay out, and so does what follows from them."""
    quality = _mapping(told.analysis.get("quality"))
    row["template"] = str(quality.get("template") or "")
    row["asr_quality"] = _number(told.asr_quality)
    row["low_asr"] = int("low_asr_quality" in (told.record.flags or ()))
    row["insufficient"] = int(quality.get("state") == "insufficient")
    score = _number(told.record.overall_score)
    if row["low_asr"] or score is None:
        row["score_bin"] = None
        return
    row["score"], row["score_bin"] = score, score_bin(score)
    row["passed"] = int(quality.get("pass") is True)
    row["auto_failed"] = int(quality.get("auto_fail") is True)


def _sentiment(row: dict[str, Any], told: Told) -> None:
    blob = _mapping(told.analysis.get("sentiment"))
    overall = _number(told.record.sentiment_score)
    row["sentiment"] = overall
    row["sentiment_agent"] = _number(blob.get("agent"))
    row["sentiment_customer"] = _number(blob.get("customer"))
    row["sentiment_trend"] = _number(blob.get("trend"))
    if overall is not None:
        label = "neutral"
        if overall > POSITIVE:
            label = "positive"
        elif overall < NEGATIVE:
            label = "negative"
        row[label] = 1


def _bant(row: dict[str, Any], told: Told) -> None:
    blob = _mapping(told.analysis.get("bant"))
    if not blob or not told.record.has_words:
        return
    row["bant_eligible"] = 1
    row["bant_score"] = _number(told.record.bant_score)
    known = 0
    for element in BANT_ELEMENTS:
        status = _mapping(blob.get(element)).get("status")
        if status in ("confirmed", "partial"):
            row[f"bant_{element}_{status}"] = 1
            known += 1
    row["bant_coverage"] = known / len(BANT_ELEMENTS)


def _talk(row: dict[str, Any], told: Told) -> None:
    for name in FROM_FIGURES:
        row[name] = _number(told.figures.get(name))
    for name in _COUNTED_FIGURES:
        row[name] = int(_number(told.figures.get(name)) or 0)


def _handling(row: dict[str, Any], told: Told) -> None:
    """Handle time by what the source tells: its own figures, its times, else the recording."""
    record = told.record
    if not row["answered"]:
        return
    custom = _mapping(record.custom)
    talk_s = _seconds(custom.get("talk_s"))
    answered_at = _moment(custom.get("answered_at"))
    if talk_s is not None:
        more = sum(_seconds(custom.get(key)) or 0.0 for key in ("hold_s", "wrap_s"))
        row["handle_s"], row["handled_by_telephony"] = talk_s + more, 1
    elif answered_at is not None and record.ended_at is not None and answered_at <= record.ended_at:
        row["handle_s"] = (record.ended_at - answered_at).total_seconds()
        row["handled_by_times"] = 1
    elif record.audio_ms is not None:
        row["handle_s"], row["handled_by_audio"] = record.audio_ms / 1000, 1


def _engines(row: dict[str, Any], told: Told) -> None:
    sources = {_mapping(one).get("source") for one in told.meta.values()} - {None}
    if "rules" in sources:
        engine = EngineClass.RULES
    elif sources & MODELS:
        engine = EngineClass.MODEL
    else:
        engine = EngineClass.NONE
    row["engine"] = engine.value
    row["judged"] = int(engine is not EngineClass.NONE)
    row["by_rules"] = int(engine is EngineClass.RULES)
    costs = []
    for one in map(_mapping, told.meta.values()):
        source = one.get("source")
        if source is None:
            continue
        row["answers"] += 1
        row["answers_model"] += int(source == "llm")
        row["answers_cached"] += int(source == "cache")
        row["answers_rules"] += int(source == "rules")
        row["tokens_in"] += int(_number(one.get("tokens_in")) or 0)
        row["tokens_out"] += int(_number(one.get("tokens_out")) or 0)
        costs.append(_number(one.get("cost_micros")))
    known = [cost for cost in costs if cost is not None]
    row["cost_micros"] = sum(known) if known else None


def _outcome(row: dict[str, Any], told: Told) -> None:
    blob = _mapping(told.analysis.get("outcome"))
    for name, yes, no in (
        ("resolved", "resolved", "unresolved"),
        ("callback", "callbacks", "no_callbacks"),
    ):
        value = blob.get(name)
        row[yes], row[no] = int(value is True), int(value is False)


def _objections(row: dict[str, Any], found: Sequence[Objection]) -> Iterable[Key]:
    by_type: dict[str, Counter[str]] = {}
    for one in found:
        handled = one.handled if one.handled in HANDLED else "unknown"
        by_type.setdefault(one.type_key, Counter())[handled] += 1
        row["objections"] += 1
        row[f"objections_{handled}"] += 1
    row["with_objection"] = int(bool(found))
    for key, counted in sorted(by_type.items()):
        yield ["objection", key, key, counted.total(), *(counted[h] for h in HANDLED), 0]


def _topics(told: Told) -> Iterable[Key]:
    merged: dict[str, tuple[str, float]] = {}
    for one in told.topics:
        merged[one.key] = (one.label, merged.get(one.key, ("", 0.0))[1] + one.share)
    duration_ms = max(0, told.record.audio_ms or 0)
    for key, (label, share) in sorted(merged.items()):
        amount = round(min(1.0, max(0.0, share)) * duration_ms)
        yield ["topic", key, label, 1, 0, 0, 0, 0, amount]


def _judges(meta: Mapping[str, Any]) -> Iterable[Key]:
    """Per analysis agent: answers by a model, from the cache, by rules, by others; and the cost."""
    for key, one in sorted((k, _mapping(v)) for k, v in meta.items()):
        source = one.get("source")
        if source is None:
            continue
        split = [int(source == "llm"), int(source == "cache"), int(source == "rules")]
        others = int(not any(split))
        cost = int(_number(one.get("cost_micros")) or 0)
        yield ["judge", key, key, 1, *split, others, cost]


def _disposition(told: Told) -> str:
    blob = _mapping(told.analysis.get("outcome"))
    value = told.record.disposition or blob.get("disposition")
    return _word(value)[:100] if isinstance(value, str) else ""


def _is_answered(record: Any) -> bool:
    """Whether somebody took the call, by the source's figures or its disposition."""
    custom = _mapping(record.custom)
    told = custom.get("answered")
    if isinstance(told, bool):
        return told
    talk_s = _seconds(custom.get("talk_s"))
    if talk_s is not None:
        return talk_s > 0
    return _word(record.disposition or "") not in NOT_ANSWERED


def _word(text: str) -> str:
    return "_".join(text.strip().lower().replace("-", " ").replace("_", " ").split())


def _seconds(value: Any) -> float | None:
    """A time that a call can take; sources write all sorts of things."""
    seconds = _number(value)
    return seconds if seconds is not None and 0 <= seconds <= _LONGEST_S else None


def _moment(value: Any) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _number(value: Any) -> float | None:
    """A finite number; what came as JSON may be anything."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)
