"""Who is the agent: from labels, channels, words and the direction of a call (calls spec, 6.3)."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, takewhile
from math import exp
from typing import Protocol

from locutory.capabilities.interactions.contract import Role, Turn
from locutory.products.calls.pipeline import lexicon
from locutory.products.calls.records.contract import Direction

OPENING_MS = 20_000
BLEED_DB = 15.0
BLEED_TOKENS = 0.8
# Log-odds of being the agent. Direction alone stays under 0.6 (spec, 6.3.5); our own judgement.
_GREETING = 1.5
_INTRODUCTION = 0.7
_OWN_NAME = 2.0
_ADDRESSED = -1.5
_HOLD = 1.5
_QUESTIONS = 1.0
_GREETS_FIRST = {
    Direction.INBOUND: 0.35,
    Direction.OUTBOUND: -0.35,
    Direction.INTERNAL: 0.1,
    Direction.UNKNOWN: 0.1,
}
_MOST_CERTAIN = 0.99  # only labels and settings are beyond doubt
_BY_ELIMINATION = 0.9

_NOT_LETTERS = re.compile(r"[\W\d_]+")
_LABELS = {
    **dict.fromkeys(
        (
            *("agent", "rep", "representative", "sales rep", "sales agent", "salesperson"),
            *("advisor", "adviser", "operator", "executive", "employee", "staff", "csr"),
            *("support", "support agent", "seller", "floor agent", "internal"),
        ),
        Role.AGENT,
    ),
    **dict.fromkeys(
        ("customer", "client", "lead", "prospect", "buyer", "guest", "user", "external"),
        Role.CUSTOMER,
    ),
    **dict.fromkeys(("ivr", "system", "bot", "recording", "announcement"), Role.IVR),
}
_OWN_NAME_FORMS = (
    *("this is {}", "name is {}", "i am {}", "i'm {}", "{} from", "{} here", "{} speaking"),
    *("mera naam {}", "main {}", "{} bol raha", "{} bol rahi", "{} baat kar"),
    *("मेरा नाम {}", "मैं {}", "{} बोल रहा", "{} बोल रही", "{} बात कर"),
)
_CHANNELS = {"left": 0, "right": 1}


class SegmentLike(Protocol):
    """What a role is judged by: a segment of an STT result."""

    @property
    def start_ms(self) -> float: ...
    @property
    def end_ms(self) -> float: ...
    @property
    def speaker_label(self) -> str | None: ...
    @property
    def channel(self) -> int | None: ...
    @property
    def text(self) -> str: ...
    @property
    def confidence(self) -> float | None: ...


@dataclass(frozen=True, slots=True)
class _Speaker:
    label: str
    channel: int | None
    first_ms: float
    talk_ms: float
    text: str
    opening: str


def labels(segments: Sequence[SegmentLike]) -> list[str]:
    """Return each segment's speaker: the engine's label, or the channel's name ("left").

    In true stereo the speaker is the channel; labels are kept there only if they say the same.
    """
    by_channel: dict[int, set[str]] = {}
    for segment in segments:
        if segment.channel is not None:
            by_channel.setdefault(segment.channel, set()).add(segment.speaker_label or "")
    given = set(chain.from_iterable(by_channel.values()))
    one_to_one = len(given) == len(by_channel) and all(len(own) == 1 for own in by_channel.values())
    named = any(known_role(label) for label in given)
    if len(by_channel) < 2 or ("" not in given and (one_to_one or named)):
        return [segment.speaker_label or _channel_name(segment.channel) for segment in segments]
    return [
        segment.speaker_label or "" if segment.channel is None else _channel_name(segment.channel)
        for segment in segments
    ]


def known_role(label: str) -> Role | None:
    """Return the role that a label spells out ("Agent 1", "customer"), else None.

    "caller" and "callee" are not in themselves a role: see `assign`.
    """
    return _LABELS.get(_plain(label))


def assign(
    segments: Sequence[SegmentLike],
    *,
    direction: str,
    agent_name: str | None,
    agent_channel: str | None = None,
) -> dict[str, tuple[Role, float]]:
    """Return the role of every speaker of `labels(segments)`, with a confidence from 0 to 1.

    Labels that name a role are certain, then the agent's channel; after these the words and the
    direction are weighed, log-odds added up. A lone speaker whom nothing gives away is unknown.

    Args:
        segments: With finite times; empty texts are fine.
        direction: A value of `Direction`; anything else counts as unknown.
        agent_name: From the roster, if known.
        agent_channel: "left" or "right"; "auto" and None leave it to the words.

    Raises:
        ValueError: For another `agent_channel`.
    """
    if agent_channel not in (None, "auto", *_CHANNELS):
        raise ValueError(f"agent_channel is left, right or auto, not {agent_channel!r}")
    way = Direction(direction) if direction in set(Direction) else Direction.UNKNOWN
    speakers = _speakers(segments)
    certain = _by_label(speakers, way, agent_name)
    rest = [s for s in speakers if s.label not in certain]
    if agent_channel in _CHANNELS and not _names_a_side(certain):
        certain |= _by_channel(rest, _CHANNELS[agent_channel])
        rest = [s for s in rest if s.label not in certain]
    if _names_a_side(certain):
        return certain | _by_elimination(rest, certain)
    return certain | _by_evidence(rest, way, agent_name)


def mark_bleed(turns: Sequence[Turn], level_db: Mapping[int, float]) -> tuple[Turn, ...]:
    """Return the turns with the flag "bleed" on weak copies of what the other channel says.

    A copy is 15 dB weaker, speaks at the same time from another channel, and four of five of its
    tokens are the other's too. `level_db` is by `idx`; turns without a level stay as they are.
    """
    loud = sorted((t for t in turns if t.idx in level_db and t.text), key=lambda t: t.start_ms)
    weak: set[int] = set()
    for place, turn in enumerate(loud):
        together = takewhile(partial(_starts_within, turn), loud[place + 1 :])
        weak.update(
            copy.idx
            for other in together
            for copy, source in ((turn, other), (other, turn))
            if _is_copy(copy, source, level_db)
        )
    return tuple(
        replace(turn, flags=(*turn.flags, "bleed"))
        if turn.idx in weak and "bleed" not in turn.flags
        else turn
        for turn in turns
    )


def _starts_within(turn: Turn, later: Turn) -> bool:
    return later.start_ms < turn.end_ms


def _is_copy(turn: Turn, other: Turn, level_db: Mapping[int, float]) -> bool:
    """Whether `turn`, spoken at the same time as `other`, is its weak copy."""
    if turn.channel == other.channel or turn.channel is None or other.channel is None:
        return False
    if level_db[other.idx] - level_db[turn.idx] < BLEED_DB:
        return False
    mine, theirs = Counter(lexicon.tokens(turn.text)), Counter(lexicon.tokens(other.text))
    return mine.total() > 0 and (mine & theirs).total() >= BLEED_TOKENS * mine.total()


def _plain(label: str) -> str:
    return _NOT_LETTERS.sub(" ", label.casefold()).removeprefix("speaker ").strip()


def _channel_name(channel: int | None) -> str:
    return "" if channel is None else {0: "left", 1: "right"}.get(channel, f"channel{channel}")


def _speakers(segments: Sequence[SegmentLike]) -> list[_Speaker]:
    """Gather the speakers, in the order of their first words."""
    own: dict[str, list[SegmentLike]] = {}
    for label, segment in zip(labels(segments), segments, strict=True):
        own.setdefault(label, []).append(segment)
    began = min((segment.start_ms for segment in segments), default=0)
    gathered = [
        _Speaker(
            label=label,
            channel=spoken[0].channel,
            first_ms=min(s.start_ms for s in spoken),
            talk_ms=sum(s.end_ms - s.start_ms for s in spoken),
            text=" ".join(s.text for s in spoken if s.text),
            opening=" ".join(s.text for s in spoken if s.start_ms < began + OPENING_MS),
        )
        for label, spoken in own.items()
    ]
    return sorted(gathered, key=lambda s: (s.first_ms, s.label))


def _by_label(
    speakers: Sequence[_Speaker], direction: Direction, agent_name: str | None
) -> dict[str, tuple[Role, float]]:
    """Return the speakers whose label is a role or the agent's own name."""
    known = {s.label: role for s in speakers if (role := known_role(s.label)) is not None}
    names = {_plain(agent_name or ""), *_plain(agent_name or "").split()[:1]} - {""}
    if Role.AGENT not in known.values():
        known |= {s.label: Role.AGENT for s in speakers if _plain(s.label) in names}
    # Beside an agent a "caller" is the customer; on its own it is whoever rang.
    rang_out = direction is Direction.OUTBOUND and Role.AGENT not in known.values()
    caller, callee = (Role.AGENT, Role.CUSTOMER) if rang_out else (Role.CUSTOMER, Role.AGENT)
    for speaker in speakers:
        if _plain(speaker.label) in ("caller", "callee"):
            known[speaker.label] = caller if _plain(speaker.label) == "caller" else callee
    return {label: (role, 1.0) for label, role in known.items()}


