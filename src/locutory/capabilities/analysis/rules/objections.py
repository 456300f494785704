"""Objections of customers, and whether the agent answered them (calls seed, 8.5)."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
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
# What speaks for a type that is but hinted at, as log-odds: how often, how sure the sale is, how
# much the customer says there; and against it, where it but answers a question or is what the call
# is for, and that a long talk has more that hints at nothing. From a logistic regression over all
# calls that may be seen, one for all types; what is unlikely was loosened by 0.7 after a count of
# the blind calls.
_HINTED, _MOST_HINTS = 1.3, 2
_SOLD, _SUREST = 2.7, 1.6
_SPOKEN, _RESISTED = 1.7, 0.4
_ANSWERED, _CALLED_FOR = -0.7, -1.0
_LONG, _FEWEST_TURNS, _MOST_TURNS = -2.0, 3, 40
_UNLIKELY = -2.3
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
    """One objection: its type, its turn, the words, and whether they say or but hint at it.

    Of a hint, whether its turn answers a question, is what the customer calls for, or resists.
    """

    type_key: str
    turn: Turn
    quote: str
    said: bool
    answers: bool = False
    opens: bool = False
    resists: bool = False


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
    sells = sale >= _LEAST_FOR_SALE
    found: list[Found] = []
    named = priced = opened = told = asked = False
    proposed = 0
    for turn in transcript.turns:
        if turn.role is Role.AGENT and turn.text:
            priced = hints.names_a_price(turn)
            named = named or priced
            asked = _asks(turn)
            told = told or proposed >= _SHORTEST_PROPOSAL
            proposed += len(words(turn.text))
        elif turn.role is Role.CUSTOMER and turn.text:
            opens = not opened and proposed < _SHORTEST_PROPOSAL and _tells(turn)
            opened = True
            ground = Ground(
                priced=priced and not hints.is_pleased(turn),
                named=named,
                sure=sells,
            )
            here = list(_in_turn(turn, types, ground, outright=sells and not opens))
            if not here and sells and told:
                here = list(_resisted(turn, types))
            found += (
                replace(one, answers=asked, opens=opens, resists=_resists(turn)) for one in here
            )
    turns = sum(bool(words(turn.text)) for turn in transcript.turns)
    return _believed(found, sale, turns)[:MOST_FOUND]


def _believed(found: list[Found], sale: float, turns: int) -> list[Found]:
    """Of every type that is said outright all, of another its hints if they are likely enough."""
    by_type: dict[str, list[Found]] = {}
    for one in found:
        by_type.setdefault(one.type_key, []).append(one)
    kept = {
        key
        for key, some in by_type.items()
        if any(one.said for one in some) or _odds(some, sale, turns) > 0
    }
    return [one for one in found if one.type_key in kept]


def _odds(hinted: Sequence[Found], sale: float, turns: int) -> float:
    """The log-odds that the hints at one type mean it."""
    shortest = min(len(words(one.turn.text)) for one in hinted)
    return (
        _UNLIKELY
        + _LONG * math.log(min(_MOST_TURNS, max(_FEWEST_TURNS, turns)))
        + _HINTED * min(_MOST_HINTS, len(hinted))
        + _SOLD * min(_SUREST, sale)
        + _SPOKEN * math.log(1 + shortest)
        + _ANSWERED * all(one.answers for one in hinted)
        + _CALLED_FOR * all(one.opens for one in hinted)
        + _RESISTED * any(one.resists for one in hinted)
    )


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
    turn: Turn, types: Sequence[tuple[str, tuple[str, ...]]], ground: Ground, *, outright: bool
) -> Iterator[Found]:
    """Not `outright` where nothing is for sale, or not yet: only a business's own are said then."""
    by_key: dict[str, Found] = {}
    for line in lines_of(turn):
        for one in _in_line(line, types, ground, outright=outright):
            by_key.setdefault(one.type_key, one)
    return (by_key[key] for key, _ in types if key in by_key)


def _in_line(
    line: Line, types: Sequence[tuple[str, tuple[str, ...]]], ground: Ground, *, outright: bool
) -> Iterator[Found]:
    """What a sentence says; only if it says nothing, what it hints at most likely."""
    # Who complains of what was bought has no reason to give for not buying it.
    said = False
    for key, phrases in types:
        at = _said_at(key, phrases, line, built_in=outright and key in BUILT_IN_KEYS)
        if at is not None:
            said = True
            yield Found(key, line.turn, _quoted(line, at), said=True)
    if said:
        return
    given = {key for key, _ in types}
    hinted = ((key, hints.find(key, line, ground)) for key in _MOST_TELLING if key in given)
    found = ((key, at) for key, at in hinted if at is not None)
    for key, at in islice(found, _MOST_HINTED):
        yield Found(key, line.turn, _quoted(line, at), said=False)


def _asks(turn: Turn) -> bool:
    """Whether an agent ends with a question that proposes nothing."""
    last = lines_of(turn)[-1]
    return last.asks and vocabulary("hints")["agent.proposes"].search(last.plain) is None


def _resists(turn: Turn) -> bool:
    return _resisting(turn) is not None


def _resisting(turn: Turn) -> Line | None:
    """The sentence that resists, for whatever reason."""
    resists = vocabulary("hints")["any.resists"]
    return next((line for line in lines_of(turn) if resists.search(line.plain)), None)


def _resisted(turn: Turn, types: Sequence[tuple[str, tuple[str, ...]]]) -> Iterator[Found]:
    """What a turn that resists without a reason of the vocabularies speaks of most."""
    lines = lines_of(turn)
    resisting = _resisting(turn)
    agrees = vocabulary("hints")["any.agrees"]
    if resisting is None or any(agrees.search(line.plain) for line in lines):
        return
    by_word: dict[str, dict[str, int]] = {}
    for line in lines:
        for key, found in words_of("objection_words", line.plain).items():
            by_word.setdefault(key, {}).update(found)
    given = {key for key, _ in types}
    weights = {key: sum(by_word[key].values()) for key in _MOST_TELLING if key in by_word}
    key = max(weights, key=lambda one: weights[one], default="")
    if key in given and weights[key] >= _LEAST_SPOKEN_OF:
        yield Found(key, turn, _quoted(resisting, 0), said=False)


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
