"""Talks that are longer than a model's window: cut between turns, and the answers put together.

Pieces keep the numbers of their turns, so that evidence of a piece is evidence of the whole. Of the
answers, truth values join by any, numbers by their mean over the pieces' time, lists by union, and
words by the longest-lasting voice; some built-in agents know better (`MERGERS`). A summary is asked
for once more, of the pieces' summaries.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import Any

from locutory.capabilities.analysis.rules.sentiment import label
from locutory.capabilities.interactions.contract import Role, Transcript, Turn

OVERLAP_TURNS = 2
MOST_PIECES = 64
_SIMILAR = 0.9
_SILENT = frozenset({"", "unknown", "not_asked", "none", "na", "n/a"})
_NAMES = ("key", "rule")  # by which items of a list are one and the same


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a talk, and what was answered about it."""

    transcript: Transcript
    answer: Mapping[str, Any]

    @property
    def start_ms(self) -> int:
        """Where it begins."""
        return self.transcript.turns[0].start_ms

    @property
    def end_ms(self) -> int:
        """Where it ends."""
        return max(turn.end_ms for turn in self.transcript.turns)

    @property
    def weight(self) -> int:
        """Its time in milliseconds, at least 1."""
        return max(1, self.end_ms - self.start_ms)


def cut(
    transcript: Transcript, tokens: Callable[[Transcript], int], room: float
) -> list[Transcript]:
    """Pieces of which none is asked about in more than `room` tokens; they overlap by two turns.

    `tokens` estimates the whole request about a transcript. Empty when it cannot be cut so: a
    single turn or the prompt itself is too long, or there would be more than 64 pieces.
    """
    turns = [turn for turn in transcript.turns if turn.text]
    bare = tokens(replace(transcript, turns=()))
    lengths = [len(turn.text) + 24 for turn in turns]  # with the line's number, time and role
    budget = (room - bare) * sum(lengths) / max(1, tokens(transcript) - bare)
    pieces: list[Transcript] = []
    start = 0
    while start < len(turns):
        end, length = start, 0.0
        while end < len(turns) and length + lengths[end] <= budget:
            length += lengths[end]
            end += 1
        while end > start and tokens(_part(transcript, turns[start:end])) > room:
            end -= max(1, (end - start) // 20)  # scripts differ in what a character costs
        if end <= start + OVERLAP_TURNS < len(turns) - 1 or end == start:
            return []
        pieces.append(_part(transcript, turns[start:end]))
        if len(pieces) > MOST_PIECES:
            return []
        start = end if end == len(turns) else end - OVERLAP_TURNS
    return pieces


def _part(transcript: Transcript, turns: Sequence[Turn]) -> Transcript:
    return replace(transcript, turns=tuple(turns))


def summaries(pieces: Sequence[Piece]) -> Transcript:
    """The pieces' summaries as a talk of its own, to be summed up once more."""
    first = pieces[0].transcript
    turns = [
        Turn(
            idx=number,
            role=Role.OTHER,
            text=" ".join([piece.answer["text"], *piece.answer["bullets"]]),
            start_ms=piece.start_ms,
            end_ms=piece.end_ms,
        )
        for number, piece in enumerate(pieces)
    ]
    return replace(first, turns=tuple(turns))


def merged(key: str, schema: Mapping[str, Any], pieces: Sequence[Piece]) -> dict[str, Any]:
    """One answer out of those about the pieces; `schema` is the answers', in plain JSON Schema."""
    merger = MERGERS.get(key)
    if merger is not None:
        return merger(schema, pieces)
    found: dict[str, Any] = _merge([(piece.answer, piece.weight) for piece in pieces], schema)
    return found


_Weighed = Sequence[tuple[Any, int]]


def _merge(values: _Weighed, schema: Mapping[str, Any]) -> Any:
    given = [(value, weight) for value, weight in values if value is not None]
    if not given:
        return None
    kind = type(max(given, key=lambda one: one[1])[0])
    if kind is dict:
        return _merge_objects(given, schema)
    if kind is list:
        return _merge_lists(given, schema)
    if kind is bool:
        return any(value is True for value, _ in given)
    if kind in (int, float):
        numbers = [(v, w) for v, w in given if isinstance(v, int | float)]
        mean = sum(v * w for v, w in numbers) / sum(w for _, w in numbers)
        return round(mean) if schema.get("type") == "integer" else mean
    texts = [(value, weight) for value, weight in given if isinstance(value, str)]
    if "enum" in schema:
        return _voted(texts)
    return next((text for text, _ in texts if text.strip()), "")


def _merge_objects(given: _Weighed, schema: Mapping[str, Any]) -> dict[str, Any]:
    objects = [(value, weight) for value, weight in given if isinstance(value, dict)]
    if _is_evidence(objects[0][0]):  # one quote cannot be out of two
        quoted: dict[str, Any] = next((o for o, _ in objects if o["segments"]), objects[0][0])
        return quoted
    properties = schema.get("properties", {})
    names = dict.fromkeys(name for value, _ in objects for name in value)
    return {
        name: _merge(
            [(value.get(name), weight) for value, weight in objects], properties.get(name, {})
        )
        for name in names
    }


def _merge_lists(given: _Weighed, schema: Mapping[str, Any]) -> list[Any]:
    lists = [(value, weight) for value, weight in given if isinstance(value, list)]
    items = schema.get("items", {})
    if schema.get("minItems", 0) == schema.get("maxItems", -1):
        rows = zip(*(value for value, _ in lists), strict=True)
        return [_merge(list(zip(row, (w for _, w in lists), strict=True)), items) for row in rows]
    groups: list[list[tuple[Any, int]]] = []
    for value, weight in lists:
        for item in value:
            group = next((one for one in groups if _same(one[0][0], item)), None)
            if group is None:
                groups.append([(item, weight)])
            elif isinstance(item, dict) and any(name in item for name in _NAMES):
                group.append((item, weight))
    return [_merge(group, items) for group in groups][: schema.get("maxItems")]


def _voted(texts: Sequence[tuple[str, int]]) -> str:
    """What most of the time says; what says nothing counts only where nothing else was said."""
    votes: dict[str, int] = {}
    for text, weight in texts:
        votes[text] = votes.get(text, 0) + weight
    telling = {text: weight for text, weight in votes.items() if text.casefold() not in _SILENT}
    return max(telling or votes, key=(telling or votes).__getitem__)


def _same(one: Any, other: Any) -> bool:
    """Whether two items of lists mean the same, as in turns that two pieces share."""
    if isinstance(one, str) and isinstance(other, str):
        return SequenceMatcher(None, one.casefold(), other.casefold()).ratio() >= _SIMILAR
    if not isinstance(one, dict) or not isinstance(other, dict):
        return bool(one == other)
    for name in _NAMES:
        if name in one and name in other:
            return bool(one[name] == other[name])
    if _is_evidence(one) and _is_evidence(other):
        return bool(one["segments"] == other["segments"])
    shared = [name for name in one if name in other]
    quoted = [one[name] for name in shared if _is_evidence(one[name])]
    if any(evidence["segments"] for evidence in quoted):
        choices = [name for name in shared if name in ("type", "owner", "field")]
        return all(one[name] == other[name] for name in choices) and all(
            _same(one[name], other[name]) for name in shared if _is_evidence(one[name])
        )
    return all(_same(one[name], other[name]) for name in shared)


def _is_evidence(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"segments", "quote"}


# --- agents that know better --------------------------------------------------------------------


def _merge_bant(schema: Mapping[str, Any], pieces: Sequence[Piece]) -> dict[str, Any]:
    """Each element as the piece says it that says most about it; a later piece wins a draw."""
    strength = ("unknown", "not_asked", "absent", "partial", "confirmed")
    found = {}
    for name in schema["properties"]:
        elements = [piece.answer[name] for piece in pieces]
        found[name] = max(
            reversed(elements), key=lambda e: (strength.index(e["status"]), e["confidence"])
        )
    return found


def _merge_sentiment(schema: Mapping[str, Any], pieces: Sequence[Piece]) -> dict[str, Any]:
    """Means over time; the quarters are those of the whole talk."""
    plain = _merge_objects([(piece.answer, piece.weight) for piece in pieces], schema)
    quarters = _quarters(pieces)
    heard = [value for value in quarters if value is not None]
    return {
        **plain,
        "label": label(plain["overall"]),
        "per_quarter": quarters,
        "trend": None if len(heard) < 2 else heard[-1] - heard[0],
    }


def _quarters(pieces: Sequence[Piece]) -> list[float | None]:
    whole = max(piece.end_ms for piece in pieces)
    sums, times = [0.0] * 4, [0.0] * 4
    for piece in pieces:
        length = piece.weight / 4
        for number, value in enumerate(piece.answer["per_quarter"]):
            if value is None:
                continue
            start = piece.start_ms + number * length
            for quarter in range(4):
                low, high = quarter * whole / 4, (quarter + 1) * whole / 4
                shared = max(0.0, min(high, start + length) - max(low, start))
                sums[quarter] += value * shared
                times[quarter] += shared
    return [sums[n] / times[n] if times[n] else None for n in range(4)]


def _merge_outcome(schema: Mapping[str, Any], pieces: Sequence[Piece]) -> dict[str, Any]:
    """How a talk ended is told by its last pieces."""
    found: dict[str, Any] = {}
    for name in schema["properties"]:
        told = [piece.answer[name] for piece in pieces if piece.answer[name] not in (None, "", [])]
        found[name] = told[-1] if told else pieces[-1].answer[name]
    return found


Merger = Callable[[Mapping[str, Any], Sequence[Piece]], dict[str, Any]]
MERGERS: Mapping[str, Merger] = {
    "bant": _merge_bant,
    "sentiment": _merge_sentiment,
    "outcome": _merge_outcome,
}
