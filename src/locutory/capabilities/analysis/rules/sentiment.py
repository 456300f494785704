"""Sentiment of turns from word lists, with negation and intensifiers.

A turn is tanh of the sum of its words' weights, and of facts that need no word of feeling: a third
call, nobody who rang back. A side is the duration-weighted mean of its turns; the call's mood is
the customer's, where the end weighs more (calls seed, 8.6 and 11). A language without a word list
is neutral, with little confidence.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from itertools import pairwise
from typing import Any

from locutory.capabilities.analysis.contract import MAX_RULE_CONFIDENCE, Case, RuleAnswer
from locutory.capabilities.analysis.rules.matching import cue, straight, word_set
from locutory.capabilities.analysis.rules.phrasing import (
    REMEMBERED,
    heard,
    pattern,
    sentences_of,
)
from locutory.capabilities.analysis.rules.telling import Stage, stage
from locutory.capabilities.analysis.rules.wording import vocabulary
from locutory.capabilities.interactions.contract import Role, Transcript, Turn
from locutory.kernel.words import fold, words

LEXICONS = ("hindi_latin", "hindi", "english")  # a later list wins where a word is in two
LANGUAGES = frozenset({"en", "hi"})
POSITIVE, NEGATIVE = 0.2, -0.2
QUARTERS = 4

_MOST_EVIDENCE = 3
_LEAST_CONFIDENCE = 0.1

# "not great" is bad, but less bad than "terrible".
_NEGATED = -0.6
_NEGATION_REACH = 3
_NEGATORS = word_set(
    "not no never without hardly barely neither nor cannot cant dont doesnt didnt isnt wasnt"
    " wont wouldnt couldnt shouldnt arent havent hasnt"
)

# A Hindi negation mostly follows the adjective: "achha nahi hai". "ना" is a mere "isn't it".
_HINDI_NEGATORS = word_set("नहीं नही न मत बिना nahi nahin nahee nai mat bina")
_HINDI_NEGATION_REACH = 2

_STRENGTH: Mapping[str, float] = {
    **dict.fromkeys(word_set("extremely absolutely totally completely incredibly utterly"), 1.5),
    **dict.fromkeys(word_set("very really so too such truly highly quite"), 1.3),
    **dict.fromkeys(word_set("bahut bohot kaafi kafi bilkul ekdum zyada jyada"), 1.3),
    **dict.fromkeys(word_set("बहुत काफ़ी काफी बिल्कुल एकदम ज़्यादा ज्यादा बेहद"), 1.3),
    **dict.fromkeys(word_set("slightly somewhat fairly rather bit little"), 0.6),
    **dict.fromkeys(word_set("thoda thodi thode थोड़ा थोड़ी थोड़े"), 0.6),
}
_STRENGTH_REACH = 2
_COURTESY = cue(
    r"(?:good|great|nice|lovely|wonderful) (?:morning|afternoon|evening|night|day|weekend|one)",
    r"(?:thank you|thanks) for (?:calling|waiting|holding|asking|your (?:time|call|patience))",
    r"(?:good|best|great|right|better|perfect|convenient) (?:time|number|way|day|options?"
    r"|to know|idea|question|point|address|price|rate)",
    r"(?:today|tomorrow|tonight|\w+day|morning|afternoon|evening|am|pm|o'clock|\w+ thirty|at \w+)"
    r" (?:is|would be|works|sounds|will be|suits me) ?(?:perfect|best|great|good|fine|better|ideal"
    r"|perfectly)?",
    r"(?:happy|glad|pleased|more than happy) to (?:help|assist|hear|meet|speak)",
    r"(?:you're|you are) (?:most |very )?welcome|welcome to|my pleasure|with pleasure",
    r"no (?:problem|problems|worries|worry|issue|issues|trouble|harm)(?: at all)?",
    r"not a (?:problem|worry)|don't worry|never mind|good luck(?: with \w+)?",
    r"(?:would|will|'d|'ll) be (?:nice|great|good|lovely|perfect|fine|ideal|handy|wonderful)",
    r"(?:would|'d) (?:really )?(?:love|like) to(?:,? but)?|take care|no thank you|no,? thanks",
    r"sorry(?: to)? (?:bother|trouble|interrupt|keep|for (?:the )?(?:wait|delay|interrupting))\w*",
    r"(?:i'm |i am |oh |so )?sorry,? (?:i |could |can |what|did|i didn't|pardon)",
    r"(?:how|what) (?:may|can) (?:i|we) (?:help|do)|kind regards|best regards",
    r"(?:theek|thik|ठीक) (?:hai|he|h|है)|(?:kaise|kya|क्या|कैसे) (?:main )?(?:\S+ )?"
    r"(?:madad|sahayata|मदद|सहायता)",
    r"(?:haan |ji |oh )?(?:accha|achha|acha|अच्छा)(?=\s*[,.!?।]|$)",
)
_CLAUSE_END = re.compile(
    r"(?:(?<!\d)[.,]|[.,](?!\d)|[;:!?।\n])+|(?<![\w\u0900-\u0963])(?:but|however|although|lekin"
    r"|magar"
    r"|लेकिन|मगर|पर)(?![\w\u0900-\u0963])",
    re.IGNORECASE,
)

# A clause of nothing but such words is a nod, not a feeling.
_NODS = word_set(
    "great perfect good fine sure okay ok yes yeah yep right thanks thank you nice excellent lovely"
    " wonderful cool alright correct sounds sound that that's is it works work for me very much so"
    " bye then all set brilliant fantastic awesome oh well just super clear ji haan han sahi bilkul"
    " badhiya dhanyavaad dhanyavad dhanyawad shukriya जी हां हाँ सही बिल्कुल बढ़िया धन्यवाद शुक्रिया"
)
_MOST_NODDED = 5
_NODDED = 0.4
# What turns of phrase weigh, by their section in the vocabulary.
_PHRASES: Mapping[str, float] = {
    "angry": -0.9,
    "bitter": -0.6,
    "displeased": -0.5,
    "wronged": -0.4,
    "relieved": 0.6,
    "pleased": 0.6,
    "grateful": 0.2,
}

# How a talk ends says more than how it begins: weights of its thirds.
_THIRDS = (0.8, 1.2, 1.7)
# A mood is summed over the turns and divided by this power of their number: many calm turns do
# not hush up a complaint, as a mean of them would.
_CALM = 0.65
# Kind words come easier than sharp ones.
_POLITE = 0.5
# Who is unwilling to buy is not displeased; of what was bought, sharp words are meant.
_SHARP: Mapping[Stage, float] = {Stage.BEFORE: 0.5, Stage.UNCLEAR: 0.9, Stage.AFTER: 1.2}
# Delight exclaims, also where it only tells what happened.
_EXCLAMATION, _MOST_EXCLAMATIONS = 0.3, 3
# An agent's apology tells what the customer must have felt, if no words of the customer do.
_APOLOGY, _MOST_APOLOGIES = -0.35, 3
_APOLOGISES = pattern(
    r"(?:i'm|i am|we're|we are|so|very|terribly|really|truly|only) (?:\w+ ){0,2}sorry(?! to (?:lose"
    r"|bother|trouble|disturb|interrupt)| for (?:your loss|calling))|^(?:oh,? )?(?:no,? )?sorry(?:"
    r" about| for| to hear| sir| ma'am| madam|[.!,] (?:sir|madam|ma'am|ji))"
    r"|(?:i|we) (?:\w+ )?apologi[sz]e|apologies|my apologies|for the inconvenience"
    r"|i (?:do |completely |fully |totally )?understand (?:your|how you|you're|that this)"
    r"|(?:sorry|maaf|kshama|माफ|क्षमा|सॉरी)"
    r" (?:sir|ma'am|madam|kijiye|ji|kar|chahta|chahti|करें|कीजिए)\S*"
)

# Words that hold sentences together. A talk whose language nobody named is scored only where they
# are at least one word in ten: "excellent" alone may be French.
_GRAMMAR = word_set(
    "the and is are was were it of to that this you i my we for have with not will can do"
    " hai hain nahi aap mujhe mera meri kya ke ki ka ko se main hum है हैं नहीं आप मुझे मेरा"
    " मेरी क्या के की"
    " का को से मैं हम"
)
_LEAST_GRAMMAR = 0.1


@dataclass(frozen=True, slots=True)
class TurnSentiment:
    """`value` is -1 to 1; `hits` counts the words that it rests on."""

    turn: Turn
    value: float
    hits: int

    @property
    def weight(self) -> int:
        """The turn's duration in ms; a turn without one still counts a little."""
        return max(1, self.turn.end_ms - self.turn.start_ms)


