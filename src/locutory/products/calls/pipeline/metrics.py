"""The figures of one conversation, from its turns alone (calls spec, section 11).

Notation: D the duration, A and C the unions of the agent's and the customer's spurts. Other roles
count for nothing, and neither do turns flagged as bleed from the other channel.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from statistics import median

from locutory.capabilities.interactions.contract import Role, Turn
from locutory.products.calls.pipeline.intervals import (
    Interval,
    at,
    clip,
    difference,
    gaps,
    intersection,
    length,
    touches,
    union,
)
from locutory.products.calls.pipeline.lexicon import count_words, is_question, sentences


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """The constants of the formulas, with the spec's values."""

    spurt_gap_ms: int = 300
    dead_air_ms: int = 5_000
    floor_held_ms: int = 500
    overlap_ms: int = 200
    backchannel_ms: int = 1_000
    backchannel_words: int = 3
    yield_ms: int = 2_000
    monologue_gap_ms: int = 2_000


DEFAULT_THRESHOLDS = Thresholds()


@dataclass(frozen=True, slots=True, kw_only=True)
class CallMetrics:
    """Figures of a call. Ratios are 0-1, `*_pct` 0-100; None where there is nothing to measure.

    What needs words is None without them, never 0. Latencies are medians over changes of speaker.
    """

    talk_agent_ms: int
    talk_customer_ms: int
    overlap_ms: int
    nontalk_ms: int
    talk_ratio: float | None
    listen_ratio: float | None
    talk_agent_pct: float | None
    talk_customer_pct: float | None
    overtalk_pct: float | None
    silence_pct: float | None
    dead_air_count: int
    dead_air_ms: int
    longest_dead_air_ms: int
    dead_air_pct: float | None
    lead_in_ms: int | None
    tail_ms: int | None
    interruptions_agent: int
    interruptions_customer: int
    interruptions_agent_successful: int
    interruptions_customer_successful: int
    interruptions_agent_per_10min: float | None
    interruptions_customer_per_10min: float | None
    longest_mono_agent_ms: int
    longest_mono_customer_ms: int
    turns: int
    switches: int
    switches_per_min: float | None
    patience_ms: float | None
    response_latency_customer_ms: float | None
    wpm_agent: float | None
    wpm_customer: float | None
    questions_agent: int | None
    questions_agent_per_10min: float | None

    def as_dict(self) -> dict[str, int | float | None]:
        """The figures by name, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Voice:
    """One side: its spurts, and the words known in each (0 where none are)."""

    spurts: list[Interval]
    words: list[int]
    texts: list[str]


def measure(
    turns: Sequence[Turn],
    duration_ms: int,
    thresholds: Thresholds = DEFAULT_THRESHOLDS,
    *,
    holds: Sequence[Interval] = (),
) -> CallMetrics:
    """Return the figures of a call of `duration_ms`.

    Args:
        turns: In any order; what lies outside the recording is cut off.
        duration_ms: D. With 0 every share and rate is None.
        thresholds: The constants of the formulas.
        holds: Stretches on hold by the telephony's account; they are no dead air.
    """
    agent = _voice(turns, Role.AGENT, duration_ms, thresholds)
    customer = _voice(turns, Role.CUSTOMER, duration_ms, thresholds)
    a, c = length(agent.spurts), length(customer.spurts)
    speech = union([*agent.spurts, *customer.spurts])
    talk, overlap = length(speech), length(intersection(agent.spurts, customer.spurts))
    first, last = (speech[0][0], speech[-1][1]) if speech else (None, None)
    dead = _dead_air(speech, union(holds), thresholds)
    by_agent = interruptions(agent.spurts, customer.spurts, agent.words, thresholds)
    by_customer = interruptions(customer.spurts, agent.spurts, customer.words, thresholds)
    runs = floor_runs(agent.spurts, customer.spurts)
    questions = _questions(agent.texts)
    ratio = _share(a, a + c)
    return CallMetrics(
        talk_agent_ms=a,
        talk_customer_ms=c,
        overlap_ms=overlap,
        nontalk_ms=max(duration_ms, 0) - talk,
        talk_ratio=ratio,
        listen_ratio=None if ratio is None else 1 - ratio,
        talk_agent_pct=_percent(a, duration_ms),
        talk_customer_pct=_percent(c, duration_ms),
        overtalk_pct=_percent(overlap, talk),
        silence_pct=_percent(duration_ms - talk, duration_ms),
        dead_air_count=len(dead),
        dead_air_ms=length(dead),
        longest_dead_air_ms=max((end - start for start, end in dead), default=0),
        dead_air_pct=None if first is None else _percent(length(dead), (last or 0) - first),
        lead_in_ms=first,
        tail_ms=None if last is None else duration_ms - last,
        interruptions_agent=len(by_agent),
        interruptions_customer=len(by_customer),
        interruptions_agent_successful=sum(by_agent),
        interruptions_customer_successful=sum(by_customer),
        interruptions_agent_per_10min=_rate(len(by_agent), duration_ms, per_ms=600_000),
        interruptions_customer_per_10min=_rate(len(by_customer), duration_ms, per_ms=600_000),
        longest_mono_agent_ms=longest_monologue(agent.spurts, customer.spurts, thresholds),
        longest_mono_customer_ms=longest_monologue(customer.spurts, agent.spurts, thresholds),
        turns=len(runs),
        switches=max(len(runs) - 1, 0),
        switches_per_min=_rate(max(len(runs) - 1, 0), duration_ms, per_ms=60_000),
        patience_ms=_latency(runs, to=Role.AGENT),
        response_latency_customer_ms=_latency(runs, to=Role.CUSTOMER),
        wpm_agent=_words_per_minute(agent),
        wpm_customer=_words_per_minute(customer),
        questions_agent=questions,
        questions_agent_per_10min=(
            None if questions is None else _rate(questions, duration_ms, per_ms=600_000)
        ),
    )


def interruptions(
    mine: Sequence[Interval],
    theirs: Sequence[Interval],
    words: Sequence[int],
    thresholds: Thresholds = DEFAULT_THRESHOLDS,
) -> list[bool]:
    """Return an entry per interruption by `mine`: whether the other side fell silent in time.

    A start inside their running spurt interrupts when they held the floor for `floor_held_ms`, both
    speak for `overlap_ms`, and it is no back-channel. `words` are those of each spurt of `mine`.
    """
    found: list[bool] = []
    for (start, end), said in zip(mine, words, strict=True):
        running = at(theirs, start)
        if running is None or start - running[0] < thresholds.floor_held_ms:
            continue
        backchannel = (
            end - start < thresholds.backchannel_ms and said < thresholds.backchannel_words
        )
        if not backchannel and min(end, running[1]) - start >= thresholds.overlap_ms:
            found.append(running[1] - start <= thresholds.yield_ms)
    return found


def longest_monologue(
    mine: Sequence[Interval],
    theirs: Sequence[Interval],
    thresholds: Thresholds = DEFAULT_THRESHOLDS,
) -> int:
    """Return the longest run of `mine`, pauses included, in milliseconds.

    A pause of `monologue_gap_ms` ends a run, and so does a spurt of the other side in a pause,
    unless it is a back-channel by its length.
    """
    replies = [i for i in theirs if i[1] - i[0] >= thresholds.backchannel_ms]
    longest, began = 0, None
    for index, (start, end) in enumerate(mine):
        pause = (mine[index - 1][1], start) if index else (start, start)
        broken = pause[1] - pause[0] >= thresholds.monologue_gap_ms or touches(replies, *pause)
        if began is None or broken:
            began = start
        longest = max(longest, end - began)
    return longest


def floor_runs(
    agent: Sequence[Interval], customer: Sequence[Interval]
) -> list[tuple[Role, int, int]]:
    """Return `(role, start_ms, end_ms)` of the turns: neighbouring spurts of a role are one."""
    sequence = sorted(
        [(start, end, Role.AGENT) for start, end in agent]
        + [(start, end, Role.CUSTOMER) for start, end in customer]
    )
    runs: list[tuple[Role, int, int]] = []
    for start, end, role in sequence:
        if runs and runs[-1][0] is role:
            runs[-1] = (role, runs[-1][1], max(runs[-1][2], end))
        else:
            runs.append((role, start, end))
    return runs


def _voice(turns: Sequence[Turn], role: Role, duration_ms: int, thresholds: Thresholds) -> _Voice:
    own = [turn for turn in turns if turn.role is role and "bleed" not in turn.flags]
    heard = clip(((turn.start_ms, turn.end_ms) for turn in own), 0, duration_ms)
    spurts = union(heard, close_ms=thresholds.spurt_gap_ms)
    words = dict.fromkeys(spurts, 0)
    for turn in own:
        spurt = at(spurts, max(turn.start_ms, 0))
        if spurt is not None:
            words[spurt] += count_words(turn.text) or 0
    return _Voice(spurts, list(words.values()), [turn.text for turn in own if turn.text])


def _dead_air(
    speech: Sequence[Interval], holds: Sequence[Interval], thresholds: Thresholds
) -> list[Interval]:
    quiet = difference(gaps(speech), holds)
    return [(start, end) for start, end in quiet if end - start >= thresholds.dead_air_ms]


def _latency(runs: Sequence[tuple[Role, int, int]], *, to: Role) -> float | None:
    waits = [max(0, after[1] - before[2]) for before, after in pairwise(runs) if after[0] is to]
    return float(median(waits)) if waits else None


def _words_per_minute(voice: _Voice) -> float | None:
    counts = [count_words(text) for text in voice.texts]
    known = [count for count in counts if count is not None]
    if not sum(known) or len(known) < len(counts):
        return None
    return _rate(sum(known), length(voice.spurts), per_ms=60_000)


def _questions(texts: Sequence[str]) -> int | None:
    if not texts:
        return None
    return sum(is_question(sentence) for text in texts for sentence in sentences(text))


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole > 0 else None


def _percent(part: int, whole: int) -> float | None:
    return 100 * part / whole if whole > 0 else None


def _rate(count: int, span_ms: int, *, per_ms: int) -> float | None:
    return count * per_ms / span_ms if span_ms > 0 else None
