"""Objections of customers, and whether the agent answered them (calls seed, 8.5)."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any

from locutory.capabilities.analysis.contract import MAX_RULE_CONFIDENCE, Case, RuleAnswer
from locutory.capabilities.analysis.rules import hints, topics
from locutory.capabilities.analysis.rules.hints import Ground
from locutory.capabilities.analysis.rules.phrasing import (
    Line,
    fold_signs,
    heard,
    holds_negation,
    is_negated,
    lines,
    lines_of,
    pattern,
)
from locutory.capabilities.analysis.rules.telling import Stage, agent_rings, stage
from locutory.capabilities.analysis.rules.wordbook import words_of
from locutory.capabilities.analysis.rules.wording import vocabulary
from locutory.capabilities.analysis.taxonomy import BUILT_IN_KEYS, objection_types
from locutory.capabilities.interactions.contract import Role, Transcript, Turn
from locutory.kernel.words import words

HANDLED_WITHIN_MS = 90_000
MOST_FOUND = 50

# What a customer calls for is no answer to a proposal: the agent has said fewer words than the one
# figure, the customer more than the other.
_SHORTEST_PROPOSAL, _LONGEST_REPLY = 8, 11
# How far a talk must lean to a sale, 0-1, and what stage and opening add.
_LEAST_FOR_SALE = 0.8
_STAGED: Mapping[Stage, float] = {Stage.BEFORE: 0.15, Stage.AFTER: -0.15, Stage.UNCLEAR: 0.0}
_OPENED = 0.25
_PROPOSED, _MOST_PROPOSALS = 0.1, 3
# Where hardly anything is told of either, an objection stands for itself.
_UNTOLD = 1.2
# A single hint is believed only in a talk that surely sells; one said outright, or two, anywhere.
_HINT, _SALE, _LEAST_WEIGHT = 0.5, 1.5, 1.0
_SURE_OF_A_SALE = 0.8
_LEAST_SPOKEN_OF = 4
# A sentence hints at one thing, or two; what has words of its own comes first.
_MOST_HINTED = 2
_MOST_TELLING = (
    *("authority", "budget", "location", "trust", "competitor"),
    *("timing", "process", "price", "product_fit", "need"),
)
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
    """One objection: its type, its turn, the words, and whether they say or but hint at it."""

    type_key: str
    turn: Turn
    quote: str
    said: bool


def judge(case: Case) -> RuleAnswer:
    """The `objections` agent by rules."""
    found = find(case.transcript, case.variables)
    rows = [_row(one, found, case.transcript) for one in found]
    confidence = MAX_RULE_CONFIDENCE if rows else 0.5
    return RuleAnswer(result={"objections": rows}, confidence=confidence)


def find(transcript: Transcript, variables: Mapping[str, Any]) -> list[Found]:
    """Every type once a turn, in the order of the talk; only what customers say."""
    types = [(t.key, _phrases(t.synonyms)) for t in objection_types(variables)]
    sale = _sale(transcript)
    found: list[Found] = []
    named = priced = opened = told = False
    proposed = 0
    for turn in transcript.turns:
        if turn.role is Role.AGENT and turn.text:
            priced = hints.names_a_price(turn)
            named = named or priced
            told = told or proposed >= _SHORTEST_PROPOSAL
            proposed += len(words(turn.text))
        elif turn.role is Role.CUSTOMER and turn.text:
            opens = not opened and proposed < _SHORTEST_PROPOSAL and _tells(turn)
            opened = True
            ground = Ground(
                priced=priced and not hints.is_pleased(turn),
                named=named,
                sure=sale >= _SURE_OF_A_SALE,
            )
            sells = sale >= _LEAST_FOR_SALE and not opens
            here = list(_in_turn(turn, types, ground if sells else None))
            if not here and sells and sale >= _SURE_OF_A_SALE and told:
                here = list(_resisted(turn, types))
            found += here
    return _believed(found, sale)[:MOST_FOUND]


def _believed(found: list[Found], sale: float) -> list[Found]:
    """Without hints where they are too few for what the talk seems to be about.

    Who comes back to a hint in another turn means it.
    """
    said = {one.type_key for one in found if one.said}
    hinted = {(one.type_key, one.turn.idx) for one in found if one.type_key not in said}
    weight = len(said) + _HINT * len(hinted) + _SALE * (sale - _LEAST_FOR_SALE)
    return found if weight >= _LEAST_WEIGHT else [one for one in found if one.said]


def _tells(turn: Turn) -> bool:
    """Whether a turn is long enough to tell what a customer calls for."""
    return len(words(turn.text)) > _LONGEST_REPLY


def _sale(transcript: Transcript) -> float:
    """How sure it is that something is for sale still, and that the agent proposes it."""
    leans = topics.leaning(transcript)
    known = stage(transcript)
    if leans is None:
        return 0.0 if known is Stage.AFTER else _UNTOLD
    said = vocabulary("hints")
    proposals = sum(
        said["agent.proposes"].search(line.plain) is not None
        for line in lines(transcript, Role.AGENT)
    )
    return (
        leans
        + _STAGED[known]
        + _OPENED * agent_rings(transcript)
        + _PROPOSED * min(_MOST_PROPOSALS, proposals)
    )


def _phrases(synonyms: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    return tuple(phrase for said in synonyms.values() for phrase in said)


def _in_turn(
    turn: Turn, types: Sequence[tuple[str, tuple[str, ...]]], ground: Ground | None
) -> Iterator[Found]:
    """`ground` is None where nothing is for sale, or not yet: then only a business's own count."""
    by_key: dict[str, Found] = {}
    for line in lines_of(turn):
        for one in _in_line(line, types, ground):
            by_key.setdefault(one.type_key, one)
    return (by_key[key] for key, _ in types if key in by_key)


def _in_line(
    line: Line, types: Sequence[tuple[str, tuple[str, ...]]], ground: Ground | None
) -> Iterator[Found]:
    """What a sentence says; only if it says nothing, what it hints at most likely."""
    # Who complains of what was bought has no reason to give for not buying it.
    sells = ground is not None
    said = False
    for key, phrases in types:
        at = _said_at(key, phrases, line, built_in=sells and key in BUILT_IN_KEYS)
        if at is not None:
            said = True
            yield Found(key, line.turn, _quoted(line, at), said=True)
    if ground is None or said:
        return
    given = {key for key, _ in types}
    hinted = ((key, hints.find(key, line, ground)) for key in _MOST_TELLING if key in given)
    found = ((key, at) for key, at in hinted if at is not None)
    for key, at in islice(found, _MOST_HINTED):
        yield Found(key, line.turn, _quoted(line, at), said=False)


def _resisted(turn: Turn, types: Sequence[tuple[str, tuple[str, ...]]]) -> Iterator[Found]:
    """What a turn that resists without a reason of the vocabularies speaks of most."""
    said = vocabulary("hints")
    lines = lines_of(turn)
    resists = next((line for line in lines if said["any.resists"].search(line.plain)), None)
    if resists is None or any(said["any.agrees"].search(line.plain) for line in lines):
        return
    by_word: dict[str, dict[str, int]] = {}
    for line in lines:
        for key, found in words_of("objection_words", line.plain).items():
            by_word.setdefault(key, {}).update(found)
    given = {key for key, _ in types}
    weights = {key: sum(by_word[key].values()) for key in _MOST_TELLING if key in by_word}
    key = max(weights, key=lambda one: weights[one], default="")
    if key in given and weights[key] >= _LEAST_SPOKEN_OF:
        yield Found(key, turn, _quoted(resists, 0), said=False)


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
