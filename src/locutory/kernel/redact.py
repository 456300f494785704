"""Personal numbers, addresses and codes in a text, replaced by numbered placeholders.

Works on figures and on spoken digits, English and Hindi. What is said stays readable, `my card
is [CARD_1]`, and the same value keeps its placeholder, so that a reader still sees that two
mentions are one. Prices, dates, times and quantities stay.
"""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from locutory.kernel.digits import (
    Group,
    digit_runs,
    iban_length,
    iban_valid,
    luhn_valid,
    verhoeff_valid,
    windows,
)


@dataclass(frozen=True, slots=True)
class Redacted:
    """`text` with placeholders such as `[CARD_1]`; `found` counts replacements by kind.

    `spans` are the places, half-open, of what was replaced in the text as it was.
    """

    text: str
    found: dict[str, int] = field(default_factory=dict)
    spans: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class _Span:
    start: int
    end: int
    kind: str
    value: str


def redact(text: str) -> Redacted:
    """Replace what identifies or authorises a person; numbering starts at 1 in each text."""
    return Redactor().redact(text)


def personal_parts(text: str) -> list[tuple[int, int, str]]:
    """Where something personal stands, half-open, and of what kind; in order, none overlapping."""
    return [(span.start, span.end, span.kind) for span in _find(text)]


class Redactor:
    """Redaction with one numbering over many texts, for instance the turns of a transcript."""

    def __init__(self, keep: frozenset[str] = frozenset()) -> None:
        """Kinds in `keep`, such as PHONE or EMAIL, stay readable."""
        self._keep = keep
        self._numbers: dict[tuple[str, str], int] = {}
        self._last: Counter[str] = Counter()

    def redact(self, text: str) -> Redacted:
        """Replace in one text."""
        return self.redact_turns([text])[0]

    def redact_turns(self, texts: Sequence[str]) -> list[Redacted]:
        """Replace in consecutive texts that are one talk.

        A cue in one turn ("the code, please?") reaches into the next, and a number dictated over
        several turns is found; each of its parts becomes the same placeholder.
        """
        spans = [s for s in _find("\n".join(texts)) if s.kind not in self._keep]
        redacted, start = [], 0
        for text in texts:
            end = start + len(text)
            inside = [
                s
                for s in spans
                if s.start < end
                and s.end > start
                and _has_part(text, s.start - start, s.end - start)
            ]
            redacted.append(self._replace(text, start, inside))
            start = end + 1
        return redacted

    def _replace(self, text: str, offset: int, spans: Sequence[_Span]) -> Redacted:
        pieces, found, places, at = [], Counter[str](), list[tuple[int, int]](), 0
        for span in spans:
            start = max(0, span.start - offset)
            pieces.append(text[at:start])
            pieces.append(f"[{span.kind}_{self._number(span)}]")
            found[span.kind] += 1
            at = min(len(text), span.end - offset)
            places.append((start, at))
        pieces.append(text[at:])
        return Redacted("".join(pieces), dict(found), tuple(places))

    def _number(self, span: _Span) -> int:
        key = (span.kind, span.value)
        if key not in self._numbers:
            self._last[span.kind] += 1
            self._numbers[key] = self._last[span.kind]
        return self._numbers[key]


def _has_part(text: str, start: int, end: int) -> bool:
    """Whether a span that may reach beyond the text says anything in it but a filler ("okay")."""
    if start >= 0 and end <= len(text):
        return True
    return any(digit_runs(text[max(0, start) : end]))


class _Page:
    """A text under search: which characters are already taken, and where cues end."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._taken = bytearray(len(text))
        self._cue_ends: dict[re.Pattern[str], list[int]] = {}

    def take(self, span: _Span) -> bool:
        """Claim the span's characters; False when one of them belongs to another span."""
        if self.next_taken(span.start, span.end) < span.end:
            return False
        self._taken[span.start : span.end] = b"\x01" * (span.end - span.start)
        return True

    def next_taken(self, start: int, end: int) -> int:
        """The first taken offset in [start, end), or `end`."""
        at = self._taken.find(1, start, end)
        return end if at < 0 else at

    def cued(self, cue: re.Pattern[str], at: int, reach: int) -> bool:
        """Whether the cue ends at most `reach` characters before `at`."""
        if cue not in self._cue_ends:
            self._cue_ends[cue] = [m.end() for m in cue.finditer(self.text)]
        ends = self._cue_ends[cue]
        place = bisect_right(ends, at)
        return place > 0 and at - ends[place - 1] <= reach