def _by_channel(speakers: Sequence[_Speaker], channel: int) -> dict[str, tuple[Role, float]]:
    """Return everyone's role from the agent's channel; nothing if no speaker has a channel."""
    sides = {s.label: _CHANNELS.get(s.label, s.channel) for s in speakers}
    if all(side is None for side in sides.values()) or len(set(sides.values())) < len(sides):
        return {}
    agent = {label for label, side in sides.items() if side == channel}
    others = sorted((s for s in speakers if s.label not in agent), key=lambda s: -s.talk_ms)
    return dict.fromkeys(agent, (Role.AGENT, 1.0)) | {
        s.label: (Role.OTHER if place else Role.CUSTOMER, 1.0) for place, s in enumerate(others)
    }


def _names_a_side(certain: Mapping[str, tuple[Role, float]]) -> bool:
    return any(role in (Role.AGENT, Role.CUSTOMER) for role, _ in certain.values())


def _by_elimination(
    rest: Sequence[_Speaker], certain: Mapping[str, tuple[Role, float]]
) -> dict[str, tuple[Role, float]]:
    """Give the missing one of agent and customer to the one who speaks most of the rest."""
    taken = {role for role, _ in certain.values()}
    missing = [role for role in (Role.AGENT, Role.CUSTOMER) if role not in taken]
    ranked = sorted(rest, key=lambda s: (-s.talk_ms, s.first_ms))
    sure = _BY_ELIMINATION if len(missing) == len(rest) == 1 else 0.5
    roles = [*missing, *[Role.OTHER] * len(ranked)]
    return {s.label: (role, sure) for s, role in zip(ranked, roles, strict=False)}


