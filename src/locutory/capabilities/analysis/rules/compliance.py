"""What an agent owes every talk: greeting, notice of recording, identity check, close."""

from collections.abc import Sequence
from typing import Any

from locutory.capabilities.analysis.contract import MAX_RULE_CONFIDENCE, Case, RuleAnswer
from locutory.capabilities.analysis.rules.phrasing import Line, lines_of
from locutory.capabilities.analysis.rules.wording import vocabulary
from locutory.capabilities.interactions.contract import Role, Transcript, Turn
from locutory.kernel.words import words

LABELS = {
    "greeting": "Greets at the start",
    "recording_notice": "Says that the call is recorded",
    "identity_check": "Checks who is calling",
    "closing": "Closes politely",
}
_OPENING_MS, _OPENING_TURNS = 45_000, 3
_CLOSING_TURNS = 3


def judge(case: Case) -> RuleAnswer:
    """The `compliance` agent by rules: `met` is null where a rule does not apply or is unheard."""
    rows = [_row(rule, case.transcript) for rule in LABELS]
    known = any(row["met"] is not None for row in rows)
    return RuleAnswer(result={"compliance": rows}, confidence=MAX_RULE_CONFIDENCE if known else 0.1)


def _row(rule: str, transcript: Transcript) -> dict[str, Any]:
    met, line = _judged(rule, transcript)
    quote = None if line is None else {"segments": [line.turn.idx], "quote": line.text[:240]}
    return {"rule": rule, "label": LABELS[rule], "met": met, "evidence": quote}


def _judged(rule: str, transcript: Transcript) -> tuple[bool | None, Line | None]:
    agents = [turn for turn in transcript.turns if turn.role is Role.AGENT]
    scope = _scope(rule, transcript, agents)
    expression = vocabulary("talk")[f"owed.{rule}"]
    said = next(
        (line for turn in scope for line in lines_of(turn) if expression.search(line.plain)), None
    )
    if said is not None:
        return True, said
    if not agents or not scope or any(not words(turn.text) for turn in scope):
        return None, None
    if any(turn.role is Role.UNKNOWN for turn in transcript.turns):
        return None, None
    if rule == "identity_check" and not _touches_an_account(transcript):
        return None, None
    return False, None


def _scope(rule: str, transcript: Transcript, agents: Sequence[Turn]) -> Sequence[Turn]:
    """Where a rule may be kept. A menu may tell of the recording too."""
    if rule == "greeting":
        return [turn for turn in agents[:_OPENING_TURNS] if turn.start_ms <= _OPENING_MS]
    if rule == "closing":
        return agents[-_CLOSING_TURNS:]
    if rule == "recording_notice":
        return [t for t in transcript.turns if t.role in (Role.AGENT, Role.IVR)]
    return agents


def _touches_an_account(transcript: Transcript) -> bool:
    matter = vocabulary("talk")["account_matter"]
    return any(
        matter.search(line.plain)
        for turn in transcript.turns
        if turn.role is Role.CUSTOMER
        for line in lines_of(turn)
    )