def _find(text: str) -> list[_Span]:
    """All spans in order, none overlapping; the surer finder wins."""
    page = _Page(text)
    finders = (_emails, _ibans, _tax_ids, _birth_dates, _numbers, _addresses)
    spans = [span for finder in finders for span in finder(page) if page.take(span)]
    return sorted(spans, key=lambda s: s.start)


_EMAIL = re.compile(
    r"(?<![A-Za-z0-9._%+\-])[A-Za-z0-9._%+\-]{1,64}@[A-Za-z0-9\-]{1,63}(?:\.[A-Za-z0-9\-]{1,63}){1,8}"
)
_SPOKEN_EMAIL = re.compile(
    r"\b[a-z0-9._\-]{1,64}(?:\s(?:dot|underscore|dash)\s[a-z0-9]{1,64}){0,3}\s"
    r"(?:at the rate(?: of)?\s[a-z0-9\-]{1,63}"
    r"|at\s(?:gmail|yahoo|hotmail|outlook|icloud|rediffmail|proton|protonmail))"
    r"\s?(?:dot\s|\.)(?:com|net|org|co|in|edu|me)\b(?:\sdot\s(?:in|uk))?",
    re.IGNORECASE,
)
_TAX_ID = re.compile(r"(?<![A-Za-z0-9])[A-Z]{3}[ABCFGHLJPTK][A-Z]\d{4}[A-Z](?![A-Za-z0-9])", re.I)
_IBAN_START = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?=[ \-]?[A-Za-z0-9])")


def _emails(page: _Page) -> Iterator[_Span]:
    for pattern in (_EMAIL, _SPOKEN_EMAIL):
        for match in pattern.finditer(page.text):
            yield _Span(match.start(), match.end(), "EMAIL", match.group().casefold())


def _tax_ids(page: _Page) -> Iterator[_Span]:
    for match in _TAX_ID.finditer(page.text):
        yield _Span(match.start(), match.end(), "PAN", match.group().upper())


def _ibans(page: _Page) -> Iterator[_Span]:
    text = page.text
    for match in _IBAN_START.finditer(text):
        length = iban_length(match.group()[:2])
        if length is None:
            continue
        end, compact = match.start(), ""
        while end < len(text) and len(compact) < length:
            if text[end].isascii() and text[end].isalnum():
                compact += text[end].upper()
            elif text[end] not in " -":
                break
            end += 1
        if iban_valid(compact):
            yield _Span(match.start(), end, "IBAN", compact)


_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sep(?:t(?:ember)?)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?"
    r"|जनवरी|फरवरी|मार्च|अप्रैल|मई|जून|जुलाई|अगस्त|सितंबर|अक्टूबर|नवंबर|दिसंबर)"
)
_UNIT_WORDS = "one|two|three|four|five|six|seven|eight|nine"
_YEAR_WORDS = (
    r"(?:nineteen|twenty|two\sthousand(?:\sand)?)"
    r"(?:[\s-](?:oh|ten|eleven|twelve|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety"
    rf"|thirteen|fifteen|(?:{_UNIT_WORDS})(?:t?een)?)){{0,2}}"
)
_DATE = re.compile(
    rf"""
    \d{{1,4}}\s?[-./\s]\s?\d{{1,2}}\s?[-./\s]\s?\d{{2,4}}
    | \d{{1,2}}(?:st|nd|rd|th)?\s(?:of\s)?{_MONTH}(?:,?\s\d{{2,4}})?
    | {_MONTH}\s\d{{1,2}}(?:st|nd|rd|th)?(?:,?\s\d{{4}})?
    | (?:[a-z]{{3,12}}[\s-]){{1,3}}(?:of\s)?{_MONTH}(?:,?\s(?:\d{{4}}|{_YEAR_WORDS}))?
    | (?<!\d)(?:19|20)\d\d(?!\d)
    | (?<!\d)\d{{8}}(?!\d)
    """,
    re.VERBOSE | re.IGNORECASE,
)
_BIRTH_CUE = re.compile(
    r"date of birth|birth ?date|\bd\.?o\.?b\b|\bborn (?:on|in)\b|\bbirthday\b|जन्म ?तिथि|जन्मदिन"
    r"|जन्म|janam ?(?:tithi|din)|janm ?(?:tithi|din)",
    re.IGNORECASE,
)


