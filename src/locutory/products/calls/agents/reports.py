"""What a back-test says: fields that changed, the shift of the score, agreement, and cost."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from locutory.capabilities.analysis.contract import AgentResult
from locutory.products.calls.agents.comparing import differences, leaves, same, score_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A call's answers by the draft and by the version in force, and what people said of it."""

    callid: str
    stratum: str
    draft: AgentResult
    published: AgentResult | None
    human: Mapping[str, Any] = field(default_factory=dict)


def report_of(pairs: Sequence[Pair]) -> dict[str, Any]:
    """The report of a back-test; shares are 0-1, costs micro-units, scores as the agent has them.

    Only calls that both versions answered are compared; a share or mean over nothing is None.
    """
    both = [p for p in pairs if p.published is not None and p.published.result is not None]
    compared = [p for p in both if p.draft.result is not None]
    return {
        "calls": len(pairs),
        "compared": len(compared),
        "unanswered": {
            "draft": _unanswered([p.draft for p in pairs]),
            "published": _unanswered([p.published for p in pairs if p.published is not None]),
        },
        "strata": dict(sorted(Counter(p.stratum for p in pairs).items())),
        "fields": _fields(compared),
        "changed_calls": sum(bool(_changes(p)) for p in compared),
        "score": _scores(compared),
        "human": {
            "draft": _agreement([(p.draft, p.human) for p in pairs]),
            "published": _agreement([(p.published, p.human) for p in pairs if p.published]),
        },
        "evidence": {
            "draft": _evidence([p.draft for p in pairs]),
            "published": _evidence([p.published for p in pairs if p.published is not None]),
        },
        "cost": {
            "draft": _cost([p.draft for p in pairs]),
            "published": _cost([p.published for p in pairs if p.published is not None]),
        },
        "items": [_item(p) for p in pairs],
    }


def _changes(pair: Pair) -> list[str]:
    if pair.published is None:
        return []
    return [d.path for d in differences(pair.published.result, pair.draft.result)]


def _fields(compared: Sequence[Pair]) -> list[dict[str, Any]]:
    """Each place with how many calls have it and in how many it changed, most changed first."""
    present: Counter[str] = Counter()
    changed: Counter[str] = Counter()
    for pair in compared:
        assert pair.published is not None
        present.update(leaves(pair.published.result).keys() | leaves(pair.draft.result).keys())
        changed.update(_changes(pair))
    rows = [
        {"path": path, "calls": n, "changed": changed[path], "share": changed[path] / n}
        for path, n in present.items()
    ]
    return sorted(rows, key=lambda row: (-float(str(row["share"])), str(row["path"])))


def _scores(compared: Sequence[Pair]) -> dict[str, Any] | None:
    pairs = [
        (before, after)
        for pair in compared
        if pair.published is not None
        and (before := score_of(pair.published.result)) is not None
        and (after := score_of(pair.draft.result)) is not None
    ]
    if not pairs:
        return None
    shifts = [after - before for before, after in pairs]
    return {
        "calls": len(pairs),
        "mean_published": sum(before for before, _ in pairs) / len(pairs),
        "mean_draft": sum(after for _, after in pairs) / len(pairs),
        "mean_shift": sum(shifts) / len(shifts),
        "mean_absolute_shift": sum(map(abs, shifts)) / len(shifts),
        "least_shift": min(shifts),
        "most_shift": max(shifts),
    }


def _agreement(
    judged: Sequence[tuple[AgentResult | None, Mapping[str, Any]]],
) -> dict[str, Any]:
    """How many of the answers that people gave the agent gives too."""
    hits = [
        same(found.get(path), value)
        for result, human in judged
        if result is not None and result.result is not None
        for found in [leaves(result.result)]
        for path, value in human.items()
    ]
    return {"answers": len(hits), "agree": sum(hits), "share": _share(sum(hits), len(hits))}


def _evidence(results: Sequence[AgentResult]) -> dict[str, Any]:
    checked = [r.evidence_ok for r in results if r.evidence_ok is not None]
    return {
        "checked": len(checked),
        "ok": sum(checked),
        "share": _share(sum(checked), len(checked)),
    }


def _cost(results: Sequence[AgentResult]) -> dict[str, Any]:
    """`micros` is None where any price is unknown. Answers out of the cache cost nothing."""
    paid = [r for r in results if r.tokens_in or r.tokens_out]
    known = [r.cost_micros for r in paid if r.cost_micros is not None]
    return {
        "asked": len(paid),
        "tokens_in": sum(r.tokens_in for r in results),
        "tokens_out": sum(r.tokens_out for r in results),
        "micros": sum(known) if len(known) == len(paid) else None,
    }


def _unanswered(results: Sequence[AgentResult]) -> dict[str, int]:
    """How many gave no answer, by reason."""
    reasons = Counter(r.error or "no_answer" for r in results if r.result is None)
    return dict(sorted(reasons.items()))


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _item(pair: Pair) -> dict[str, Any]:
    return {
        "callid": pair.callid,
        "stratum": pair.stratum,
        "changed": _changes(pair)
        if pair.published is not None
        and pair.published.result is not None
        and pair.draft.result is not None
        else None,
        "score_published": None if pair.published is None else score_of(pair.published.result),
        "score_draft": score_of(pair.draft.result),
        "error_published": None if pair.published is None else pair.published.error,
        "error_draft": pair.draft.error,
    }
