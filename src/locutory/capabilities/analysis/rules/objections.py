"""Objections of customers, and whether the agent answered them (calls seed, 8.5)."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from locutory.capabilities.analysis.contract import MAX_RULE_CONFIDENCE, Case, RuleAnswer
from locutory.capabilities.analysis.rules import hints
from locutory.capabilities.analysis.rules.phrasing import (
    Line,
    fold_signs,
    heard,
    holds_negation,
    is_negated,
    lines_of,
    pattern,
)
from locutory.capabilities.analysis.rules.telling import Stage, stage
from locutory.capabilities.analysis.rules.wording import vocabulary
from locutory.capabilities.analysis.taxonomy import BUILT_IN_KEYS, objection_types
from locutory.capabilities.interactions.contract import Role, Transcript, Turn
from locutory.kernel.words import words

HANDLED_WITHIN_MS = 90_000
MOST_FOUND = 50

_LONGEST_QUOTE = 240
_WORDS_BEFORE, _WORDS_AFTER = 10, 25
_SHORTEST_ANSWER = 5
_SHORTEST_REACTION = 8
_ACKNOWLEDGES = pattern(
    r"(?:i |we )?(?:completely |totally |fully |can |do )*(?:understand|appreciate|hear you|see"
    r" your"
    r" point|get that)|fair (?:enough|point)|good (?:question|point)|valid|i agree|makes sense"
    r"|samajh|samjha|samjhi|samajhta|samajhti|समझ|समझा|समझी|समझता|समझती|सही कह"
)
_LEAVES = pattern(
    r"(?:have a (?:good|nice|great|lovely) \w+|good ?bye|bye|thank you for (?:your time|calling))"
    r"|dhanyavaad|dhanyavad|namaste|धन्यवाद|नमस्ते"
)
# Questions that are objections nevertheless; their vocabularies add more.
_PRESSES = re.compile(
    r"(?:(?:but|and|so|then|lekin|par|magar|लेकिन|पर|मगर)[\s,]+)?"
    r"(?:why so|why is it so|why such|how come|isn't (?:it|that|this)|aren't (?:you|they)|don't"
    r" you think"
    r"|itna kyu|itni kyu|इतना क्यों|इतनी क्यों)"
)


@dataclass(frozen=True, slots=True)
class Found:
    """One objection: its type, its turn, and the words that say it."""

    type_key: str
    turn: Turn
    quote: str


def judge(case: Case) -> RuleAnswer:
    """The `objections` agent by rules."""
    found = find(case.transcript, case.variables)
    rows = [_row(one, found, case.transcript) for one in found]
    confidence = MAX_RULE_CONFIDENCE if rows else 0.5
    return RuleAnswer(result={"objections": rows}, confidence=confidence)


def find(transcript: Transcript, variables: Mapping[str, Any]) -> list[Found]:
    """Every type once a turn, in the order of the talk; only what customers say."""
    types = [(t.key, _phrases(t.synonyms)) for t in objection_types(variables)]
    sells = stage(transcript) is not Stage.AFTER
    found: list[Found] = []
    priced = False
    for turn in transcript.turns:
        if turn.role is Role.AGENT and turn.text:
            priced = hints.names_a_price(turn)
        elif turn.role is Role.CUSTOMER and turn.text:
            hard = priced and not hints.is_pleased(turn)
            found += _in_turn(turn, types, sells=sells, priced=hard)
    return found[:MOST_FOUND]


def _phrases(synonyms: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    return tuple(phrase for said in synonyms.values() for phrase in said)


def _in_turn(
    turn: Turn, types: Sequence[tuple[str, tuple[str, ...]]], *, sells: bool, priced: bool
) -> Iterator[Found]:
    """`sells` says that nothing was bought yet, `priced` that the agent has just named a price."""
    lines = lines_of(turn)
    for key, phrases in types:
        for line in lines:
            # Who complains of what was bought has no reason to give for not buying it.
            built_in = key in BUILT_IN_KEYS and sells
            at = _said_at(key, phrases, line, built_in=built_in)
            if at is None and built_in:
                at = hints.find(key, line, priced=priced)
            if at is not None:
                yield Found(key, turn, _quoted(line, at))
                break


def _said_at(key: str, phrases: tuple[str, ...], line: Line, *, built_in: bool) -> int | None:
    """Where in a sentence an objection of this type is said."""
    said = vocabulary("objections") if built_in else {}
    unless = said.get(f"{key}.unless")
    if unless is not None and unless.search(line.plain):
        return None
    presses = said.get(f"{key}.presses")
    pressed = presses.search(line.plain) if presses is not None else None
    if pressed is not None:
        return pressed.start()
    if line.asks and not _PRESSES.match(line.plain):
        return None
    anyway = said.get(f"{key}.says_anyway")
    denied = anyway.search(line.plain) if anyway is not None else None
    if denied is not None:
        return denied.start()
    own = _any_of(phrases)  # a phrase of the business may hold a negation of its own
    for expression in (one for one in (said.get(f"{key}.says"), own) if one is not None):
        for match in expression.finditer(line.plain):
            denied_inside = expression is not own and holds_negation(match.group())
            if not denied_inside and not is_negated(line.plain, match.start(), match.end()):
                return match.start()
    return None


@lru_cache(maxsize=4096)
def _any_of(phrases: tuple[str, ...]) -> re.Pattern[str] | None:
    said = [words(heard(phrase)) for phrase in phrases]
    expressions = [r"\W+".join(map(re.escape, one)) for one in said if one]
    return pattern(*map(fold_signs, expressions)) if expressions else None


def _quoted(line: Line, at: int) -> str:
    """The sentence, or of a long one the words around the place."""
    if len(line.text) <= _LONGEST_QUOTE:
        return line.text
    said = line.text.split()
    middle = len(line.plain[:at].split())
    return " ".join(said[max(0, middle - _WORDS_BEFORE) : middle + _WORDS_AFTER])


def _row(one: Found, found: Sequence[Found], transcript: Transcript) -> dict[str, Any]:
    handled, response = _handled(one, found, transcript)
    return {
        "type": one.type_key,
        "quote": one.quote,
        "segment": one.turn.idx,
        "handled": handled,
        "response_segment": None if response is None else response.idx,
        "evidence": {"segments": [one.turn.idx], "quote": one.quote},
    }


def _handled(one: Found, found: Sequence[Found], transcript: Transcript) -> tuple[str, Turn | None]:
    """(yes, partial, no or unknown; the agent's turn that answers).

    `yes` needs an answer to this very type that is not raised again. Unknown where nobody knows
    what the agent said.
    """
    turns = responses(transcript, one.turn)
    if any(not words(turn.text) for turn in turns):
        return "unknown", None
    answer = next((turn for turn in turns if _addresses(one.type_key, turn)), None)
    if answer is None:
        reaction = next((turn for turn in turns if _reacts(turn)), None)
        return ("no", None) if reaction is None else ("partial", reaction)
    again = any(
        other.type_key == one.type_key and other.turn.start_ms >= answer.start_ms
        for other in found
        if other.turn.idx != one.turn.idx
    )
    only_asks = all(line.asks for line in lines_of(answer))
    return ("partial" if again or only_asks else "yes"), answer


def responses(transcript: Transcript, objection: Turn) -> list[Turn]:
    """The agent's turns after the objection that begin within 90 s of its end."""
    return [
        turn
        for turn in transcript.turns
        if turn.role is Role.AGENT
        and turn.idx > objection.idx
        and turn.start_ms <= objection.end_ms + HANDLED_WITHIN_MS
    ]


def _addresses(key: str, turn: Turn) -> bool:
    plain = heard(turn.text)
    if len(words(plain)) < _SHORTEST_ANSWER:
        return False
    answers = vocabulary("objections").get(f"{key}.answers")
    if answers is None:
        return len(words(plain)) >= _SHORTEST_REACTION and not _LEAVES.search(plain)
    return any(
        answers.search(line.plain) and not _LEAVES.search(line.plain) for line in lines_of(turn)
    )


def _reacts(turn: Turn) -> bool:
    plain = heard(turn.text)
    if _ACKNOWLEDGES.search(plain):
        return True
    return len(words(plain)) >= _SHORTEST_REACTION and not _LEAVES.search(plain)
