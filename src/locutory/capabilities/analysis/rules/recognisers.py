"""Amounts, times and deciders in a sentence, in the words that were said, English and Hindi."""

import re
from collections.abc import Sequence

from locutory.capabilities.analysis.rules.matching import cue, first_match, spaced, word_set
from locutory.kernel.numerals import MAGNITUDES, SMALL
from locutory.kernel.words import LETTER, fold

_TOKEN = re.compile(rf"[₹$€£]|\d+(?:[.,]\d+)*|{LETTER}+")
_SIGNS = frozenset("₹$€£")
_CURRENCIES = word_set(
    "rs inr usd eur gbp aed rupee rupees rupaye rupaiye rupya dollar dollars euro euros pound"
    " pounds dirham dirhams bucks रुपये रुपए रुपया रुपयों डॉलर"
)
_SHORT_MAGNITUDES = word_set("k l cr lac lacs lakhs crores mn hazaar hazar")
_LARGE = 1000
# Numbers only by chance: "no one", "I do".
_SMALL_TALK = word_set("one o oh do che sat das tin char ath saath tees ek एक")
_JOINERS = frozenset({"and", "point"})

# "two thousand users" is no price.
_COUNTED = word_set(
    "people users employees customers calls units km kilometers kilometres miles years months"
    " days hours minutes seats agents students square sqft feet leads licences licenses log"
    " saal mahine din ghante लोग साल महीने दिन"
)

_MONTH = (
    r"(?:january|february|march|april|june|july|august|september|october|november|december"
    r"|jan|feb|aug|sept|oct|nov|dec)"
)
_MONTH_HI = (
    r"(?:जनवरी|फरवरी|फ़रवरी|मार्च|अप्रैल|मई|जून|जुलाई|अगस्त|सितंबर|अक्टूबर|नवंबर|दिसंबर"
    r"|march|april|june|july|august|diwali|holi|दिवाली|होली)"
)
_DAY = r"(?:monday|tuesday|wednesday|thursday|friday|saturday|sunday)"
_SEASON = r"(?:spring|summer|autumn|winter)"
_SPAN = r"(?:days?|weeks?|months?|quarters?|years?)"
_SPAN_HI = r"(?:din|dino|hafte|haftey|mahine|mahino|saal|दिन|दिनों|हफ़्ते|हफ्ते|महीने|महीनों|साल)"
_COUNT = (
    r"(?:\d+|a|an|one|two|three|four|five|six|eight|ten|twelve|couple of|few|ek|do|teen|char|chaar"
    r"|paanch|chhe|एक|दो|तीन|चार|पांच|पाँच|छह|कुछ)"
)
_TIME = cue(
    rf"(?:within|in|over|after|by) (?:the )?(?:next )?(?:a )?{_COUNT}(?: (?:or|to|-) {_COUNT})?"
    rf" {_SPAN}",
    r"(?:this|next|(?:the )?coming|(?:(?:by|before) (?:the )?)?end of (?:the|this|next))"
    rf" (?:{_SPAN}|weekend|{_DAY}|{_SEASON}|{_MONTH})",
    rf"(?:by|before|in|from|on|around|until) (?:the )?(?:(?:early|mid|late|end of) )?"
    r"(?:\d{1,2}(?:st|nd|rd|th)? )?"
    rf"(?:{_MONTH}|may|{_DAY}|20\d\d|q[1-4]|diwali|christmas|tomorrow|tonight|year end)"
    r"(?: 20\d\d)?",
    r"(?:tomorrow|today|tonight|immediately|right away|asap|as soon as possible|straight away"
    r"|urgently)",
    r"(?:q[1-4]|(?:first|second|third|last) quarter)",
    r"before (?:the |my |our |next )?(?:monsoon|rains|school|wedding|season|holidays|summer"
    r"|winter|new"
    r" year|lease|festive season|festival|exams?|financial year|fiscal year)(?: \w+)?",
    r"(?:no later than|at the latest by|sometime|some time) (?:in |by )?(?:the )?(?:\w+ )?"
    rf"(?:{_MONTH}|{_DAY}|{_SPAN}|{_SEASON})|(?:later|early|earlier|sometime) (?:this|next)"
    rf" {_SPAN}",
    rf"{_COUNT} {_SPAN_HI} (?:mein|me|ke andar|tak|baad|में|के अंदर|तक|बाद)",
    rf"{_MONTH_HI} (?:mein|me|tak|se pehle|में|तक|से पहले)",
    rf"(?:agle|aglay|is|isi|अगले|इस|इसी) {_SPAN_HI}",
    r"(?:turant|parso|kal|aaj|abhi ke abhi|jaldi se jaldi|तुरंत|कल|आज|अभी के अभी|जल्दी से जल्दी)",
)

