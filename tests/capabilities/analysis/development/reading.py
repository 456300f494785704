"""The written calls of this folder, read as transcripts."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from locutory.capabilities.interactions.contract import Role, Transcript, Turn
from locutory.kernel.provenance import Provenance, Source

FOLDER = Path(__file__).parent
HALVES = ("worked", "held_out")

_HEAD = re.compile(r"== (?P<id>\S+) (?P<language>\S+)")
_ROLES = {"A": Role.AGENT, "C": Role.CUSTOMER}
_WORD_MS, _GAP_MS = 360, 400  # about 2.8 words a second


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenCall:
    """A call and what its writer says of it."""

    id: str
    objections: frozenset[str]
    topics: frozenset[str]
    transcript: Transcript


@cache
def written_calls(half: str) -> tuple[WrittenCall, ...]:
    """The calls of `worked` or `held_out`. Raises ValueError for a block of another form."""
    text = (FOLDER / f"{half}.txt").read_text(encoding="utf-8")
    return tuple(_call(block) for block in _blocks(text))


def _blocks(text: str) -> Iterator[list[str]]:
    for block in text.split("\n\n"):
        lines = [line for line in block.splitlines() if line and not line.startswith("#")]
        if lines:
            yield lines


def _call(lines: list[str]) -> WrittenCall:
    head = _HEAD.fullmatch(lines[0])
    if head is None:
        raise ValueError(f"no head of a call: {lines[0]!r}")
    return WrittenCall(
        id=head["id"],
        objections=_labels(lines[1], "objections"),
        topics=_labels(lines[2], "topics"),
        transcript=_transcript(lines[3:], head["language"]),
    )


def _labels(line: str, name: str) -> frozenset[str]:
    said, _, keys = line.partition(":")
    if said != name:
        raise ValueError(f"{name} expected: {line!r}")
    return frozenset(keys.split())


def _transcript(lines: list[str], language: str) -> Transcript:
    turns: list[Turn] = []
    at = 0
    for idx, line in enumerate(lines):
        who, _, text = line.partition(": ")
        end = at + _WORD_MS * len(text.split())
        turns.append(Turn(idx=idx, role=_ROLES[who], text=text, start_ms=at, end_ms=end))
        at = end + _GAP_MS
    return Transcript(
        turns=tuple(turns),
        duration_ms=at,
        provenance=Provenance(source=Source.SIDECAR, engine="sidecar"),
        language=language,
    )