@lru_cache(maxsize=1)
def lexicon() -> Mapping[str, float]:
    """All word lists together: a folded word and its weight in [-1, 1]."""
    entries: dict[str, float] = {}
    folder = files("locutory.capabilities.analysis.rules") / "lexicons"
    for name in LEXICONS:
        for line in (folder / f"{name}.txt").read_text(encoding="utf-8").splitlines():
            if line and not line.startswith("#"):
                word, _, weight = line.partition("\t")
                entries[fold(word)] = float(weight)
    return entries


@lru_cache(maxsize=REMEMBERED)
def text_sentiment(text: str) -> tuple[float, int]:
    """(-1 to 1, how many words spoke) of an English or Hindi text; (0, 0) where none did."""
    meant = _COURTESY.sub(" ", straight(text))
    hits: list[float] = []
    phrases = vocabulary("feelings")
    if any(one.search(heard(meant)) for one in phrases.values()):
        meant = heard(meant)
        for name, weight in _PHRASES.items():
            meant, count = phrases[name].subn(_remainder, meant)
            hits += [weight] * count
    hits += [hit for clause in _CLAUSE_END.split(meant) for hit in _hits(words(clause))]
    return math.tanh(math.fsum(hits)), len(hits)


def _remainder(phrase: re.Match[str]) -> str:
    """What a counted turn of phrase leaves behind: its negation, which reaches further."""
    said = words(phrase.group())
    return " not " if any(one in _NEGATORS or one.endswith("n't") for one in said) else " . "


