"""Spoken numbers of English and Hindi (Devanagari and Latin script) as figures."""

import re
import unicodedata
from collections.abc import Sequence


def _listed(spaced: str) -> list[str]:
    return spaced.split()


_ENGLISH = _listed(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen"
    " fifteen sixteen seventeen eighteen nineteen twenty"
)
_TENS = _listed("thirty forty fifty sixty seventy eighty ninety")
_DEVANAGARI = _listed(
    "शून्य एक दो तीन चार पांच छह सात आठ नौ दस ग्यारह बारह तेरह चौदह पंद्रह सोलह सत्रह अठारह उन्नीस"
    " बीस इक्कीस बाईस तेईस चौबीस पच्चीस छब्बीस सत्ताईस अट्ठाईस उनतीस"
    " तीस इकतीस बत्तीस तैंतीस चौंतीस पैंतीस छत्तीस सैंतीस अड़तीस उनतालीस"
    " चालीस इकतालीस बयालीस तैंतालीस चौवालीस पैंतालीस छियालीस सैंतालीस अड़तालीस उनचास"
    " पचास इक्यावन बावन तिरपन चौवन पचपन छप्पन सत्तावन अट्ठावन उनसठ"
    " साठ इकसठ बासठ तिरसठ चौंसठ पैंसठ छियासठ सड़सठ अड़सठ उनहत्तर"
    " सत्तर इकहत्तर बहत्तर तिहत्तर चौहत्तर पचहत्तर छिहत्तर सतहत्तर अठहत्तर उन्यासी"
    " अस्सी इक्यासी बयासी तिरासी चौरासी पचासी छियासी सत्तासी अट्ठासी नवासी"
    " नब्बे इक्यानवे बानवे तिरानवे चौरानवे पचानवे छियानवे सत्तानवे अट्ठानवे निन्यानवे"
)
_LATIN_HINDI = {
    "shunya": 0, "shoonya": 0, "ek": 1, "do": 2, "teen": 3, "tin": 3, "char": 4, "chaar": 4,
    "paanch": 5, "panch": 5, "che": 6, "chhe": 6, "chhah": 6, "saat": 7, "sat": 7, "aath": 8,
    "ath": 8, "nau": 9, "das": 10, "gyarah": 11, "barah": 12, "baarah": 12, "terah": 13,
    "chaudah": 14, "pandrah": 15, "solah": 16, "satrah": 17, "atharah": 18, "unnis": 19,
    "bees": 20, "pachees": 25, "pachchis": 25, "tees": 30, "chalis": 40, "chaalis": 40,
    "pachas": 50, "pachaas": 50, "saath": 60, "sattar": 70, "assi": 80, "nabbe": 90,
}  # fmt: skip
_VARIANTS = {
    "oh": 0, "o": 0, "nought": 0, "सुन्ना": 0, "ज़ीरो": 0, "जीरो": 0, "पाँच": 5,
    "छः": 6, "छे": 6, "छ": 6,
}  # fmt: skip

_MAGNITUDES = {
    "hundred": 100, "thousand": 1000, "lakh": 100_000, "lakhs": 100_000, "lac": 100_000,
    "million": 1_000_000, "crore": 10_000_000, "crores": 10_000_000, "billion": 1_000_000_000,
    "sau": 100, "hazaar": 1000, "hazar": 1000, "सौ": 100, "हज़ार": 1000, "हजार": 1000,
    "लाख": 100_000, "करोड़": 10_000_000,
}  # fmt: skip
_REPEATS = {"double": 2, "triple": 3, "treble": 3, "डबल": 2, "ट्रिपल": 3}

# English or Hindi words that are numbers only among other spoken digits.
_UNSURE = frozenset({"o", "oh", "do", "che", "sat", "das", "tin", "char", "ath", "saath", "tees"})


def _nfc(table: dict[str, int]) -> dict[str, int]:
    return {unicodedata.normalize("NFC", word): value for word, value in table.items()}


SMALL: dict[str, int] = _nfc(
    {
        **{word: value for value, word in enumerate(_ENGLISH)},
        **{word: 10 * value for value, word in enumerate(_TENS, start=3)},
        **{word: value for value, word in enumerate(_DEVANAGARI)},
        **_LATIN_HINDI,
        **_VARIANTS,
    }
)
MAGNITUDES: dict[str, int] = _nfc(_MAGNITUDES)
REPEATS: dict[str, int] = _nfc(_REPEATS)

_FIGURE = re.compile(r"\d+(?:[.,]\d+)*")


def spoken_value(word: str) -> int | None:
    """0-99 for a folded number word, else None."""
    return SMALL.get(unicodedata.normalize("NFC", word))


def joins_tens(tens: int, unit: int) -> bool:
    """Whether a unit said after tens belongs to it: `forty two`, but not `four two`."""
    return tens >= 20 and tens % 10 == 0 and 0 < unit < 10


def plain_figure(token: str) -> str:
    """A figure without thousands separators and in ASCII digits: `1,200.50` gives `1200.50`."""
    ascii_digits = "".join(str(unicodedata.digit(c)) if c.isdigit() else c for c in token)
    return ascii_digits.replace(",", "")


def as_figures(tokens: Sequence[str]) -> list[str]:
    """Folded words with each spoken number as one figure, so that both ways of writing agree.

    `twenty five thousand` and `25,000` both give `25000`; `four two` gives `42`; `twenty twenty
    four` gives `2024`. Words that are numbers only by chance ("do", "oh") count inside a spoken
    number, not alone.
    """
    out: list[str] = []
    at = 0
    while at < len(tokens):
        end = _end_of_number(tokens, at)
        run = tokens[at:end]
        if run and not all(word in _UNSURE for word in run):
            out.append(_number_text(run))
            at = end
        else:
            out.append(tokens[at])
            at += 1
    return out


def _end_of_number(tokens: Sequence[str], at: int) -> int:
    """The index after the number that starts at `at`; a figure takes only magnitudes after it.

    A figure with two points is a date or a version, and no number of thousands.
    """
    if _FIGURE.fullmatch(tokens[at]):
        end = at + 1
        if tokens[at].count(".") > 1:
            return end
        while end < len(tokens) and tokens[end] in MAGNITUDES:
            end += 1
        return end
    end = at
    while end < len(tokens) and (tokens[end] in SMALL or (end > at and tokens[end] in MAGNITUDES)):
        end += 1
    return end


def _number_text(run: Sequence[str]) -> str:
    if not any(word in MAGNITUDES for word in run):
        return _digits_text(run)
    total = group = 0.0
    for word in run:
        scale = MAGNITUDES.get(word)
        if scale is None:
            group += float(plain_figure(word)) if _FIGURE.fullmatch(word) else SMALL[word]
        elif scale == 100:
            group = max(group, 1) * scale
        else:
            total += max(group, 1) * scale
            group = 0
    value = total + group
    return str(int(value)) if value.is_integer() else str(value)


def _digits_text(run: Sequence[str]) -> str:
    """Numbers without a magnitude, said one after the other, as one figure."""
    parts: list[str] = []
    tens = 0
    for word in run:
        if _FIGURE.fullmatch(word):
            return plain_figure(word)
        value = SMALL[word]
        if parts and joins_tens(tens, value):
            parts[-1] = str(tens + value)
            tens = 0
        else:
            parts.append(str(value))
            tens = value
    return "".join(parts)
