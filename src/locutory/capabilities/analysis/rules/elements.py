"""How budget, authority, need and timeline are recognised in a sentence."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from locutory.capabilities.analysis.rules.matching import cue, spaced, straight
from locutory.capabilities.analysis.rules.recognisers import (
    find_date,
    find_money,
    find_own_authority,
    find_role,
)


@dataclass(frozen=True, slots=True)
class Element:
    """One element's patterns; all of them look at one sentence.

    `cue` brings the element up, `denial` denies it. `value` takes a text and whether it answers a
    question. `hint` gives a value that is never worth more than partial. `bare` is what counts as
    partial without any value. `unrelated` sentences do not count. `latest` says whether a later
    value of the same strength replaces an earlier one.
    """

    cue: re.Pattern[str]
    denial: re.Pattern[str]
    value: Callable[[str, bool], str | None]
    bare: re.Pattern[str]
    hint: Callable[[str], str | None] = lambda _text: None
    unrelated: re.Pattern[str] | None = None
    latest: bool = True


_NOT_DENIED = r"(?<!n't\W)(?<!\bnot\W)(?<!\bnever\W)(?<!\bno\W)"
_NEED_VERB = (
    rf"{_NOT_DENIED}(?:need|needed|want|wanted|require|looking for|looking to|look for"
    r"|interested in|searching for|would like|i'd like)"
)

# "I need to think about it" is a way to leave, not a need.
_NOT_A_NEED = (
    r"(?! (?:some |more |a bit of )?time\b)"
    r"(?! (?:to )?(?:think|go|ask|check|talk|speak|know|discuss|confirm|leave|hang|complain"
    r"|consult|decide|see(?! (?:a|an|the|some)\b))\b)"
)
_NEED_HINDI = (
    r"(?<!nahi\W)(?<!nahin\W)(?<!नहीं\W)(?:chahiye|chahie|ki zaroorat|ki zarurat|dhoondh\w*"
    r"|chahta|chahti|चाहिए|की ज़रूरत|की जरूरत|ढूंढ|चाहता|चाहती)(?! (?:nahi|nahin|नहीं))"
)
_NEED_OBJECT = cue(
    rf"{_NEED_VERB}{_NOT_A_NEED}(?: to)? (?!(?:it|that|this|you|any)\b)(?P<value>[^.,;!?।]{{3,80}})"
)
_NEED_OBJECT_HINDI = cue(
    r"(?:(?:mujhe|humein|hume|hamein|mujhko|मुझे|हमें|मुझको) )?"
    rf"(?P<value>[^\s.,;!?।][^.,;!?।]{{2,79}}?) {_NEED_HINDI}"
)
_SELF_HINDI = r"(?:mujhe|humein|hume|hamein|mujhko|kuch|kuchh|koi|abhi|मुझे|हमें|मुझको|कुछ|कोई|अभी)"


def find_need(text: str) -> str | None:
    """What a customer says to need, in the words that were said."""
    plain = straight(text)
    match = _NEED_OBJECT.search(plain) or _NEED_OBJECT_HINDI.search(plain)
    return spaced(text[match.start("value") : match.end("value")]) or None if match else None


_BUDGET = cue(
    r"budget|afford|(?:price|spending) (?:range|limit)|spend|spending|set aside|willing to pay"
    r"|(?:pay|paying) up to|looking to (?:pay|invest)|invest|bajat|kharch\w*|बजट|खर्च|ख़र्च"
)
_AUTHORITY = cue(
    r"decid\w+|decision|decisions|decision maker|approve|approves|approval|authori[sz]\w+"
    r"|sign off|signs off|signed off|final (?:say|call|word)|authority|faisla|nirnay"
    r"|owner|founder|director|ceo|managing director|proprietor|malik"
    r"|फैसला|फ़ैसला|निर्णय|मालिक|पूछना"
    r"|(?:ask|check with|discuss (?:it )?with|consult|talk to|speak to|speak with) (?:my|the|our)"
    r"|(?:puch|pooch)\w*"
)

ELEMENTS: dict[str, Element] = {
    "budget": Element(
        cue=_BUDGET,
        denial=cue(
            r"no budget(?! (?:limit|constraint|issue|problem|concern)s?)"
            r"|(?:do not|don't|didn't|haven't) (?:have|got) (?:a |any |the )?budget"
            r"|can't afford|cannot afford|can not afford|(?:budget|bajat) (?:nahi|nahin)|बजट नहीं"
        ),
        value=lambda text, _asked: find_money(text),
        bare=_BUDGET,
    ),
    "authority": Element(
        cue=_AUTHORITY,
        denial=cue(
            r"(?:i am|i'm) not the (?:one who decides|decision maker|right person|owner|person)"
            r"|(?:i|we) (?:don't|do not|can't|cannot) (?:decide|approve"
            r"|make (?:the|that|this|those|these|any) decisions?)"
            r"|not (?:my|our) (?:decision|call)|(?:main|mai) (?:decide|faisla) (?:nahi|nahin)"
            r"|मैं (?:फैसला|फ़ैसला) नहीं"
        ),
        value=lambda text, asked: find_own_authority(text, asked=asked),
        hint=find_role,
        bare=_AUTHORITY,
    ),
    "need": Element(
        cue=cue(
            rf"{_NEED_VERB}{_NOT_A_NEED}|requirements?|{_NOT_DENIED}problem|pain point|not working"
            rf"|how (?:may|can) (?:i|we) (?:help|assist)|zaroorat|zarurat|ज़रूरत|जरूरत|{_NEED_HINDI}"
        ),
        denial=cue(
            r"not interested(?! in (?:waiting|a delay))"
            r"|(?:don't|do not) (?:need|want|require) (?:it|this|that|any|anything)"
            r"|no (?:need|requirement)(?! to)|zaroorat (?:nahi|nahin)|zarurat (?:nahi|nahin)"
            rf"|^(?:nahi|nahin) chahiye|{_SELF_HINDI} (?:nahi|nahin) chahiye"
            rf"|ज़रूरत नहीं|जरूरत नहीं|^नहीं चाहिए|{_SELF_HINDI} नहीं चाहिए"
        ),
        value=lambda text, _asked: find_need(text),
        bare=cue(
            rf"{_NEED_VERB}{_NOT_A_NEED}|requirements?|{_NOT_DENIED}problem|pain point|not working"
            rf"|{_NEED_HINDI}"
        ),
        latest=False,
    ),
    "timeline": Element(
        cue=cue(
            r"timeline|time frame|timeframe|deadline|when|by when|how soon|plan to|planning to"
            r"|planning|looking to|want to (?:buy|start|move|close|decide|purchase|go live|join)"
            r"|need (?:it|this|to)|move in|moving in|go live|deliver\w*|join"
            r"|start|starting|begin|buy|purchase|decide|close|finali[sz]e|possession|launch"
            r"|kab|shuru|kharidna|khareedna|lena hai|chahiye|कब|शुरू|खरीदना|लेना है|चाहिए"
        ),
        denial=cue(
            r"no (?:rush|hurry|timeline|deadline|fixed timeline)|not in (?:a|any) (?:rush|hurry)"
            r"|not (?:any time|anytime) soon|just (?:looking|browsing)(?! (?:for|to|into|at))"
            r"|(?:koi )?jaldi (?:nahi|nahin)|जल्दी नहीं"
        ),
        value=lambda text, _asked: find_date(text),
        bare=cue(r"timeline|time frame|timeframe|deadline|urgent|(?:quite |very |pretty )?soon"),
        unrelated=cue(
            r"call (?:me|you|us)|call back|callback|speak (?:to you )?(?:again )?(?:on|in|next)"
            r"|phone karo|call karo|send|email|visit"
        ),
    ),
}
