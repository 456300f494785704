"""Words as calls use them: tokens, questions, and the phrases that give a speaker away.

English, and Hindi in both of its scripts; the two mix within a sentence on Indian lines, so they
are always looked up together.
"""

import re
import string
import unicodedata
from collections.abc import Iterable

_EDGES = string.punctuation + "।॥…“”‘’«»¿¡、。，！？؟–—"
_SENTENCE = re.compile(r"[^.?!।॥。！？؟]+[.?!।॥。！？؟]*")
_QUESTION_MARKS = ("?", "？", "؟")
# Thai, Lao, Burmese, Khmer, kana and Han: no spaces between words, so that nothing here counts them
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")


def tokens(text: str) -> list[str]:
    """Split at white space; NFC, case-folded, without punctuation at the edges."""
    # No regular expression for words: to `re`, vowel signs of Indic scripts are no word characters.
    folded = unicodedata.normalize("NFC", text).casefold().replace("’", "'")
    stripped = (word.strip(_EDGES) for word in folded.split())
    return [word for word in stripped if any(char.isalnum() for char in word)]


def count_words(text: str) -> int | None:
    """Return the number of words, None in a script that does not separate them."""
    return None if _UNSPACED.search(text) else len(tokens(text))


def as_phrases(*texts: str) -> tuple[str, ...]:
    """Return the texts as `count_phrases` looks them up: whole tokens, in one row."""
    return tuple(f" {' '.join(tokens(text))} " for text in texts)


def count_phrases(text: str, phrases: Iterable[str]) -> int:
    """Return how many of `phrases` (made by `as_phrases`) occur in `text`."""
    padded = f" {' '.join(tokens(text))} "
    return sum(phrase in padded for phrase in phrases)


GREETINGS = as_phrases(
    "thank you for calling",
    "thanks for calling",
    "welcome to",
    "how may i help",
    "how can i help",
    "how may i assist",
    "how can i assist",
    "what can i do for you",
    "this call is being recorded",
    "call karne ke liye dhanyavad",
    "kya sahayata kar sakta",
    "kya sahayata kar sakti",
    "madad kar sakta hoon",
    "madad kar sakti hoon",
    "में आपका स्वागत है",
    "कॉल करने के लिए धन्यवाद",
    "सहायता कर सकता",
    "सहायता कर सकती",
    "मदद कर सकता",
    "मदद कर सकती",
)
# Callers in either direction say these: "I am calling from Pune" is no company's greeting.
OUTREACH = as_phrases(
    "am i speaking with",
    "am i speaking to",
    "calling from",
    "calling on behalf of",
    "se baat kar raha hoon",
    "se baat kar rahi hoon",
    "se bol raha hoon",
    "se bol rahi hoon",
    "से बात कर रहा हूँ",
    "से बात कर रही हूँ",
    "से बोल रहा हूँ",
    "से बोल रही हूँ",
)
INTRODUCTIONS = as_phrases(
    "my name is",
    "this is",
    "you are speaking with",
    "you're speaking with",
    "mera naam",
    "main bol raha",
    "main bol rahi",
    "मेरा नाम",
    "मैं बोल रहा",
    "मैं बोल रही",
)
HOLDS = as_phrases(
    "please hold",
    "hold the line",
    "on hold",
    "stay on the line",
    "bear with me",
    "let me check",
    "let me pull up",
    "one moment please",
    "thank you for holding",
    "thanks for holding",
    "thank you for waiting",
    "transfer your call",
    "transfer you",
    "hold kijiye",
    "hold par",
    "line par bane",
    "check karke batata",
    "check karke batati",
    "होल्ड कीजिए",
    "होल्ड पर",
    "लाइन पर बने",
    "चेक करके बताता",
    "चेक करके बताती",
)
MENUS = as_phrases(
    "press one",
    "press 1",
    "press two",
    "press 2",
    "press zero",
    "press 0",
    "press star",
    "press the hash",
    "please enter your",
    "all our agents are busy",
    "your call is important to us",
    "ek dabaye",
    "एक दबाएँ",
    "एक दबाएं",
)
_INTERROGATIVES = as_phrases(
    *("what", "what's", "why", "how", "how's", "when", "where", "where's", "who", "who's"),
    *("whom", "whose", "which", "can you", "can i", "could you", "could i", "would you"),
    *("will you", "do you", "did you", "does it", "does that", "are you", "is it", "is that"),
    *("is there", "have you", "has it", "may i", "shall i", "shall we", "should i"),
    *("kya", "kyun", "kyon", "kyu", "kaise", "kab", "kahan", "kaun", "kaunsa", "kaunsi"),
    *("kitna", "kitne", "kitni", "kis"),
    *("क्या", "क्यों", "कैसे", "कब", "कहाँ", "कहां", "कौन", "कौनसा", "कितना", "कितने"),
    *("कितनी", "किस"),
)


def sentences(text: str) -> list[str]:
    """Return the sentences with their closing marks; those without a word vanish."""
    return [s.strip() for s in _SENTENCE.findall(text) if tokens(s)]


def is_question(sentence: str) -> bool:
    """Whether it ends with a question mark or starts with an interrogative (calls spec, 11)."""
    if sentence.rstrip(" \"'”’)").endswith(_QUESTION_MARKS):
        return True
    return f" {' '.join(tokens(sentence))} ".startswith(_INTERROGATIVES)
