"""How well the rules engine reads the labelled calls: the figures of `scores.json`.

`python -m tests.quality.measure` writes the file. `--seen` measures the seen calls alone and writes
nothing; with `--misses` it also prints where rules and labels differ. Misses of the blind calls are
never printed.
"""

import argparse
import asyncio
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.quality.labelled import LabelledCall, Split, labelled_calls

from locutory.capabilities.analysis.api import BUILT_IN, RULES, run_agents

SCORES = Path(__file__).parent / "scores.json"

Found = Mapping[str, dict[str, Any]]
"""Results by agent key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """What the rules and the labeller say of one call; the members are kinds."""

    call: LabelledCall
    said: frozenset[str]
    label: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One figure: what it is computed from, what we aim at, and what it must not fall below.

    Aim and floor are those of the blind calls. `floor` rises with the rules until it reaches
    `target`; it never goes down.
    """

    agent: str
    figure: str
    target: float
    floor: float
    said: Callable[[dict[str, Any]], frozenset[str]]
    label: Callable[[LabelledCall], frozenset[str]]


def _stated(bant: dict[str, Any]) -> frozenset[str]:
    """`absent` is stated too: the customer denied it."""
    return frozenset(
        name
        for name, element in bant.items()
        if isinstance(element, dict) and element["status"] in {"confirmed", "partial", "absent"}
    )


MEASURES = (
    Measure(
        agent="sentiment",
        figure="agreement",
        target=0.75,
        floor=0.7,
        said=lambda result: frozenset([result["label"]]),
        label=lambda call: frozenset([call.sentiment]),
    ),
    Measure(
        agent="bant",
        figure="f1",
        target=0.75,
        floor=0.75,
        said=_stated,
        label=lambda call: call.bant,
    ),
    Measure(
        agent="objections",
        figure="f1",
        target=0.7,
        floor=0.48,
        said=lambda result: frozenset(row["type"] for row in _rows(result, "objections")),
        label=lambda call: call.objections,
    ),
    Measure(
        agent="topics",
        figure="f1",
        target=0.7,
        floor=0.58,
        said=lambda result: frozenset(row["key"] for row in _rows(result, "topics")),
        label=lambda call: call.topics,
    ),
)


def _rows(result: dict[str, Any], name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = result[name]
    return rows


def measured_agents() -> frozenset[str]:
    """The agents of the library that a rule answers and a measure knows."""
    known = {spec.key for spec in BUILT_IN} & set(RULES)
    return frozenset(measure.agent for measure in MEASURES if measure.agent in known)


async def scores(*splits: Split) -> dict[str, Any]:
    """Every measure over these splits. An agent that the library lacks is said to be absent."""
    return {split.value: summed_up(await pairs(split)) for split in splits or Split}


async def pairs(split: Split) -> dict[str, list[Pair]]:
    """Answers and labels by agent, of the agents that the library has."""
    agents = measured_agents()
    calls = labelled_calls(split)
    found = {call.id: await _judged(call, agents) for call in calls}
    return {
        measure.agent: [
            Pair(
                call=call,
                said=measure.said(found[call.id][measure.agent]),
                label=measure.label(call),
            )
            for call in calls
        ]
        for measure in MEASURES
        if measure.agent in agents
    }


async def _judged(call: LabelledCall, agents: frozenset[str]) -> Found:
    specs = [spec for spec in BUILT_IN if spec.key in agents]
    results = await run_agents(call.transcript, specs, tenant="quality", llm=None)
    found = {}
    for result in results:
        if result.result is None:
            raise RuntimeError(f"{call.id}: {result.key} did not answer: {result.error}")
        found[result.key] = result.result
    return found


def summed_up(paired: Mapping[str, list[Pair]]) -> dict[str, Any]:
    """The figures of all measures over one split, in the form of the file."""
    out: dict[str, Any] = {"calls": max((len(some) for some in paired.values()), default=0)}
    for measure in MEASURES:
        entry: dict[str, Any] = {"target": measure.target}
        if measure.agent not in paired:
            entry["state"] = "absent"
        else:
            entry |= _figures(measure, paired[measure.agent])
        out[measure.agent] = entry
    return out


def _figures(measure: Measure, paired: list[Pair]) -> dict[str, Any]:
    of = agreement if measure.figure == "agreement" else f1
    by_language: dict[str, list[Pair]] = {}
    for pair in paired:
        by_language.setdefault(pair.call.transcript.language or "", []).append(pair)
    kinds = sorted({kind for pair in paired for kind in pair.label})
    return {
        measure.figure: of(paired),
        **({"precision": precision(paired), "recall": recall(paired)} if of is f1 else {}),
        "by_language": {language: of(some) for language, some in sorted(by_language.items())},
        "by_kind": {kind: f1([_only(pair, kind) for pair in paired]) for kind in kinds},
    }


def _only(pair: Pair, kind: str) -> Pair:
    kinds = frozenset([kind])
    return Pair(call=pair.call, said=pair.said & kinds, label=pair.label & kinds)


def agreement(paired: Iterable[Pair]) -> float:
    """Share of calls where both say the same."""
    same = [pair.said == pair.label for pair in paired]
    return round(sum(same) / len(same), 3)


def precision(paired: Iterable[Pair]) -> float:
    """Share of what the rules say that the labels say too; micro-averaged, 0 if nothing is said."""
    right, said, _ = _counts(paired)
    return round(right / said, 3) if said else 0.0


def recall(paired: Iterable[Pair]) -> float:
    """Share of the labels that the rules find; micro-averaged, 0 without labels."""
    right, _, labelled = _counts(paired)
    return round(right / labelled, 3) if labelled else 0.0


def f1(paired: Iterable[Pair]) -> float:
    """Harmonic mean of precision and recall, over all kinds of all calls."""
    right, said, labelled = _counts(paired)
    return round(2 * right / (said + labelled), 3) if said + labelled else 0.0


def _counts(paired: Iterable[Pair]) -> tuple[int, int, int]:
    right = said = labelled = 0
    for pair in paired:
        right += len(pair.said & pair.label)
        said += len(pair.said)
        labelled += len(pair.label)
    return right, said, labelled


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the file and print it, or print the figures of the seen calls."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seen", action="store_true", help="measure the seen calls alone")
    parser.add_argument("--misses", action="store_true", help="print where rules and labels differ")
    options = parser.parse_args(arguments)
    if options.misses and not options.seen:
        parser.error("misses are printed of the seen calls only: add --seen")
    found = asyncio.run(scores(*([Split.SEEN] if options.seen else [])))
    text = json.dumps(found, indent=1) + "\n"
    print(text, end="")
    if not options.seen:
        SCORES.write_text(text, encoding="utf-8")
    if options.misses:
        _print_misses(asyncio.run(pairs(Split.SEEN)))


def _print_misses(paired: Mapping[str, list[Pair]]) -> None:
    for agent, some in paired.items():
        for pair in some:
            if pair.said != pair.label:
                print(agent, pair.call.id, f"{sorted(pair.said)} for {sorted(pair.label)}")


if __name__ == "__main__":
    main()