def _hits(tokens: Sequence[str]) -> list[float]:
    """The weights of a clause's words, each with what strengthens or negates it."""
    known = lexicon()
    nods = len(tokens) <= _MOST_NODDED and _NODS.issuperset(tokens)
    weight = _NODDED if nods else 1.0
    return [
        weight * known[word] * _strength(tokens, at) * (_NEGATED if _negated(tokens, at) else 1.0)
        for at, word in enumerate(tokens)
        if word in known
    ]


def _strength(tokens: Sequence[str], at: int) -> float:
    before = tokens[max(0, at - _STRENGTH_REACH) : at]
    return math.prod(_STRENGTH.get(word, 1.0) for word in before)


def _negated(tokens: Sequence[str], at: int) -> bool:
    before = tokens[max(0, at - _NEGATION_REACH) : at]
    around = [*before[-1:], *tokens[at + 1 : at + 1 + _HINDI_NEGATION_REACH]]
    return any(word in _NEGATORS or word.endswith("n't") for word in before) or any(
        word in _HINDI_NEGATORS for word in around
    )


def is_understood(transcript: Transcript) -> bool:
    """Whether the talk is in a language with a word list; without a name, its grammar tells."""
    base = re.split(r"[-_]", transcript.language or "und")[0].casefold()
    if base != "und":
        return base in LANGUAGES
    said = words(transcript.plain())
    return sum(word in _GRAMMAR for word in said) >= max(1, _LEAST_GRAMMAR * len(said))


def by_turn(transcript: Transcript) -> list[TurnSentiment]:
    """The sentiment of each turn of a person that has words."""
    spoken = [t for t in transcript.turns if t.role is not Role.IVR and words(t.text)]
    if not is_understood(transcript):
        return [TurnSentiment(turn, 0.0, 0) for turn in spoken]
    return [TurnSentiment(turn, *text_sentiment(turn.text)) for turn in spoken]


