"""Corrections of a transcript's turns: words, speakers, where one ends and the next begins."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from locutory.capabilities.interactions.contract import Role
from locutory.products.calls.records.contract import EditInvalid


@dataclass(frozen=True, slots=True, kw_only=True)
class RawTurn:
    """A turn with the words that were really said."""

    start_ms: int
    end_ms: int
    role: str
    speaker: str
    channel: int | None
    text: str
    confidence: float | None
    role_confidence: float | None
    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """A correction of the turn `idx`; None leaves as it is.

    `split_ms` is a time within the turn, `merge_next` joins the turn behind to it.
    """

    idx: int
    text: str | None = None
    role: str | None = None
    split_ms: int | None = None
    merge_next: bool = False


def raw_turns(turns: Sequence[Mapping[str, Any]], texts: Sequence[str] | None) -> list[RawTurn]:
    """The stored turns with their raw words, the redacted ones where there are no raw ones."""
    said = [str(turn["text"]) for turn in turns] if texts is None else texts
    return [
        RawTurn(
            start_ms=turn["start_ms"],
            end_ms=turn["end_ms"],
            role=turn["role"],
            speaker=turn["speaker"],
            channel=turn["channel"],
            text=text,
            confidence=turn["confidence"],
            role_confidence=turn["role_confidence"],
            flags=tuple(turn["flags"]),
        )
        for turn, text in zip(turns, said, strict=True)
    ]


def edited(turns: Sequence[RawTurn], edits: Sequence[Edit]) -> list[RawTurn]:
    """The turns with all edits, whose numbers are those of `turns`. Raises EditInvalid."""
    faults = [fault for at, edit in enumerate(edits) for fault in _faults(at, edit, turns)]
    by_idx = {edit.idx: edit for edit in edits}
    if len(by_idx) < len(edits):
        faults.append(_fault("edits", "TWICE", "one edit for each turn"))
    if faults:
        raise EditInvalid(errors=faults)
    result: list[RawTurn] = []
    joining = False
    for idx, turn in enumerate(turns):
        edit = by_idx.get(idx)
        changed = turn if edit is None else _changed(turn, edit)
        if joining:
            result[-1] = _joined(result[-1], changed)
        else:
            result.append(changed)
        joining = edit is not None and edit.merge_next
        if edit is not None and edit.split_ms is not None:
            result[-1:] = _split(result[-1], edit.split_ms)
    return result


def with_roles(turns: Sequence[RawTurn], roles: Mapping[str, Role]) -> list[RawTurn]:
    """The turns with a person's word on who each speaker is. Raises EditInvalid."""
    speakers = dict.fromkeys(turn.speaker for turn in turns)
    unknown = [speaker for speaker in roles if speaker not in speakers]
    if unknown:
        there = ", ".join(repr(speaker) for speaker in speakers)
        raise EditInvalid(
            errors=[
                _fault(f"map.{speaker}", "SPEAKER_UNKNOWN", f"the speakers are {there}")
                for speaker in unknown
            ]
        )
    return [
        replace(turn, role=str(roles[turn.speaker]), role_confidence=1.0)
        if turn.speaker in roles
        else turn
        for turn in turns
    ]


def _faults(at: int, edit: Edit, turns: Sequence[RawTurn]) -> list[dict[str, str]]:
    field = f"edits.{at}"
    if edit.idx >= len(turns):
        return [_fault(f"{field}.idx", "TURN_UNKNOWN", f"turns go from 0 to {len(turns) - 1}")]
    turn = turns[edit.idx]
    found = []
    if edit.split_ms is not None and not turn.start_ms < edit.split_ms < turn.end_ms:
        within = f"a time within the turn, {turn.start_ms} to {turn.end_ms}"
        found.append(_fault(f"{field}.split_ms", "SPLIT_OUTSIDE", within))
    if edit.split_ms is not None and edit.merge_next:
        found.append(_fault(field, "SPLIT_AND_MERGE", "either split or merge"))
    if edit.merge_next and edit.idx == len(turns) - 1:
        found.append(_fault(f"{field}.merge_next", "NO_NEXT_TURN", "this is the last turn"))
    return found


def _fault(field: str, code: str, message: str) -> dict[str, str]:
    return {"field": field, "code": code, "message": message}


def _changed(turn: RawTurn, edit: Edit) -> RawTurn:
    changed = turn
    if edit.text is not None:
        # what a person wrote is certain, and no suspicion of the recogniser's words holds on
        text = " ".join(edit.text.split())
        changed = replace(changed, text=text, confidence=None, flags=())
    if edit.role is not None:
        changed = replace(changed, role=edit.role, role_confidence=1.0)
    return changed


def _joined(first: RawTurn, second: RawTurn) -> RawTurn:
    known = [c for c in (first.confidence, second.confidence) if c is not None]
    return replace(
        first,
        end_ms=max(first.end_ms, second.end_ms),
        text=" ".join(part for part in (first.text, second.text) if part),
        confidence=min(known) if len(known) == 2 else None,
        flags=tuple(dict.fromkeys([*first.flags, *second.flags])),
    )


def _split(turn: RawTurn, at_ms: int) -> list[RawTurn]:
    """Two turns; as words have no times, they are dealt out by the share of time."""
    words = turn.text.split()
    share = (at_ms - turn.start_ms) / (turn.end_ms - turn.start_ms)
    cut = round(len(words) * share)
    return [
        replace(turn, end_ms=at_ms, text=" ".join(words[:cut])),
        replace(turn, start_ms=at_ms, text=" ".join(words[cut:])),
    ]
