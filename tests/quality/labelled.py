"""The labelled calls of this folder, the blind and the seen ones, read as transcripts."""

import json
import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from locutory.capabilities.interactions.contract import Role, Transcript, Turn
from locutory.kernel.provenance import Provenance, Source


class Split(StrEnum):
    """What may be done with calls: rules are judged by the blind ones, and learn from the seen."""

    BLIND = "blind"
    SEEN = "seen"


FOLDERS = {
    Split.BLIND: Path(__file__).parent / "transcripts",
    Split.SEEN: Path(__file__).parent / "seen",
}
SENTIMENTS = ("negative", "neutral", "positive")
ELEMENTS = ("budget", "authority", "need", "timeline")
OBJECTIONS = frozenset(
    (
        "price",
        "budget",
        "timing",
        "authority",
        "need",
        "competitor",
        "trust",
        "product_fit",
        "location",
        "process",
    )
)
TOPICS = frozenset(
    (
        "pricing",
        "billing",
        "refund",
        "payment",
        "delivery",
        "booking",
        "cancellation",
        "complaint",
        "technical_support",
        "account_access",
        "product_information",
        "availability",
        "site_visit",
        "finance_loan",
        "documents",
        "contract",
        "onboarding",
        "warranty_repair",
        "feedback_praise",
        "callback",
    )
)

_LINE = re.compile(r"(?P<who>[AC])(?:(?P<over>~)|\+(?P<pause>\d+))?: (?P<text>.+)")
_ROLES = {"A": Role.AGENT, "C": Role.CUSTOMER}
_WORD_MS, _BREATH_MS, _GAP_MS, _OVERLAP_MS = 360, 200, 400, 700


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledCall:
    """One written call and what its labeller heard in it."""

    id: str
    domain: str
    transcript: Transcript
    sentiment: str
    bant: frozenset[str]
    objections: frozenset[str]
    topics: frozenset[str]


@cache
def labelled_calls(*splits: Split) -> tuple[LabelledCall, ...]:
    """The labelled calls of these splits, or every one; by id."""
    paths = (path for split in splits or Split for path in FOLDERS[split].glob("*.json"))
    return tuple(_read(path) for path in sorted(paths, key=lambda path: path.stem))


def _read(path: Path) -> LabelledCall:
    data = json.loads(path.read_text(encoding="utf-8"))
    labels = data["labels"]
    return LabelledCall(
        id=data["id"],
        domain=data["domain"],
        transcript=transcript_of(data["lines"], data["language"]),
        sentiment=labels["sentiment"],
        bant=frozenset(name for name, stated in labels["bant"].items() if stated),
        objections=frozenset(labels["objections"]),
        topics=frozenset(labels["topics"]),
    )


def transcript_of(lines: list[str], language: str) -> Transcript:
    """Lay the times of written lines. Raises ValueError for a line of another form."""
    turns: list[Turn] = []
    for idx, line in enumerate(lines):
        found = _LINE.fullmatch(line)
        if found is None:
            raise ValueError(f"not a line of a call: {line!r}")
        end_before = turns[-1].end_ms if turns else 0
        start = end_before + _GAP_MS + int(found["pause"] or 0) * 1000
        if found["over"] and turns:
            start = max(end_before - _OVERLAP_MS, turns[-1].start_ms)
        length = _BREATH_MS + _WORD_MS * len(found["text"].split())
        turns.append(
            Turn(
                idx=idx,
                role=_ROLES[found["who"]],
                text=found["text"],
                start_ms=start,
                end_ms=start + length,
            )
        )
    return Transcript(
        turns=tuple(turns),
        duration_ms=max(turn.end_ms for turn in turns) + 500,
        provenance=Provenance(source=Source.SIDECAR, engine="labelled/1"),
        language=language,
    )
