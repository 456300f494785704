"""Amounts, times and decision makers in a sentence, returned in the words that were said."""

import re

_NUMBER = (
    r"(?:\d+(?:[.,]\d+)*|(?:(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve"
    r"|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen|twenty|thirty|forty|fifty"
    r"|sixty|seventy|eighty|ninety|hundred|a|half|couple of|few|एक|दो|तीन|चार|पांच|पाँच|छह|सात|आठ|नौ"
    r"|दस|बीस|पच्चीस|तीस|चालीस|पचास|ek|teen|char|paanch|das|bees|pachas)[\s-]){1,4})"
)
_SCALE = r"(?:thousand|k|lakhs?|lacs?|million|crores?|hazaar|hazar|हजार|हज़ार|लाख|करोड़)"
_CURRENCY = r"(?:dollars?|rupees?|rs|inr|usd|euros?|pounds?|bucks|rupaye|रुपये|रुपए|रुपया)"
_MONEY = re.compile(
    rf"(?:[$€£₹]|\b(?:rs|inr|usd)\b\.?)\s?\d+(?:[.,]\d+)*(?:\s?{_SCALE}(?!\w))?"
    rf"|(?<!\w){_NUMBER}\s?{_SCALE}(?!\w)(?:\s{_CURRENCY}(?!\w))?"
    rf"|(?<!\w){_NUMBER}\s?{_CURRENCY}(?!\w)",
    re.IGNORECASE,
)

_MONTH = (
    r"(?:january|february|march|april|may|june|july|august|september|october|november|december"
    r"|जनवरी|फरवरी|मार्च|अप्रैल|मई|जून|जुलाई|अगस्त|सितंबर|अक्टूबर|नवंबर|दिसंबर)"
)
_SPAN = r"(?:days?|weeks?|months?|quarters?|years?|दिन|हफ्ते|हफ़्ते|महीने|साल|din|hafte|mahine|saal)"
_DATE = re.compile(
    rf"(?:within|in|after|next|by|over)\s(?:the\s(?:next\s)?)?{_NUMBER}\s?{_SPAN}(?!\w)"
    rf"|\b(?:this|next|coming)\s(?:{_SPAN}|weekend|monday|tuesday|wednesday|thursday|friday"
    r"|saturday|sunday|spring|summer|autumn|winter)\b"
    rf"|\b(?:by|in|before|until|from)\s(?:the\s)?(?:end\sof\s)?(?:\d{{1,2}}(?:st|nd|rd|th)?\s)?{_MONTH}"
    r"(?:\s\d{4})?|\b(?:by|before)\s(?:the\s)?end\sof\s(?:the\s)?(?:month|quarter|year|week)\b"
    r"|\b(?:today|tomorrow|tonight|immediately|right away|as soon as possible|asap|kal|parso|aaj"
    rf"|turant)\b|\b(?:agle|is)\s{_SPAN}|(?:अगले|इस)\s{_SPAN}|कल(?!\w)|आज(?!\w)|तुरंत"
    r"|(?<!\d)20[2-4]\d(?!\d)",
    re.IGNORECASE,
)

_ROLE = re.compile(
    r"\b(?:my |our |the )?(?:manager|boss|director|owner|ceo|cfo|cto|founder|partner|committee"
    r"|board|procurement|finance team|head of \w+|vice president|president|husband|wife|father"
    r"|mother|dad|mom|parents|brother|family|spouse|malik|pati|patni|papa|pitaji)\b"
    r"|\b(?:i am|i'm) the (?:decision maker|one who decides)\b|\bi (?:decide|make the decisions?)\b"
    r"|मालिक|पति|पत्नी|पापा|पिताजी|माता|बॉस|मैनेजर|परिवार",
    re.IGNORECASE,
)


def find_money(text: str) -> str | None:
    """The first amount, such as `$500` or `fifty lakh rupees`; a bare number is none."""
    return _first(_MONEY, text)


def find_date(text: str) -> str | None:
    """The first time ahead, such as `next month` or `by March`."""
    return _first(_DATE, text)


def find_role(text: str) -> str | None:
    """The first person or body that may decide, such as `my husband` or `the board`."""
    return _first(_ROLE, text)


def _first(pattern: re.Pattern[str], text: str) -> str | None:
    found = pattern.search(text)
    return " ".join(found.group().split()) if found else None