def _birth_dates(page: _Page) -> Iterator[_Span]:
    for cue in _BIRTH_CUE.finditer(page.text):
        date = _DATE.search(page.text, cue.end(), cue.end() + 70)
        if date and date.start() - cue.end() <= 35:
            value = re.sub(r"\W+", " ", date.group().casefold())
            yield _Span(date.start(), date.end(), "DOB", value)


_CODE_CUE = re.compile(
    r"\botp\b|one[- ]time (?:code|pass(?:word|code)|pin)|(?:verification|security|auth\w*) code"
    r"|\bpasscode\b|\bm?pin\b(?! ?code)|ओटीपी|\bo\.t\.p",
    re.IGNORECASE,
)
_CVV_CUE = re.compile(r"\b(?:cvv2?|cvc|cv2)\b|सीवीवी", re.IGNORECASE)
_PHONE_CUE = re.compile(
    r"\b(?:phone|mobile|cell|telephone|contact|landline) (?:number|no)\b|\bwhats ?app\b"
    r"|\bcall (?:me|back|us)\b|\bmy number\b|\breach (?:me|us)\b"
    r"|(?:फोन|फ़ोन|मोबाइल) नंबर|व्हाट्सएप",
    re.IGNORECASE,
)
# A bare "phone" may as well have a price, so the number must follow at once.
_PHONE_WORD = re.compile(r"\b(?:phone|mobile|cell|telephone|tel|landline)\b|फोन|फ़ोन|मोबाइल", re.I)
_SSN_CUE = re.compile(r"social security|\bssn\b", re.IGNORECASE)
_REFERENCE_CUE = re.compile(
    r"\b(?:order|ticket|reference|ref|invoice|policy|tracking|case|booking|complaint|request"
    r"|account|acct|pnr|serial|id)\b",
    re.IGNORECASE,
)

_CODE_AFTER = re.compile(r"\s*(?:is|was)\s(?:the\s|my\s|your\s)?(?:otp|one[- ]time)", re.IGNORECASE)

_Judge = Callable[[str, Sequence[Group], _Page], bool]


def _is_card(digits: str, groups: Sequence[Group], _page: _Page) -> bool:
    return luhn_valid(digits) and not _all_years(groups)


def _is_aadhaar(digits: str, groups: Sequence[Group], _page: _Page) -> bool:
    return digits[0] in "23456789" and verhoeff_valid(digits) and not _all_years(groups)


def _is_ssn(digits: str, groups: Sequence[Group], page: _Page) -> bool:
    if digits[:3] in {"000", "666"} or digits[0] == "9":
        return False
    if digits[3:5] == "00" or digits[5:] == "0000":
        return False
    return [len(g.digits) for g in groups] == [3, 2, 4] or page.cued(_SSN_CUE, groups[0].start, 70)


def _is_code(_digits: str, groups: Sequence[Group], page: _Page) -> bool:
    return page.cued(_CODE_CUE, groups[0].start, 60) or bool(
        _CODE_AFTER.match(page.text, groups[-1].end)
    )


def _is_cvv(_digits: str, groups: Sequence[Group], page: _Page) -> bool:
    return page.cued(_CVV_CUE, groups[0].start, 40)


_PHONE_GROUPS = ([10], [5, 5], [3, 3, 4], [4, 3, 3], [4, 6], [3, 7], [3, 4, 3])


