"""How budget, authority, need and timeline are recognised in a sentence."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from locutory.capabilities.analysis.rules.matching import cue, spaced, straight
from locutory.capabilities.analysis.rules.recognisers import (
    find_date,
    find_money,
    find_number,
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

    name: str
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
    r"|interested in|searching for|would like|i'd like|looking at|thinking (?:of|about) (?:buying"
    r"|getting|investing in|upgrading|switching|changing|taking|building|renovating|joining|a|an)"
    r"|considering|in the market for|enquiring about|inquiring about|calling about your"
    r"|struggling with"
    r"|having (?:trouble|issues|problems) with|we could use|hoping to (?:buy|get|find|build)"
    r"|planning (?:to (?:buy|get|build|renovate|invest|upgrade|open)|on (?:buying|getting)))"
)

# What is wanted is a thing, or to do what one does with a thing that is to be had: "I need to think
# about it" is a way to leave, and what a customer of a service wants done is no need to buy.
_ACQUIRES = (
    r"(?:buy|get|have|find|rent|hire|book|order|learn|start|join|install|build|renovate|insure"
    r"|invest|move|sell|open|replace|switch|upgrade|sign up|put in|set up"
    r"|go (?:to|for|on|with|from)|bring (?:it|that|this|our|the|down)|see (?:an?|the|some)"
    r"|improve|reduce|automate|plan)"
)
_NOT_A_NEED = (
    rf"(?! to (?!{_ACQUIRES}\b))"
    r"(?! (?:to )?(?:get (?:my|it|this|that|back|through|hold)|have (?:my|it|this|that|to)"
    r"|start (?:by|with)|sell (?:you|me)|move (?:my|it|the)|open (?:my|it|the))\b)"
    r"(?! (?:some |more |a bit of )?time\b)"
    r"(?! (?:my|your|you|me|him|her|them|the (?:money|wrong|one)|someone|somebody|help|some help"
    r"|any help|assistance|an? (?:say|refund|full refund|replacement|explanation|manager|answer"
    r"|update|callback|call back))\b)"
)
_NEED_HINDI = (
    r"(?<!nahi\W)(?<!nahin\W)(?<!नहीं\W)(?:chahiye|chahie|ki zaroorat|ki zarurat|dhoondh\w*"
    r"|chahta|chahti|चाहिए|की ज़रूरत|की जरूरत|ढूंढ|चाहता|चाहती)(?! (?:nahi|nahin|नहीं))"
)
_NEED_OBJECT = cue(
    rf"{_NEED_VERB}{_NOT_A_NEED}(?: to)? (?!(?:it|that|this|you"
    rf"|any)\b)(?![\d₹$€£])(?P<value>[^.,;!?।]{{3,80}})"
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


_THING = re.compile(
    r"(?:(?:well|um|uh|so|yes|yeah|probably|maybe|just|actually|preferably)[\s,]+)*"
    r"(?P<value>(?:an?|some|something|two|three|four|five|\d+) (?!(?:refund|complaint|replacement"
    r"|question|problem|minute|second|moment|bit|few|couple|month|week|day|year|lot|lakh)s?\b)"
    r"[^.,;!?।]{5,80})",
    re.IGNORECASE,
)


def find_thing(text: str) -> str | None:
    """What an answer to `what are you looking for` begins with: `a small car`."""
    match = _THING.match(straight(text))
    return spaced(text[match.start("value") : match.end("value")]) if match else None


_BUDGET_WORDS = (
    r"budget|afford|(?:price|spending) (?:range|limit)|spend|spending|set aside|willing to pay"
    r"|(?:pay|paying) up to|looking to (?:pay|invest)|invest|bajat|kharch\w*|बजट|खर्च|ख़र्च"
)
_BUDGET = cue(_BUDGET_WORDS)
# With an amount these speak of a budget, without one they say nothing.
_BUDGET_WITH_AMOUNT = cue(
    _BUDGET_WORDS,
    r"(?:i|we)(?:'d| can| could| would| might)? (?:go|stretch|come|manage|pay|do)(?: up)? to",
    r"how much (?:can|are|were|would|do) you (?:\w+ ){0,2}(?:spend|pay|invest|looking|thinking"
    r"|planning|want to)|kitne (?:mein|me|tak)|कितने (?:में|तक)",
    r"not (?:more|above|over|beyond) than|(?:no|not) more than|maximum of|at most|upper limit"
    r"|(?:my|our) (?:range|limit|maximum|max|ceiling) (?:is|would be)",
    r"(?:i|we) (?:can|could) (?:pay|manage|arrange|put in|do)|comfortable (?:with|paying)",
    r"(?:i am|i'm|we are|we're|was|were) (?:thinking|looking) (?:of |at )?(?:around|about"
    r"|somewhere|in the (?:range|region))",
    r"(?:i|we)(?:'ve| have)? (?:have|got|saved|saved up|allocated|earmarked|kept) (?:around |about"
    r" |roughly |nearly |some )?(?:rs|₹|\$|£|€|\d|\w+ (?:lakh|lakhs|thousand|crore|hundred|grand))",
    r"(?:tak|ke andar|ke aas ?paas|तक|के अंदर|के आसपास) (?:ka|ki|hai|ho|chalega|theek|de|le|का"
    r"|की|है|हो"
    r"|चलेगा|ठीक|दे|ले)\S*",
)
# Of somebody else's spending, or a form's approval, nothing follows.
_BARE_BUDGET = cue(
    r"budget|can afford|could afford|set aside|willing to pay|(?:price|spending) (?:range|limit)",
    r"(?:i|we)(?:'d|'m|'re|'ve| can| could| would| want to| am| are)? (?:\w+ ){0,2}(?:spend"
    r"|spending|pay up to)",
    r"bajat|बजट",
)
_BARE_AUTHORITY = cue(
    r"decid\w+|decision|decisions|decision maker|sign off|signs off|final (?:say|call|word)"
    r"|faisla|nirnay|फैसला|फ़ैसला|निर्णय|sign-off|go-ahead|green light|signatory",
    r"(?:i'm|i am|i'd be|as) (?:\w+ ){0,2}(?:owner|founder|director|proprietor|ceo|boss)",
    r"(?:ask|check with|discuss (?:it )?with|consult|talk to|speak to|speak with) (?:my|our)",
    r"(?:has|have|needs?) to agree|convince|run (?:it|this|that) (?:by|past)"
    r"|handles? (?:the |all )?(?:purchas\w+|buying|money|finances)|salah|malik|मालिक",
)
_AUTHORITY = cue(
    r"decid\w+|decision|decisions|decision maker|approve|approves|approval|authori[sz]\w+"
    r"|sign off|signs off|signed off|final (?:say|call|word)|authority|faisla|nirnay"
    r"|owner|founder|director|ceo|managing director|proprietor|malik"
    r"|फैसला|फ़ैसला|निर्णय|मालिक|पूछना"
    r"|(?:ask|check with|discuss (?:it )?with|consult|talk to|speak to|speak with) (?:my|the|our)"
    r"|(?:puch|pooch)\w*"
    r"|involved|anyone else|anybody else|who else|on your own|sign-off|permission|go-ahead|green"
    r" light|signatory|in charge|has to agree|have to agree"
    r"|needs? to agree|agrees|convince|run (?:it|this|that) (?:by|past)|handles? (?:the |all )?"
    r"(?:purchas\w+|buying|money|finances)|salah|(?:se|ke saath) (?:baat|discuss)|(?:से|के साथ)"
    r" (?:बात|चर्चा)"
)

ELEMENTS: dict[str, Element] = {
    "budget": Element(
        name="budget",
        cue=_BUDGET_WITH_AMOUNT,
        denial=cue(
            r"no budget(?! (?:limit|constraint|issue|problem|concern)s?)"
            r"|(?:do not|don't|didn't|haven't) (?:have|got) (?:a |any |the )?budget"
            r"|can't afford|cannot afford|can not afford|(?:budget|bajat) (?:nahi|nahin)|बजट नहीं"
        ),
        value=lambda text, asked: find_money(text) or (find_number(text) if asked else None),
        bare=_BARE_BUDGET,
    ),
    "authority": Element(
        name="authority",
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
        bare=_BARE_AUTHORITY,
    ),
    "need": Element(
        name="need",
        cue=cue(
            rf"{_NEED_VERB}{_NOT_A_NEED}|requirements?|pain point|(?:main|biggest) (?:problem"
            rf"|issue|challenge)"
            rf"|how (?:may|can) (?:i|we) (?:help|assist)|zaroorat|zarurat|ज़रूरत|जरूरत"
            rf"|{_NEED_HINDI}"
        ),
        denial=cue(
            r"not interested(?! in (?:waiting|a delay))"
            r"|(?:don't|do not) (?:need|want|require) (?:it|this|that|any|anything)"
            r"|no (?:need|requirement)(?! to)|zaroorat (?:nahi|nahin)|zarurat (?:nahi|nahin)"
            rf"|^(?:nahi|nahin) chahiye|{_SELF_HINDI} (?:nahi|nahin) chahiye"
            rf"|ज़रूरत नहीं|जरूरत नहीं|^नहीं चाहिए|{_SELF_HINDI} नहीं चाहिए"
        ),
        value=lambda text, asked: find_need(text) or (find_thing(text) if asked else None),
        bare=cue(
            rf"{_NEED_VERB}{_NOT_A_NEED}|requirements?|pain point|(?:main|biggest) (?:problem|issue"
            rf"|challenge)|{_NEED_HINDI}"
        ),
        unrelated=cue(
            r"(?:do|does|will|would|should|did|don't) (?:i|we|you) (?:still |also |really |even"
            r" )?(?:need"
            r"|want|require)|what (?:do|else do|documents do) (?:i|we) need|what i need from you"
            r"|(?:all|everything) (?:i|we) (?:need|needed|want|wanted)"
        ),
        latest=False,
    ),
    "timeline": Element(
        name="timeline",
        cue=cue(
            r"timeline|time frame|timeframe|deadline|when|by when|how soon|plan to|planning to"
            r"|planning|looking to|want to (?:buy|start|move|close|decide|purchase|go live|join)"
            r"|need (?:it|this|to)|move in|moving in|go live|deliver\w*|join"
            r"|start|starting|begin|buy|purchase|decide|close|finali[sz]e|possession|launch"
            r"|ideally|hopefully|done by|ready by|up and running|installed?|need (?:them|one"
            r"|everything|that)"
            r"|want (?:it|this|them|everything)|shift|shifting|move|moving|upgrade|switch|get"
            r" (?:it|this|one)"
            r"|in place|target|no later than|at the latest"
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
            r"|phone karo|call karo|send|email|visit|appointment|meeting|demo|reminder|refund"
            r"|(?:my|the|your) (?:order|parcel|package|bill|payment|technician|engineer|complaint"
            r"|replacement|subscription|card|account|booking|reply|letter|invoice|email|ticket"
            r"|flight)"
            r"|was supposed to|were supposed to|was promised|promised me|last (?:week|month|year)"
        ),
    ),
}
