"""Conversations as a call's tables hold them: a few hundred kinds, drawn from by the generator.

What is expensive to make (figures, judgements, texts, and the fact that follows from them) is made
once per shape; a call is a shape with a time, an agent and ids of its own.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from locutory.kernel.ids import KERNEL
from locutory.products.calls.analytics.facts import Objection, Told, Topic, fact_of
from locutory.products.calls.analytics.measures import BANT_ELEMENTS, FROM_FIGURES, HANDLED

TOPICS = (
    *("pricing", "billing", "refund", "payment", "delivery", "booking", "cancellation"),
    *("complaint", "technical_support", "product_information", "availability", "callback"),
)
OBJECTIONS = ("price", "budget", "timing", "authority", "need", "competitor", "trust", "location")
_SAID = (
    "I would like to know what that comes to a month",
    "let me look that up for you, one moment please",
    "we had agreed on another price when I called last week",
    "could you send me the papers by mail",
    "yes, Monday at ten would suit me very well",
)
_BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One kind of conversation; JSON columns are text already."""

    record: Mapping[str, Any]
    figures: str
    analysis: str
    meta: str
    turns: str
    quality: str
    words: int
    objections: tuple[tuple[str, str], ...]
    topics: tuple[tuple[str, float], ...]
    fact: Mapping[str, Any]
    duration_s: int
    lag_s: int


