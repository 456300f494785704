"""True and false quotes of the labelled calls, the same ones in every run.

Each false quote differs in meaning or place from what was said there; each true one is what a
careful person or model might copy out.
"""

import json
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.quality.labelled import LabelledCall, labelled_calls

from locutory.capabilities.interactions.contract import Transcript, Turn

PARAPHRASES = Path(__file__).parent / "paraphrases.json"

_NUMBERS = re.compile(
    r"\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|sixteen|seventeen"
    r"|eighteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand|dozen"
    r"|teen|paanch|barah|sattrah|attharah|lakh|hazaar|sau)\b|(?<!\w)(?:तीन|चार|पाँच|सात|आठ|दस"
    r"|पचास|सौ|हज़ार|लाख|अठारह|चौदह)(?!\w)",
    re.IGNORECASE,
)
_OTHER_NUMBER = {
    "two": "seven", "three": "nine", "four": "eleven", "five": "six", "six": "three",
    "seven": "eight", "eight": "five", "nine": "four", "ten": "twelve", "eleven": "fourteen",
    "twelve": "ten", "fifteen": "fifty", "sixteen": "sixty", "seventeen": "seventy",
    "eighteen": "eighty", "twenty": "thirty", "thirty": "forty", "forty": "fourteen",
    "fifty": "fifteen", "sixty": "sixteen", "seventy": "ninety", "eighty": "eighteen",
    "ninety": "nineteen", "hundred": "thousand", "thousand": "hundred", "dozen": "hundred",
    "teen": "saat", "paanch": "aath", "barah": "solah", "sattrah": "pandrah",
    "attharah": "gyarah", "lakh": "crore", "hazaar": "lakh", "sau": "hazaar", "तीन": "सात",
    "चार": "नौ", "पाँच": "छह", "सात": "तीन", "आठ": "दो", "दस": "बीस", "पचास": "साठ",
    "सौ": "हज़ार", "हज़ार": "लाख", "लाख": "करोड़", "अठारह": "बारह", "चौदह": "सोलह",
}  # fmt: skip
_OPPOSITES = {
    "before": "after", "after": "before", "more": "less", "next": "last", "happy": "unhappy",
    "back": "away", "open": "closed", "monday": "Sunday", "tuesday": "Thursday",
    "thursday": "Tuesday", "saturday": "Sunday", "friday": "Monday", "daughter": "son",
    "husband": "neighbour", "better": "worse", "good": "bad", "cheaper": "dearer",
    "always": "rarely", "first": "last", "old": "new", "new": "old", "believe": "disbelieve",
    "reasonable": "unreasonable", "agree": "disagree", "both": "neither", "sold": "bought",
    "june": "July", "morning": "evening", "stop": "start", "up": "down", "possible": "impossible",
    "trust": "distrust", "fair": "unfair", "with": "without", "subah": "shaam", "zyada": "kam",
    "accha": "bura", "ज़्यादा": "कम", "सुबह": "शाम", "पहले": "बाद", "बढ़िया": "घटिया",
}  # fmt: skip
_AUXILIARIES = re.compile(
    r"\b(is|are|was|were|am|will|would|can|could|do|did|have|has|had|should|it's|that's|there's"
    r"|I'm|we're|you're|I'll|I've)\b",
    re.IGNORECASE,
)
_NEGATION = re.compile(r"n't\b|\s(?:not|never|no|nahi|नहीं)(?!\w)", re.IGNORECASE)
_TWICE = re.compile(r"\b(no|not|never)\W+\1\b", re.IGNORECASE)
_HINDI_VERB = re.compile(r"\s(hai|hoon|hain|tha|thi|है|हैं|हूँ|था|थी)(?!\w)")
_SMALL = re.compile(r"\b(?:a|an|the|of|so|that|to|is|and)\b ", re.IGNORECASE)
_FILLERS = re.compile(r"\b(?:well|oh|um|er|yes|yeah|right|okay|hmm|mm|you know|I mean), ", re.I)
_WEIGHTY = frozenset(["nobody", "nothing", "nowhere", "neither", "without", "double", "pandrah"])
_FULL_FORMS = (
    ("n't", " not"), ("'re", " are"), ("'ll", " will"), ("'ve", " have"), ("I'm", "I am"),
)  # fmt: skip
_SMALL_NUMBERS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_VALUES = {word: value for value, word in enumerate(_SMALL_NUMBERS)} | {
    word: 10 * value for value, word in enumerate(_TENS, start=2)
}
_SPOKEN = "|".join([*_VALUES, "hundred", "thousand"])
_SPOKEN_NUMBER = re.compile(
    rf"(?:\ba )?\b(?:{_SPOKEN})\b(?:(?:[ -]| and )(?:{_SPOKEN})\b)*", re.IGNORECASE
)
_ANY_NUMBER = re.compile(rf"\W*\b(?:{_SPOKEN}|half|double|point|lakh|hazaar|\d+)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """A quote, the turns that it cites, and how it was made."""

    kind: str
    call: str
    transcript: Transcript
    turns: tuple[int, ...]
    text: str


Make = Callable[[LabelledCall, Turn, random.Random], tuple[tuple[int, ...], str] | None]


def false_quotes(seed: int) -> list[Quote]:
    """Three hundred quotes that the cited turns do not bear, the same paraphrases among them."""
    rng = random.Random(seed)
    makers: tuple[tuple[str, int, Make], ...] = (
        ("word replaced", 45, _word_replaced),
        ("opposite word", 15, _opposite),
        ("negation added", 25, _negated),
        ("negation removed", 25, _affirmed),
        ("number changed", 45, _number_changed),
        ("another call", 35, _another_call),
        ("turns merged", 35, _merged),
        ("wrong turn", 30, _wrong_turn),
        ("order changed", 15, _order_changed),
    )
    quotes = [quote for kind, count, make in makers for quote in _made(kind, count, make, rng)]
    return quotes + list(_paraphrased())


def true_quotes(seed: int) -> list[Quote]:
    """Three hundred quotes that were said."""
    rng = random.Random(seed)
    makers: tuple[tuple[str, int, Make], ...] = (
        ("verbatim turn", 40, lambda call, turn, rng: ((turn.idx,), turn.text)),
        ("verbatim part", 50, _part),
        ("two turns", 15, _joined),
        ("near turn", 15, _near_turn),
        ("case and punctuation", 45, _restyled),
        ("figures", 45, _in_figures),
        ("small word left out", 25, _small_word_left_out),
        ("filler left out", 15, _filler_left_out),
        ("full form", 20, _full_form),
        ("letter slip", 30, _letter_slip),
    )
    return [quote for kind, count, make in makers for quote in _made(kind, count, make, rng)]


def _made(kind: str, count: int, make: Make, rng: random.Random) -> Iterator[Quote]:
    """The first `count` quotes of a kind over shuffled turns, at most three of a call."""
    places = [(call, turn) for call in labelled_calls() for turn in call.transcript.turns]
    rng.shuffle(places)
    used: dict[str, int] = {}
    made = 0
    for call, turn in places:
        if made == count:
            return
        found = make(call, turn, rng) if used.get(call.id, 0) < 3 else None
        if found is None:
            continue
        used[call.id] = used.get(call.id, 0) + 1
        made += 1
        yield Quote(
            kind=kind, call=call.id, transcript=call.transcript, turns=found[0], text=found[1]
        )
    raise RuntimeError(f"only {made} quotes of the kind {kind!r}, {count} wanted")


def _paraphrased() -> Iterator[Quote]:
    by_id = {call.id: call for call in labelled_calls()}
    for call, turn, text in json.loads(PARAPHRASES.read_text(encoding="utf-8")):
        yield Quote(
            kind="paraphrase",
            call=call,
            transcript=by_id[call].transcript,
            turns=(turn,),
            text=text,
        )


def _bare(word: str) -> str:
    return word.strip(".,!?।:;").casefold()


def _is_content(word: str) -> bool:
    return len(_bare(word)) >= 4 and _NUMBERS.fullmatch(_bare(word)) is None


def _stem(word: str) -> str:
    return _bare(word)[:4]


def _word_replaced(
    call: LabelledCall, turn: Turn, rng: random.Random
) -> tuple[tuple[int, ...], str] | None:
    """One word of weight becomes another that this call uses elsewhere."""
    pieces = turn.text.split()
    spots = [n for n, word in enumerate(pieces) if _is_content(word)]
    here = {_stem(word) for word in pieces}
    others = [
        _bare(word)
        for other in call.transcript.turns
        for word in other.text.split()
        if abs(other.idx - turn.idx) > 2 and _is_content(word) and _stem(word) not in here
    ]
    if len(pieces) < 6 or not spots or not others:
        return None
    pieces[rng.choice(spots)] = rng.choice(others)
    return (turn.idx,), " ".join(pieces)


def _opposite(
    call: LabelledCall, turn: Turn, rng: random.Random
) -> tuple[tuple[int, ...], str] | None:
    pieces = turn.text.split()
    spots = [n for n, word in enumerate(pieces) if _bare(word) in _OPPOSITES]
    if len(pieces) < 6 or not spots:
        return None
    at = rng.choice(spots)
    pieces[at] = _OPPOSITES[_bare(pieces[at])]
    return (turn.idx,), " ".join(pieces)


def _negated(
    call: LabelledCall, turn: Turn, rng: random.Random
) -> tuple[tuple[int, ...], str] | None:
    if len(turn.text.split()) < 4 or _NEGATION.search(turn.text):
        return None
    hindi = call.transcript.language != "en"
    found = (_HINDI_VERB if hindi else _AUXILIARIES).search(turn.text)
    if found is None:
        return None
    if hindi:
        word = "नहीं" if call.transcript.language == "hi" else "nahi"
        return (turn.idx,), f"{turn.text[: found.start()]} {word}{turn.text[found.start() :]}"
    return (turn.idx,), f"{turn.text[: found.end()]} not{turn.text[found.end() :]}"


def _affirmed(
    call: LabelledCall, turn: Turn, rng: random.Random
) -> tuple[tuple[int, ...], str] | None:
    found = _NEGATION.search(turn.text)
    without = "" if found is None else turn.text[: found.start()] + turn.text[found.end() :]
    if found is None or len(without.split()) < 4 or found.start() == 0:
        return None
    if _TWICE.search(turn.text):  # one of two in a row may go without changing the meaning
        return None
    return (turn.idx,), without.replace(" wo ", " will ").replace(" ca ", " can ")


def _number_changed(
    call: LabelledCall, turn: Turn, rng: random.Random
) -> tuple[tuple[int, ...], str] | None:
    found = list(_NUMBERS.finditer(turn.text))
    if not found:
        return None
    one = rng.choice(found)
    other = _OTHER_NUMBER[one[0].casefold()]
    return (turn.idx,), turn.text[: one.start()] + other + turn.text[one.end() :]


def _another_call(
    call: LabelledCall, turn: Turn, rng: random.Random
) -> tuple[tuple[int, ...], str] | None:
    """A sentence of another call in the same language."""
    others = [
        other.text
        for one in labelled_calls()
        if one.id != call.id and one.transcript.language == call.transcript.language
        for other in one.transcript.turns
        if len(other.text.split()) >= 5
    ]
    return (turn.idx,), rng.choice(others)


def _merged(
    call: LabelledCall, turn: Turn, rng: random.Random
) -> tuple[tuple[int, ...], str] | None:
    """The head of a turn and the tail of the next, without what lies between."""
    turns = call.transcript.turns
    if turn.idx + 1 == len(turns):
        return None
    head, tail = turn.text.split(), turns[turn.idx + 1].text.split()
    if len(head) < 7 or len(tail) < 7:
        return None
    return (turn.idx, turn.idx + 1), " ".join([*head[: len(head) // 2], *tail[-(len(tail) // 2) :]])


def _wrong_turn(
    call: LabelledCall, turn: Turn, rng: random.Random
) -> tuple[tuple[int, ...], str] | None:
    """A true sentence that cites a distant turn of the other speaker."""
    far = [
        other.idx
        for other in call.transcript.turns
        if abs(other.idx - turn.idx) > 2 and other.role is not turn.role
    ]
    if len(turn.text.split()) < 4 or not far:
        return None
    return (rng.choice(far),), turn.text


def _order_changed(
    call: LabelledCall, turn: Turn, rng: random.Random
) -> tuple[tuple[int, ...], str] | None:
    """Two words of weight change places."""
    pieces = turn.text.split()
    spots = [n for n, word in enumerate(pieces) if _is_content(word)]
    apart = [(a, b) for a in spots for b in spots if b - a >= 2 and pieces[a] != pieces[b]]
    if len(pieces) < 8 or not apart:
        return None
    a, b = rng.choice(apart)
    pieces[a], pieces[b] = pieces[b], pieces[a]
    return (turn.idx,), " ".join(pieces)


def _part(call: LabelledCall, turn: Turn, rng: random.Random) -> tuple[tuple[int, ...], str] | None:
    pieces = turn.text.split()
    if len(pieces) < 6:
        return None
    size = rng.randint(3, len(pieces) - 1)
    at = rng.randint(0, len(pieces) - size)
    part = pieces[at : at + size]
    if _is_number(part[0]) or _is_number(part[-1]):  # a number cut in two is another number
        return None
    return (turn.idx,), " ".join(part)


def _is_number(word: str) -> bool:
    return _bare(word) in {"a", "hundred", "thousand"} or all(
        _NUMBERS.fullmatch(part) or part in _VALUES for part in _bare(word).split("-")
    )


def _joined(
    call: LabelledCall, turn: Turn, rng: random.Random
) -> tuple[tuple[int, ...], str] | None:
    """The end of a turn and the beginning of the next, where they meet."""
    turns = call.transcript.turns
    if turn.idx + 1 == len(turns):
        return None
    head, tail = turn.text.split(), turns[turn.idx + 1].text.split()
    part = [*head[-5:], *tail[:5]]
    if _is_number(part[0]) or _is_number(part[-1]):
        return None
    return (turn.idx, turn.idx + 1), " ".join(part)


def _near_turn(
    call: LabelledCall, turn: Turn, rng: random.Random
) -> tuple[tuple[int, ...], str] | None:
    """The citation is off by one or two, as models count."""
    off = turn.idx + rng.choice([-2, -1, 1, 2])
    if len(turn.text.split()) < 6 or not 0 <= off < len(call.transcript.turns):
        return None
    return (off,), turn.text


def _restyled(
    call: LabelledCall, turn: Turn, rng: random.Random
) -> tuple[tuple[int, ...], str] | None:
    if len(turn.text.split()) < 4:
        return None
    styles: list[Callable[[str], str]] = [
        str.upper,
        str.lower,
        lambda text: re.sub(r"[.,!?।]", "", text),
        lambda text: f"“{text.rstrip('.!?।')} …”",
        lambda text: text.replace("'", "’").replace(",", " –"),
        lambda text: text.replace("'", ""),
    ]
    return (turn.idx,), rng.choice(styles)(turn.text)


def _in_figures(
    call: LabelledCall, turn: Turn, rng: random.Random
) -> tuple[tuple[int, ...], str] | None:
    """One spoken number of an ordinary form becomes digits; not one of several in a row."""
    for found in _SPOKEN_NUMBER.finditer(turn.text):
        before, after = turn.text[: found.start()], turn.text[found.end() :]
        alone = not (_ANY_NUMBER.match(after) or _touches_number(before))
        value = _value(re.split(r"[ -]", found[0].casefold()))
        if value is None or value < 10 or not alone or len(turn.text.split()) < 4:
            continue
        return (turn.idx,), before + rng.choice([f"{value:,}", str(value)]) + after
    return None


def _touches_number(before: str) -> bool:
    last = re.findall(r"[\w']+", before)[-1:]
    return bool(last) and _ANY_NUMBER.fullmatch(last[0]) is not None


def _value(said: list[str]) -> int | None:
    """What `[a] [n] hundred [and] n` and `n thousand [n hundred] [and] n` come to, else None."""
    total = group = 0
    last = 10_000
    for word in said:
        if word in {"a", "and"}:
            continue
        if word == "hundred" and group < 20:
            group, last = max(group, 1) * 100, 100
        elif word == "thousand" and not total:
            total, group, last = max(group, 1) * 1000, 0, 1000
        elif word in _VALUES and _fits(_VALUES[word], last):
            group += _VALUES[word]
            last = _VALUES[word]
        else:
            return None
    return total + group


def _fits(value: int, last: int) -> bool:
    return last >= 100 or (last >= 20 and value < 10)


def _small_word_left_out(
    call: LabelledCall, turn: Turn, rng: random.Random
) -> tuple[tuple[int, ...], str] | None:
    found = [
        one
        for one in _SMALL.finditer(turn.text)
        if not _touches_number(turn.text[: one.start()])
        and not _ANY_NUMBER.match(turn.text[one.end() :])
    ]
    if len(turn.text.split()) < 9 or not found:
        return None
    one = rng.choice(found)
    return (turn.idx,), turn.text[: one.start()] + turn.text[one.end() :]


def _filler_left_out(
    call: LabelledCall, turn: Turn, rng: random.Random
) -> tuple[tuple[int, ...], str] | None:
    found = _FILLERS.search(turn.text)
    if len(turn.text.split()) < 8 or found is None or not found.start():
        return None
    return (turn.idx,), turn.text[: found.start()] + turn.text[found.end() :]


def _full_form(
    call: LabelledCall, turn: Turn, rng: random.Random
) -> tuple[tuple[int, ...], str] | None:
    text = turn.text.replace("can't", "cannot").replace("won't", "will not")
    for short, full in _FULL_FORMS:
        text = text.replace(short, full)
    return ((turn.idx,), text) if text != turn.text and len(text.split()) >= 4 else None


def _letter_slip(
    call: LabelledCall, turn: Turn, rng: random.Random
) -> tuple[tuple[int, ...], str] | None:
    """A long word loses or doubles a letter, or gains or loses an ending.

    Not a number, a day or a negation: there a slip may say something else.
    """
    pieces = turn.text.split()
    spots = [
        n
        for n, word in enumerate(pieces)
        if len(word) >= 6
        and word.isalpha()
        and word.isascii()
        and not (_is_number(word) or _bare(word) in _WEIGHTY or _bare(word).endswith("day"))
    ]
    if len(pieces) < 8 or not spots:
        return None
    at = rng.choice(spots)
    word = pieces[at]
    inner = rng.randint(2, len(word) - 3)
    pieces[at] = rng.choice(
        [
            word[:inner] + word[inner + 1 :],
            word[:inner] + word[inner] + word[inner:],
            word.removesuffix("s") if word.endswith("s") else word + "s",
        ]
    )
    return (turn.idx,), " ".join(pieces)