_TITLE = (
    r"(?:owner|co-owner|founder|co-founder|director|managing director|ceo|cto|cfo|coo|president"
    r"|vice president|vp|partner|proprietor|head|decision maker|one who decides|manager|principal"
    r"|malik|मालिक)"
)
_SELF = cue(
    rf"(?:i am|i'm) (?:the |a |an |one of the )?{_TITLE}(?!'s)(?: of [\w\u0900-\u0963]+)?",
    r"(?<!\band\W)(?:i|i myself|we) (?:alone )?(?:will |can )?"
    r"(?:decide|make (?:the|all the|that|those|these) decisions?"
    r"|take (?:the|all the) decisions?|approve|sign off|have the final (?:say|call|word))",
    r"(?:it is|it's|that is|that's) (?:my|entirely my|my own) (?:decision|call)",
    r"(?:the )?(?:final )?decision (?:is|will be) mine",
    r"(?:i|we) (?:don't|do not) (?:need|have) to (?:ask|check with|consult) any(?:one|body)",
    r"(?:no one|nobody) else (?:is involved|decides|to ask|needs to approve)|(?:just|only) me",
    r"(?:i handle|i look after|i take care of|i'm in charge of|i am in charge of|i'm responsible"
    r" for|i am responsible for|i manage) (?:all )?(?:the |our |these |such )?(?:purchas\w+|buying"
    r"|procurement|budgets?|decisions|vendors?|suppliers?|finances)",
    r"(?:i'm|i am) (?:the )?(?:only|sole|main|final) (?:one|decision maker|owner|person)",
    r"(?:i'm|i am) the one (?:who|making|paying|buying|deciding|signing)",
    r"i have the (?:authority|final (?:say|call|word))|i can (?:sign|approve|decide)",
    r"it's my (?:own )?(?:business|company|shop|money)|i run (?:the|my own|this) (?:business"
    r"|company|shop)",
    r"(?:main|mai|mein) (?:khud|hi) .{0,30}(?:faisla|decide|decision|tay)",
    r"(?:faisla|decision) (?:main|mai|mera|mein|meri)",
    r"(?:मैं|मै) (?:खुद|ख़ुद|ही) .{0,30}(?:फैसला|फ़ैसला|निर्णय|तय)",
    r"(?:फैसला|फ़ैसला|निर्णय) (?:मैं|मेरा)",
)
_SELF_SHORT = re.compile(
    r"(?:(?:yes|yeah|haan|ji|हाँ|हां|जी)[\s,]+)?"
    r"(?:i do|i will|i am|it's me|myself|only me|just me|me|main|main khud|मैं|मैं खुद|मैं ही)"
    r"(?:\s+(?:alone|only|myself))?",
    re.IGNORECASE,
)
_ANSWER_END = ".,;!। \t"

_OTHER = cue(
    r"(?:my|our|the|meri|mere|hamare|मेरी|मेरे|हमारे) (?:wife|husband|spouse|(?:business"
    r" )?partners?|family"
    r"|parents"
    r"|father|mother|dad|mom|brother|sister|son|daughter|boss|manager|director|owner|founder|ceo"
    r"|cfo|cto|president|vice president|committee|board|management|finance team|head office"
    r"|purchase team|procurement(?: team)?|head of [\w]+|patni|pati|papa|pitaji|mummy|bhai|malik"
    r"|पत्नी|पति|पापा|पिताजी|मम्मी|माता|बॉस|मैनेजर|पार्टनर|भाई|परिवार|मालिक)",
    r"my (?:team|company)",
)


def find_money(text: str) -> str | None:
    """The first amount, such as `$500` or `fifty lakh rupees`; a bare number is none.

    An amount carries a currency, or a magnitude of a thousand or more and no counted noun.
    """
    found = list(_TOKEN.finditer(text))
    folded = [fold(token.group()) for token in found]
    at = 0
    while at < len(found):
        end = _number_end(folded, at)
        if end > at and _is_amount(folded, at, end):
            first = at - 1 if at > 0 and _is_currency(folded[at - 1]) else at
            last = end if end < len(folded) and _is_currency(folded[end]) else end - 1
            return spaced(text[found[first].start() : found[last].end()])
        at = max(end, at + 1)
    return None


def find_number(text: str) -> str | None:
    """The first number of an answer to a question for an amount: `between 40 and 50`."""
    folded = [(token, fold(token.group())) for token in _TOKEN.finditer(text)]
    tokens = [word for _, word in folded]
    for at in range(len(folded)):
        end = _number_end(tokens, at)
        counted = end < len(tokens) and tokens[end] in _COUNTED
        if end > at and tokens[at] not in _SMALL_TALK and not counted:
            return spaced(text[folded[at][0].start() : folded[end - 1][0].end()])
    return None


def find_date(text: str) -> str | None:
    """The first time ahead, such as `next month` or `by March`."""
    return first_match(_TIME, text)


def find_own_authority(text: str, *, asked: bool = False) -> str | None:
    """Words by which the speaker claims the decision; a bare `I do` counts only where `asked`."""
    claimed = first_match(_SELF, text)
    if claimed or not asked:
        return claimed
    answer = spaced(text).strip(_ANSWER_END)
    return answer if _SELF_SHORT.fullmatch(answer) else None


def find_role(text: str) -> str | None:
    """The first other person or body that may decide, such as `my husband` or `the board`."""
    return first_match(_OTHER, text)


def _is_currency(word: str) -> bool:
    return word in _SIGNS or word in _CURRENCIES


def _is_magnitude(word: str) -> bool:
    return MAGNITUDES.get(word, 0) >= _LARGE or word in _SHORT_MAGNITUDES


def _is_number(word: str) -> bool:
    return word[0].isdigit() or word in SMALL


def _number_end(folded: Sequence[str], at: int) -> int:
    """The index after the spoken or written number that starts at `at`; `at` where none does."""
    if not _is_number(folded[at]):
        return at
    end = at + 1
    if not folded[at][0].isdigit() and end < len(folded) and folded[end][0].isdigit():
        return at  # "I do 20k": the Hindi two is an English verb
    while end < len(folded) and (
        _is_number(folded[end])
        or folded[end] in MAGNITUDES
        or folded[end] in _SHORT_MAGNITUDES
        or (folded[end] in _JOINERS and end + 1 < len(folded) and _is_number(folded[end + 1]))
    ):
        end += 1
    return end


def _is_amount(folded: Sequence[str], at: int, end: int) -> bool:
    before = folded[at - 1] if at else ""
    after = folded[end] if end < len(folded) else ""
    if _is_currency(before) or _is_currency(after):
        return True
    return any(_is_magnitude(word) for word in folded[at:end]) and after not in _COUNTED
