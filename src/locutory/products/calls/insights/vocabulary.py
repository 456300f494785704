"""The words in which people ask for counts, and what they stand for."""

from collections.abc import Mapping

from locutory.products.calls.insights.contract import Group, Measure, Value
from locutory.products.calls.records.contract import Direction, Status

STATUSES = {
    "done": Status.DONE,
    "completed": Status.DONE,
    "finished": Status.DONE,
    "failed": Status.FAILED,
    "fail": Status.FAILED,
    "pending": Status.PENDING,
    "waiting": Status.PENDING,
    "transcribed": Status.TRANSCRIBED,
    "skipped": Status.SKIPPED,
}
DIRECTIONS = {
    "inbound": Direction.INBOUND,
    "incoming": Direction.INBOUND,
    "outbound": Direction.OUTBOUND,
    "outgoing": Direction.OUTBOUND,
    "internal": Direction.INTERNAL,
}
LANGUAGES = {
    "english": "en",
    "hindi": "hi",
    "bengali": "bn",
    "tamil": "ta",
    "telugu": "te",
    "marathi": "mr",
    "gujarati": "gu",
    "kannada": "kn",
    "malayalam": "ml",
    "punjabi": "pa",
    "urdu": "ur",
    "spanish": "es",
    "french": "fr",
    "german": "de",
    "arabic": "ar",
}
_OBJECTION_KEYS = (
    *("price", "budget", "timing", "authority", "need", "competitor", "trust", "product_fit"),
    *("location", "process"),
)
_TOPIC_KEYS = (
    *("pricing", "billing", "refund", "payment", "delivery", "booking", "cancellation"),
    *("complaint", "technical_support", "account_access", "product_information", "availability"),
    *("site_visit", "finance_loan", "documents", "contract", "onboarding", "warranty_repair"),
    *("feedback_praise", "callback"),
)
OBJECTIONS = {
    **{key.replace("_", " "): key for key in _OBJECTION_KEYS},
    "pricing": "price",
}
TOPICS = {key.replace("_", " "): key for key in _TOPIC_KEYS}
VALUES: Mapping[str, Value] = {
    "score": Value.SCORE,
    "scores": Value.SCORE,
    "quality": Value.SCORE,
    "quality score": Value.SCORE,
    "quality scores": Value.SCORE,
    "overall score": Value.SCORE,
    "duration": Value.DURATION,
    "length": Value.DURATION,
    "call duration": Value.DURATION,
    "call length": Value.DURATION,
    "sentiment": Value.SENTIMENT,
    "talk ratio": Value.TALK_RATIO,
    "bant": Value.BANT,
    "bant score": Value.BANT,
}
GROUPS: Mapping[str, Group] = {
    **{group.value: group for group in Group},
    **{f"{group.value}s": group for group in Group},
    "statuses": Group.STATUS,
    "objection type": Group.OBJECTION,
    "objection types": Group.OBJECTION,
    "floor agent": Group.AGENT,
    "floor agents": Group.AGENT,
}
ADVERBS = {"daily": Group.DAY, "weekly": Group.WEEK, "monthly": Group.MONTH}


def _set(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


CALLS = _set(
    "call calls conversation conversations recording recordings कॉल कॉल्स कॉलें calls' conversations'"
)
FILLER = CALLS | _set(
    "a all and are been by came come did do does for from gave give got had handle handled handles"
    " has have in is it made make makes me my of on our please show so take taken takes tell that"
    " the there their these they this those to took us was we were what what's when which who"
    " with you your"
    " aaye aaya aayi aai hue hui hain hai the thi mein me ki ka ke"
    " आए आयी आई हुए हुई हैं है थे थी में की का के"
)
HOW_MANY = _set("how many number count total kitne kitni कितने कितनी")
OWN_WORDS: Mapping[Measure, frozenset[str]] = {
    Measure.CALLS: HOW_MANY,
    Measure.SHARE: _set("share percentage percent proportion fraction") | HOW_MANY,
    Measure.AVERAGE: _set("average mean avg how"),
}