def _by_evidence(
    speakers: Sequence[_Speaker], direction: Direction, agent_name: str | None
) -> dict[str, tuple[Role, float]]:
    menus = [s for s in speakers if lexicon.count_phrases(s.text, lexicon.MENUS)]
    if len(speakers) > 2 and len(speakers) - len(menus) >= 2:
        people = [s for s in speakers if s not in menus]
    else:
        menus, people = [], list(speakers)
    found = {s.label: (Role.IVR, 0.8) for s in menus}
    if len(people) < 2:
        return found | {s.label: _alone(s, direction, agent_name) for s in people}
    first = min(people, key=lambda s: s.first_ms)
    score = {
        s.label: _evidence(s, direction, agent_name)
        + (_GREETS_FIRST[direction] if s is first else 0.0)
        for s in people
    }
    agent = max(people, key=lambda s: score[s.label])
    others = sorted((s for s in people if s is not agent), key=lambda s: (-s.talk_ms, s.first_ms))
    margin = score[agent.label] - max(score[s.label] for s in others)
    confidence = min(_MOST_CERTAIN, 1 / (1 + exp(-margin)))
    return found | {
        agent.label: (Role.AGENT, confidence),
        **{
            s.label: (Role.OTHER if place else Role.CUSTOMER, confidence)
            for place, s in enumerate(others)
        },
    }


def _alone(speaker: _Speaker, direction: Direction, agent_name: str | None) -> tuple[Role, float]:
    """Judge a lone speaker; one without a label may be both sides in one and stays unknown."""
    evidence = _evidence(speaker, direction, agent_name, of_two=False)
    if not speaker.label or evidence <= 0:
        return Role.UNKNOWN, 0.0
    return Role.AGENT, min(_MOST_CERTAIN, 1 / (1 + exp(-evidence)))


def _evidence(
    speaker: _Speaker, direction: Direction, agent_name: str | None, *, of_two: bool = True
) -> float:
    """Return the log-odds that the words speak for an agent."""
    greetings = lexicon.GREETINGS
    if direction is not Direction.INBOUND:
        greetings += lexicon.OUTREACH
    found = _GREETING * min(2, lexicon.count_phrases(speaker.opening, greetings))
    if lexicon.count_phrases(speaker.opening, lexicon.INTRODUCTIONS):
        found += _INTRODUCTION
    if lexicon.count_phrases(speaker.text, lexicon.HOLDS):
        found += _HOLD
    found += _name_evidence(speaker, agent_name)
    said = lexicon.sentences(speaker.text) if of_two else []
    if said:
        found += _QUESTIONS * sum(map(lexicon.is_question, said)) / len(said)
    return found


def _name_evidence(speaker: _Speaker, agent_name: str | None) -> float:
    """Weigh who says the agent's first name in the opening: the agent, or one who speaks to them.

    "This is Priya" and "Priya from Orchid Homes" introduce; "hello Priya" addresses.
    """
    name = next(iter(lexicon.tokens(agent_name or "")), None)
    if name is None or name not in lexicon.tokens(speaker.opening):
        return 0.0
    own = lexicon.as_phrases(*(form.format(name) for form in _OWN_NAME_FORMS))
    return _OWN_NAME if lexicon.count_phrases(speaker.opening, own) else _ADDRESSED