def _is_phone(digits: str, groups: Sequence[Group], page: _Page) -> bool:
    start = groups[0].start
    if page.text[max(0, start - 2) : start].endswith(("+", "+(")):
        return len(digits) >= 8
    if page.cued(_PHONE_CUE, start, 60) or page.cued(_PHONE_WORD, start, 5):
        return True
    if len(digits) < 10 or page.cued(_REFERENCE_CUE, start, 25):
        return False
    if len(digits) > 10 and digits.startswith(("0", "91", "1")):
        trunk = {"0": 1, "9": 2, "1": 1}[digits[0]]
        return len(digits) - trunk == 10 and len(groups) <= 5 and digits[trunk] not in "01"
    sizes = [len(g.digits) for g in groups]
    spoken = sum(g.spoken for g in groups) * 2 >= len(groups)
    return len(digits) == 10 and (spoken or (digits[0] not in "01" and sizes in _PHONE_GROUPS))


def _all_years(groups: Sequence[Group]) -> bool:
    return all(len(g.digits) == 4 and g.digits[:2] in {"19", "20"} for g in groups)


# In this order: the check digits of a card are surer evidence than the shape of a phone number.
_NUMBER_KINDS: tuple[tuple[str, int, int, _Judge], ...] = (
    ("CARD", 13, 19, _is_card),
    ("AADHAAR", 12, 12, _is_aadhaar),
    ("SSN", 9, 9, _is_ssn),
    ("PHONE", 7, 15, _is_phone),
    ("CVV", 3, 4, _is_cvv),
    ("OTP", 4, 8, _is_code),
)


def _numbers(page: _Page) -> Iterator[_Span]:
    for run in digit_runs(page.text):
        segments = [[g for g in run if page.next_taken(g.start, g.end) == g.end]]
        for kind, shortest, longest, judge in _NUMBER_KINDS:
            rest: list[list[Group]] = []
            for segment in segments:
                done = 0
                for first, after, digits in windows(segment, shortest, longest):
                    groups = segment[first:after]
                    if first >= done and judge(digits, groups, page):
                        yield _Span(
                            _opening(page.text, groups[0].start), groups[-1].end, kind, digits
                        )
                        rest.append(segment[done:first])
                        done = after
                rest.append(segment[done:])
            segments = [segment for segment in rest if segment]


def _opening(text: str, start: int) -> int:
    """The start of a number with its plus sign or bracket."""
    while start > 0 and text[start - 1] in "+(":
        start -= 1
    return start


_ADDRESS_CUE = re.compile(
    r"\b(?:address(?: is|:| to)|(?:i|we) (?:live|stay) (?:at|in|on)|residing (?:at|in)"
    r"|pin ?code(?: is)?|zip ?code(?: is)?|post ?code(?: is)?|mera pata(?: hai)?)"
    r"|पता है|मेरा पता|पिन ?कोड",
    re.IGNORECASE,
)
_DELIVERY_CUE = re.compile(
    r"\b(?:deliver(?:ed|y)? (?:it )?to|ship(?:ped)? (?:it )?to|located at)\b", re.IGNORECASE
)
_STREET = (
    r"\b(?:street|road|lane|avenue|nagar|colony|sector|flat|apartment|apt|floor|block|marg|gali"
    r"|house number|phase|layout|boulevard|drive|square)\b|सड़क|गली|नगर|मकान|मोहल्ला"
)
# After "deliver to" a figure alone may count anything ("to 5 cities").
_ADDRESS_CUES = (
    (_ADDRESS_CUE, re.compile(rf"\d|{_STREET}", re.IGNORECASE)),
    (_DELIVERY_CUE, re.compile(_STREET, re.IGNORECASE)),
)
_ADDRESS_END = re.compile(r"[!?;।\n]|\.(?:\s|$)|,? (?:and|but) (?:my|i|the|you|please)\b", re.I)


def _addresses(page: _Page) -> Iterator[_Span]:
    for cue, sign in _ADDRESS_CUES:
        for match in cue.finditer(page.text):
            span = _address_after(page, match.end())
            if span and sign.search(page.text, span.start, span.end):
                yield span


def _address_after(page: _Page, start: int) -> _Span | None:
    """What stands between a cue and the end of its sentence, 140 characters at most."""
    text = page.text
    while start < len(text) and text[start] in " :,":
        start += 1
    limit = min(len(text), start + 140)
    stop = _ADDRESS_END.search(text, start, limit)
    place = text[start : page.next_taken(start, stop.start() if stop else limit)].rstrip(" ,([+")
    if not place:
        return None
    return _Span(start, start + len(place), "ADDRESS", " ".join(place.casefold().split()))
