"""What rules and writers say of the calls of this folder, by kind: right, false, missed.

`python -m tests.capabilities.analysis.development.compare [--misses] [half …]`
"""

import argparse
from collections import Counter
from collections.abc import Callable, Mapping

from tests.capabilities.analysis.development.reading import HALVES, WrittenCall, written_calls

from locutory.capabilities.analysis.contract import Case
from locutory.capabilities.analysis.rules import objections, topics

Keys = frozenset[str]


def found_objections(call: WrittenCall) -> Keys:
    """The kinds that the rules find."""
    return frozenset(one.type_key for one in objections.find(call.transcript, {}))


def found_topics(call: WrittenCall) -> Keys:
    """The keys that the rules find."""
    rows = topics.judge(Case(transcript=call.transcript)).result["topics"]
    return frozenset(row["key"] for row in rows)


AGENTS: Mapping[str, tuple[Callable[[WrittenCall], Keys], Callable[[WrittenCall], Keys]]] = {
    "objections": (found_objections, lambda call: call.objections),
    "topics": (found_topics, lambda call: call.topics),
}


def counts(half: str, agent: str) -> Counter[tuple[str, str]]:
    """How often each kind was right, false or missed."""
    find, label = AGENTS[agent]
    counted: Counter[tuple[str, str]] = Counter()
    for call in written_calls(half):
        said, meant = find(call), label(call)
        counted.update((key, "right") for key in said & meant)
        counted.update((key, "false") for key in said - meant)
        counted.update((key, "missed") for key in meant - said)
    return counted


def f1(counted: Mapping[tuple[str, str], int]) -> float:
    """Micro-averaged over kinds; 0 where nothing was said or meant."""
    right = sum(n for (_, what), n in counted.items() if what == "right")
    wrong = sum(n for (_, what), n in counted.items() if what != "right")
    return 2 * right / (2 * right + wrong) if right + wrong else 0.0


def main() -> None:
    """Print the figures, and where asked the misses."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--misses", action="store_true", help="print where they differ")
    parser.add_argument("half", nargs="*", default=list(HALVES))
    options = parser.parse_args()
    for half in options.half:
        for agent, (find, label) in AGENTS.items():
            counted = counts(half, agent)
            print(f"{half} {agent}: F1 {f1(counted):.3f}")
            for key in sorted({key for key, _ in counted}):
                row = [counted[key, what] for what in ("right", "false", "missed")]
                print(f"  {key:20} {row[0]:3} right {row[1]:3} false {row[2]:3} missed")
            for call in written_calls(half) if options.misses else ():
                said, meant = find(call), label(call)
                if said != meant:
                    print(f"  {call.id}: +{sorted(said - meant)} -{sorted(meant - said)}")


if __name__ == "__main__":
    main()
