"""How a talk ended: its disposition, whether it is settled, whether somebody calls back."""

from collections.abc import Sequence

from locutory.capabilities.analysis.contract import MAX_RULE_CONFIDENCE, Case, RuleAnswer
from locutory.capabilities.analysis.rules.phrasing import Line, is_negated, lines
from locutory.capabilities.analysis.rules.wording import vocabulary
from locutory.capabilities.interactions.contract import Role

# The first that is found decides, so what settles a talk stands before what merely goes on.
DISPOSITIONS = (
    "voicemail", "wrong_number", "sale", "appointment_booked", "not_interested", "escalated",
    "resolved", "unresolved", "callback", "interested", "information",
)  # fmt: skip
_SEARCHED = DISPOSITIONS[:-1]
_ALSO_NEGATED = frozenset({"not_interested", "unresolved", "wrong_number", "voicemail"})
_OF_CUSTOMERS = frozenset({"sale", "not_interested", "interested", "unresolved"})
_OF_BOTH = frozenset({"sale"})
# A sale or an end of a complaint is told in the last part of a talk.
_LATE = frozenset({"resolved", "unresolved", "interested", "escalated"})
_LATE_FROM = 0.4


def judge(case: Case) -> RuleAnswer:
    """The `outcome` agent by rules. `resolved` is null where nobody says so."""
    spoken = [*lines(case.transcript)]
    found = {name: line for name in _SEARCHED if (line := _found(name, spoken, case)) is not None}
    resolved = found.get("resolved")
    unresolved = found.get("unresolved")
    if resolved and unresolved:  # the later one holds
        later = max(resolved, unresolved, key=lambda line: line.turn.idx)
        found.pop("unresolved" if later is resolved else "resolved")
    disposition = next((name for name in _SEARCHED if name in found), "")
    if not disposition and spoken:
        disposition = "information"
    quoted = list(dict.fromkeys(found[name] for name in (disposition, "callback") if name in found))
    settled = True if "resolved" in found else False if "unresolved" in found else None
    evidence = [{"segments": [line.turn.idx], "quote": line.text[:240]} for line in quoted]
    return RuleAnswer(
        result={
            "disposition": disposition,
            "resolved": settled,
            "callback": "callback" in found if spoken else None,
            "evidence": evidence,
        },
        confidence=MAX_RULE_CONFIDENCE if quoted else 0.3,
    )


def _found(name: str, spoken: Sequence[Line], case: Case) -> Line | None:
    """The last sentence that says so."""
    expression = vocabulary("talk")[f"end.{name}"]
    from_ms = _LATE_FROM * case.transcript.duration_ms if name in _LATE else 0
    for line in reversed(spoken):
        if line.turn.start_ms < from_ms:
            break
        if name in _OF_CUSTOMERS - _OF_BOTH and line.turn.role is Role.AGENT:
            continue
        match = expression.search(line.plain)
        if match is None or (line.asks and name != "callback"):
            continue
        if name in _ALSO_NEGATED or not is_negated(line.plain, match.start(), match.end()):
            return line
    return None
