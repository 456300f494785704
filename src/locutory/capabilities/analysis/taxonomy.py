"""The objections that every business starts with, and those that a business has instead."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectionType:
    """A reason that customers give against buying.

    `synonyms` are phrases by language (`en`, `hi`, or any other code) that say it; `playbook` is
    what an agent should answer. The built-in types also have patterns of their own.
    """

    key: str
    label: str
    synonyms: Mapping[str, Sequence[str]] = field(default_factory=dict)
    playbook: str = ""

    def as_dict(self) -> dict[str, Any]:
        """As prompts and rules get it among the variables."""
        return asdict(self)


def _type(key: str, label: str, en: str, hi: str, playbook: str) -> ObjectionType:
    said = {"en": tuple(en.split(", ")), "hi": tuple(hi.split(", "))}
    return ObjectionType(key=key, label=label, synonyms=said, playbook=playbook)


OBJECTION_TYPES: tuple[ObjectionType, ...] = (
    _type(
        "price",
        "Price",
        "too expensive, overpriced, on the higher side",
        "bahut mehnga, rate zyada, बहुत महंगा",
        "Ask what they compare it with, show what the price includes, then offer a plan.",
    ),
    _type(
        "budget",
        "Budget",
        "out of our budget, cannot afford, money is tight",
        "budget nahi hai, budget se bahar, बजट नहीं है",
        "Find out what has been set aside and when more is freed; fit the offer to it.",
    ),
    _type(
        "timing",
        "Timing",
        "not a good time, need to think about it, maybe next year",
        "abhi nahi lena, soch ke batata, अभी नहीं लेना",
        "Ask what has to happen first, agree on a date, and keep it.",
    ),
    _type(
        "authority",
        "Authority",
        "not my decision, have to ask my wife, need approval from my boss",
        "ghar pe puchna padega, boss se baat karni, घर पर पूछना पड़ेगा",
        "Ask who decides and how; offer a talk or a summary for that person.",
    ),
    _type(
        "need",
        "Need",
        "not interested, do not need it, already have one",
        "zaroorat nahi, interest nahi hai, ज़रूरत नहीं",
        "Ask how they manage today and what that costs them; let go where there is no need.",
    ),
    _type(
        "competitor",
        "Competitor",
        "cheaper elsewhere, happy with our current provider, your competitor",
        "doosri company sasta de rahi, kahin aur mil raha, दूसरी कंपनी",
        "Ask what they like there, then name the one difference that matters to them.",
    ),
    _type(
        "trust",
        "Trust",
        "sounds like a scam, bad reviews, do not trust you",
        "bharosa nahi, fraud hai, भरोसा नहीं",
        "Agree that caution is right; show references, registration and terms in writing.",
    ),
    _type(
        "product_fit",
        "Product fit",
        "not what we are looking for, does not suit us, too complicated for us",
        "pasand nahi aaya, suit nahi karta, पसंद नहीं आया",
        "Ask what it would have to do; show the option that does it, or say that none does.",
    ),
    _type(
        "location",
        "Location",
        "too far, do not like the area, not well connected",
        "bahut door hai, location theek nahi, बहुत दूर है",
        "Ask where they go every day; give times by road and rail, or offer another place.",
    ),
    _type(
        "process",
        "Process",
        "too much paperwork, process is too long, too many steps",
        "process bahut lamba, itne documents, प्रक्रिया लंबी",
        "Walk through the steps, say what you do for them, and how long each takes.",
    ),
)
BUILT_IN_KEYS = frozenset(one.key for one in OBJECTION_TYPES)


def objection_types(variables: Mapping[str, Any]) -> tuple[ObjectionType, ...]:
    """The types among the variables of a prompt, else the built-in ones."""
    given = variables.get("objection_types")
    if given is None or isinstance(given, Mapping):
        return OBJECTION_TYPES
    return tuple(
        ObjectionType(
            key=str(one["key"]),
            label=str(one.get("label") or one["key"]),
            synonyms=one.get("synonyms") or {},
            playbook=str(one.get("playbook") or ""),
        )
        for one in given
    )