def label(value: float) -> str:
    """positive, negative or neutral."""
    if value > POSITIVE:
        return "positive"
    return "negative" if value < NEGATIVE else "neutral"


def weighted_mean(parts: Iterable[tuple[float, float]]) -> float | None:
    """The mean of (weight, value) pairs; None without weight."""
    pairs = list(parts)
    weight = sum(w for w, _ in pairs)
    return math.fsum(w * value for w, value in pairs) / weight if weight else None


def judge(case: Case) -> RuleAnswer:
    """The `sentiment` agent by rules; a quarter or role without words is None, never 0."""
    scored = by_turn(case.transcript)
    overall = mood(scored, case.transcript)
    quarters = _quarters(scored, case.transcript.duration_ms)
    first, last = quarters[0], quarters[-1]
    strongest = sorted((s for s in scored if s.hits), key=lambda s: -abs(s.value))
    result: dict[str, Any] = {
        "overall": round(overall, 4),
        "label": label(overall),
        "customer": _rounded(_of(scored, Role.CUSTOMER)),
        "agent": _rounded(_of(scored, Role.AGENT)),
        "trend": None if first is None or last is None else round(last - first, 4),
        "per_quarter": [_rounded(value) for value in quarters],
        "evidence": [
            {"segments": [s.turn.idx], "quote": _telling_sentence(s.turn)}
            for s in strongest[:_MOST_EVIDENCE]
        ],
    }
    return RuleAnswer(result=result, confidence=_confidence(sum(s.hits for s in scored)))


def mood(scored: Sequence[TurnSentiment], transcript: Transcript) -> float:
    """The call's mood: the customers', as an agent is friendly by trade; without them anybody's."""
    customers = [s for s in scored if s.turn.role is Role.CUSTOMER]
    if not customers:
        return weighted_mean((s.weight, s.value) for s in scored) or 0.0
    sharp = _SHARP[stage(transcript)]
    summed = math.fsum(
        _THIRDS[_third(s.turn, transcript.duration_ms)]
        * s.value
        * (_POLITE if s.value > 0 else sharp)
        for s in customers
    )
    apologies = sum(
        _APOLOGISES.search(heard(s.turn.text)) is not None
        for s in scored
        if s.turn.role is Role.AGENT
    )
    summed += _APOLOGY * min(_MOST_APOLOGIES, apologies)
    exclaimed = [s.turn for s in customers if s.value >= 0 and "!" in s.turn.text]
    summed += _EXCLAMATION * math.fsum(
        _THIRDS[_third(turn, transcript.duration_ms)] for turn in exclaimed[-_MOST_EXCLAMATIONS:]
    )
    return math.tanh(summed / len(customers) ** _CALM)


def _third(turn: Turn, duration_ms: int) -> int:
    middle_ms = (turn.start_ms + turn.end_ms) // 2
    return min(2, 3 * middle_ms // max(1, duration_ms))


def _of(scored: Sequence[TurnSentiment], role: Role) -> float | None:
    return weighted_mean((s.weight, s.value) for s in scored if s.turn.role is role)


def _quarters(scored: Sequence[TurnSentiment], duration_ms: int) -> list[float | None]:
    """The mean of each quarter of the call; a turn counts in each by the part that lies in it."""
    whole = max([duration_ms, 1, *(s.turn.start_ms + s.weight for s in scored)])
    bounds = [whole * n // QUARTERS for n in range(QUARTERS + 1)]
    return [
        weighted_mean((_overlap_ms(s, low, high), s.value) for s in scored)
        for low, high in pairwise(bounds)
    ]


def _overlap_ms(one: TurnSentiment, low: int, high: int) -> int:
    start = one.turn.start_ms
    return max(0, min(high, start + one.weight) - max(low, start))


def _telling_sentence(turn: Turn) -> str:
    return max(sentences_of(turn.text), key=lambda s: abs(text_sentiment(s)[0]))


def _confidence(hits: int) -> float:
    return min(MAX_RULE_CONFIDENCE, 0.2 + 0.04 * hits) if hits else _LEAST_CONFIDENCE


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