def shape(rng: random.Random) -> Shape:
    """A conversation of a random kind."""
    duration_s = int(min(3600, rng.lognormvariate(5.2, 0.8))) + 5
    score = min(100.0, max(0.0, rng.gauss(68, 18)))
    insufficient = rng.random() < 0.05
    low_asr = rng.random() < 0.04
    asr_quality = 0.3 if low_asr else 0.9
    sentiment = max(-1.0, min(1.0, rng.gauss(0.08, 0.3)))
    lag_s = int(rng.lognormvariate(4.5, 1.0))
    figures = {name: round(rng.uniform(0, 60), 3) for name in FROM_FIGURES}
    figures["talk_ratio"] = round(rng.uniform(0.2, 0.8), 4)
    figures |= {
        "listen_ratio": round(1 - figures["talk_ratio"], 4),
        "talk_agent_ms": duration_s * 450,
        "talk_customer_ms": duration_s * 400,
        "overlap_ms": duration_s * 20,
        "nontalk_ms": duration_s * 170,
        "interruptions_agent": rng.randrange(4),
        "interruptions_customer": rng.randrange(4),
        "longest_dead_air_ms": rng.randrange(0, 30_000),
    }
    statuses = ("confirmed", "partial", "absent", "not_asked", "unknown")
    evidence = [{"segments": [3], "quote": _SAID[0]}]
    bant = {
        element: {
            "status": rng.choice(statuses),
            "value": "about 40 a month",
            "confidence": 0.6,
            "evidence": evidence,
        }
        for element in BANT_ELEMENTS
    }
    parameters = [
        {
            "key": f"p{n}",
            "section": f"s{n // 4}",
            "question": "Did the agent greet the customer by name and say who is calling?",
            "type": "bool",
            "weight": 1.0,
            "critical": False,
            "value": True,
            "points": 1.0,
            "state": "answered",
            "source": "rules",
            "reason": "",
            "evidence": evidence,
        }
        for n in range(10)
    ]
    engine = "llm" if rng.random() < 0.5 else "rules"
    analysis = {
        "summary": {
            "text": "The caller asked for a quote and agreed to be called back on Monday. " * 4,
            "bullets": list(_SAID),
            "language": "en",
        },
        "sentiment": {
            "overall": sentiment,
            "label": "neutral",
            "customer": sentiment,
            "agent": abs(sentiment),
            "trend": round(rng.gauss(0, 0.3), 4),
            "per_quarter": [0.1, 0.0, 0.1, sentiment],
            "evidence": evidence,
        },
        "quality": {
            "template": "standard",
            "version": 1,
            "total": None if insufficient else score,
            "pass": None if insufficient else score >= 70,
            "auto_fail": False,
            "state": "insufficient" if insufficient else "scored",
            "sections": [{"name": f"s{n}", "total": score} for n in range(3)],
            "parameters": parameters,
        },
        "bant": {**bant, "score": 50.0},
        "outcome": {"disposition": "info_given", "resolved": rng.random() < 0.7, "callback": False},
    }
    answered = {
        "source": engine,
        "engine": "bench/1",
        "version": 1,
        "degraded": False,
        "cached": False,
        "evidence_ok": True,
        "latency_ms": 900,
        "tokens_in": 1200 if engine == "llm" else 0,
        "tokens_out": 200 if engine == "llm" else 0,
        "cost_micros": rng.randrange(500, 2000) if engine == "llm" else None,
        "error": None,
    }
    meta = dict.fromkeys(("summary", "sentiment", "quality_score", "bant"), answered)
    turns = [_turn(n, rng) for n in range(max(2, duration_s // 12))]
    words = sum(len(turn["text"].split()) for turn in turns)
    objections = tuple(
        (rng.choice(OBJECTIONS), rng.choice(HANDLED))
        for _ in range(rng.choices((0, 1, 2), (7, 2, 1))[0])
    )
    topics = tuple(
        (key, round(rng.uniform(0.05, 0.5), 3)) for key in rng.sample(TOPICS, rng.randrange(1, 3))
    )
    record = {
        "status": rng.choices(("done", "failed", "skipped"), (94, 2, 4))[0],
        "stage": "index",
        "stage_state": "ok",
        "direction": rng.choices(("inbound", "outbound"), (6, 4))[0],
        "disposition": rng.choice((None, "sold", "call_back", "not_interested", "info_given")),
        "language": rng.choice(("en", "hi", "en-IN")),
        "audio_ms": duration_s * 1000,
        "has_words": True,
        "transcript_version": 1,
        "overall_score": None if insufficient else round(score, 2),
        "sentiment_score": round(sentiment, 4),
        "bant_score": 50.0,
        "talk_ratio": figures["talk_ratio"],
        "summary_short": "The caller asked for a quote and agreed to be called back on Monday.",
        "degraded": False,
        "partial": False,
        "asr_quality": asr_quality,
        "flags": '["low_asr_quality"]' if low_asr else "[]",
    }
    if record["status"] != "done":  # nobody heard it
        unheard = ("overall_score", "sentiment_score", "bant_score", "talk_ratio", "asr_quality")
        record |= dict.fromkeys((*unheard, "summary_short")) | {"has_words": False}
    whole = {
        **record,
        "id": KERNEL,
        "callid": "x",
        "kind": "call",
        "agent_id": None,
        "agent_name": None,
        "started_at": _BEGAN,
        "ended_at": _BEGAN + timedelta(seconds=duration_s),
        "done_at": _BEGAN + timedelta(seconds=duration_s + lag_s),
        "updated_at": _BEGAN,
        "custom": {},
        "flags": ["low_asr_quality"] if low_asr else [],
    }
    told = Told(
        record=SimpleNamespace(**whole),
        figures=figures,
        analysis=analysis,
        meta=meta,
        words=words,
        asr_quality=asr_quality,
        objections=[Objection(type_key=key, handled=handled) for key, handled in objections],
        topics=[Topic(key=key, label=key.title(), share=share) for key, share in topics],
    )
    fact = fact_of(told, ZoneInfo("UTC"))
    fact["keys"] = orjson.dumps(fact["keys"]).decode()
    return Shape(
        record=record,
        figures=orjson.dumps(figures).decode(),
        analysis=orjson.dumps(analysis).decode(),
        meta=orjson.dumps(meta).decode(),
        turns=orjson.dumps(turns).decode(),
        quality=orjson.dumps({"asr_quality": asr_quality, "flagged": {}}).decode(),
        words=words,
        objections=objections,
        topics=topics,
        fact=fact,
        duration_s=duration_s,
        lag_s=lag_s,
    )


def _turn(n: int, rng: random.Random) -> dict[str, Any]:
    return {
        "idx": n,
        "start_ms": n * 12_000,
        "end_ms": n * 12_000 + 11_000,
        "role": "agent" if n % 2 else "customer",
        "role_confidence": 0.9,
        "speaker": f"S{n % 2}",
        "channel": n % 2,
        "text": rng.choice(_SAID),
        "confidence": 0.9,
        "flags": [],
    }
