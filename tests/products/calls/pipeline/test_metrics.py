"""The figures of a call, worked out by hand, and what holds for any call."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locutory.capabilities.interactions.contract import Role, Turn
from locutory.products.calls.pipeline.metrics import CallMetrics, measure

A, C = Role.AGENT, Role.CUSTOMER


def turn(role: Role, start_ms: int, end_ms: int, text: str = "", **fields: Any) -> Turn:
    return Turn(idx=0, role=role, start_ms=start_ms, end_ms=end_ms, text=text, **fields)


def figures(metrics: CallMetrics, *names: str) -> list[Any]:
    return [metrics.as_dict()[name] for name in names]


CALL = [
    turn(A, 1_000, 5_000, "Thank you for calling. How may I help you?"),  # 9 words, 1 question
    turn(A, 5_200, 6_000, "Please tell me"),  # 3 words; the gap of 200 ms closes
    turn(C, 7_000, 17_000, "I want to know the price of the flat in Pune"),  # 11 words
    turn(A, 16_000, 20_000, "Which project do you mean"),  # 5 words, 1 question; an interruption
    turn(C, 26_000, 30_000, "The one near the river"),  # 5 words; after 6 s of dead air
    turn(A, 31_000, 51_000, "It costs ninety lakh."),  # 4 words
    turn(C, 40_000, 40_500, "Okay"),  # 1 word; a back-channel
]


def test_a_call_worked_out_by_hand() -> None:
    metrics = measure(CALL, 60_000)

    assert metrics.as_dict() == {
        "talk_agent_ms": 29_000,
        "talk_customer_ms": 14_500,
        "overlap_ms": 1_500,
        "nontalk_ms": 18_000,
        "talk_ratio": pytest.approx(2 / 3),
        "listen_ratio": pytest.approx(1 / 3),
        "talk_agent_pct": pytest.approx(48.3333333),
        "talk_customer_pct": pytest.approx(24.1666667),
        "overtalk_pct": pytest.approx(100 * 1_500 / 42_000),
        "silence_pct": 30.0,
        "dead_air_count": 1,
        "dead_air_ms": 6_000,
        "longest_dead_air_ms": 6_000,
        "dead_air_pct": 12.0,
        "lead_in_ms": 1_000,
        "tail_ms": 9_000,
        "interruptions_agent": 1,
        "interruptions_customer": 0,
        "interruptions_agent_successful": 1,
        "interruptions_customer_successful": 0,
        "interruptions_agent_per_10min": 10.0,
        "interruptions_customer_per_10min": 0.0,
        "longest_mono_agent_ms": 20_000,
        "longest_mono_customer_ms": 10_000,
        "turns": 6,
        "switches": 5,
        "switches_per_min": 5.0,
        "patience_ms": 500.0,  # the median of 0 (an interruption) and 1,000
        "response_latency_customer_ms": 1_000.0,  # of 1,000, 6,000 and 0
        "wpm_agent": pytest.approx(21 * 60 / 29),
        "wpm_customer": pytest.approx(17 * 60 / 14.5),
        "questions_agent": 2,
        "questions_agent_per_10min": 20.0,
    }


def test_a_call_without_words_has_no_figures_of_words() -> None:
    metrics = measure([replace(turn, text="") for turn in CALL], 60_000)

    assert figures(
        metrics, "wpm_agent", "wpm_customer", "questions_agent", "questions_agent_per_10min"
    ) == [None, None, None, None]
    assert metrics.talk_ratio == pytest.approx(2 / 3)


def test_words_nobody_can_count_give_no_rate() -> None:
    metrics = measure([turn(A, 0, 3_000, "こんにちは、お元気ですか?")], 10_000)

    assert figures(metrics, "wpm_agent", "questions_agent") == [None, 1]


@pytest.mark.parametrize("duration_ms", [0, 30_000])
def test_a_silent_call_has_neither_ratio_nor_edges(duration_ms: int) -> None:
    metrics = measure([], duration_ms)

    names = ("talk_ratio", "listen_ratio", "overtalk_pct", "dead_air_pct", "lead_in_ms", "tail_ms")
    assert figures(metrics, *names, "patience_ms") == [None] * 7
    assert metrics.nontalk_ms == duration_ms
    assert metrics.silence_pct == (100.0 if duration_ms else None)


def test_machines_strangers_and_bleed_count_for_nothing() -> None:
    noise = [turn(role, 0, 60_000, "Press one") for role in (Role.IVR, Role.OTHER, Role.UNKNOWN)]
    bleed = turn(C, 1_000, 5_000, "Thank you for calling", flags=("bleed",))

    assert measure([*noise, bleed, *CALL], 60_000) == measure(CALL, 60_000)


def test_time_outside_the_recording_is_cut_off() -> None:
    metrics = measure([turn(A, -500, 1_000), turn(C, 9_000, 12_000)], 10_000)

    assert figures(metrics, "talk_agent_ms", "talk_customer_ms", "tail_ms") == [1_000, 1_000, 0]


@pytest.mark.parametrize(
    ("gap_ms", "holds", "expected"),
    [
        (4_999, [], [0, 0]),
        (5_000, [], [1, 5_000]),
        (20_000, [(1_000, 21_000)], [0, 0]),
        (20_000, [(8_000, 18_000)], [1, 7_000]),  # 7 s before the hold, 3 s after it
    ],
)
def test_dead_air_starts_at_its_limit_and_hold_is_none(
    gap_ms: int, holds: list[tuple[int, int]], expected: list[int]
) -> None:
    turns = [turn(A, 0, 1_000), turn(C, 1_000 + gap_ms, 2_000 + gap_ms)]

    metrics = measure(turns, 60_000, holds=holds)

    assert figures(metrics, "dead_air_count", "dead_air_ms") == expected


@pytest.mark.parametrize(
    ("case", "start_ms", "end_ms", "text", "expected"),
    [
        ("long enough, and the other stops at once", 9_000, 11_000, "", [1, 1]),
        ("the other stops 2 s later", 8_000, 11_000, "", [1, 1]),
        ("the other goes on for longer", 7_999, 11_000, "", [1, 0]),
        ("the other began only 499 ms before", 499, 2_000, "", [0, 0]),
        ("the other began 500 ms before", 500, 2_000, "", [1, 0]),
        ("both speak for 199 ms", 9_801, 12_000, "", [0, 0]),
        ("both speak for 200 ms", 9_800, 12_000, "", [1, 1]),
        ("a short sound", 5_000, 5_999, "", [0, 0]),
        ("two words in short", 5_000, 5_999, "yes okay", [0, 0]),
        ("three words in short", 5_000, 5_999, "no wait please", [1, 0]),
        ("one word at length", 5_000, 6_000, "well", [1, 0]),
        ("after the other's end", 10_000, 12_000, "", [0, 0]),
    ],
)
def test_interruptions_keep_to_their_limits(
    case: str, start_ms: int, end_ms: int, text: str, expected: list[int]
) -> None:
    metrics = measure([turn(A, 0, 10_000), turn(C, start_ms, end_ms, text)], 60_000)

    found = figures(metrics, "interruptions_customer", "interruptions_customer_successful")
    assert found == expected, case
    assert metrics.interruptions_agent == 0


@pytest.mark.parametrize(
    ("reply", "second_start_ms", "expected"),
    [
        (None, 11_999, 15_999),  # a pause of 1,999 ms
        (None, 12_000, 10_000),
        ((10_100, 11_099), 11_500, 15_500),  # a back-channel
        ((10_100, 11_100), 11_500, 10_000),
        ((3_000, 6_000), 11_500, 15_500),  # talks over the agent, who keeps the floor
    ],
)
def test_a_monologue_survives_short_pauses_and_back_channels(
    reply: tuple[int, int] | None, second_start_ms: int, expected: int
) -> None:
    turns = [turn(A, 0, 10_000), turn(A, second_start_ms, second_start_ms + 4_000)]
    turns += [turn(C, *reply)] if reply else []

    assert measure(turns, 60_000).longest_mono_agent_ms == expected


@pytest.mark.parametrize(
    ("text", "questions"),
    [
        ("Is that fine? I see. Really?", 2),
        ("Which flat", 1),
        ("Tell me what you need.", 0),
        ("aap kya chahte hain", 0),
        ("Kab aana hai", 1),
        ("आपका बजट कितना है? ठीक है।", 1),
        ("क्या आप आ सकते हैं। धन्यवाद।", 1),
        ("No.", 0),
    ],
)
def test_questions_end_with_a_mark_or_start_with_an_interrogative(
    text: str, questions: int
) -> None:
    assert measure([turn(A, 0, 5_000, text)], 60_000).questions_agent == questions


@st.composite
def calls(draw: st.DrawFn) -> tuple[list[Turn], int]:
    duration_ms = draw(st.integers(1, 120_000))
    roles = st.sampled_from([A, C, Role.OTHER])
    spans = st.tuples(roles, st.integers(0, duration_ms), st.integers(0, 15_000))
    texts = st.sampled_from(["", "yes", "what is the price", "no thank you. Why?"])
    return [
        turn(role, start, min(start + long, duration_ms), draw(texts))
        for role, start, long in draw(st.lists(spans, max_size=20))
    ], duration_ms


@given(calls())
def test_the_shares_of_a_call_add_up(call: tuple[list[Turn], int]) -> None:
    m = measure(*call)

    assert m.talk_agent_ms + m.talk_customer_ms - m.overlap_ms + m.nontalk_ms == call[1]
    assert m.overlap_ms <= min(m.talk_agent_ms, m.talk_customer_ms)
    assert m.silence_pct is not None
    assert 0 <= m.silence_pct <= 100
    if m.talk_ratio is not None:
        assert m.listen_ratio is not None
        assert m.lead_in_ms is not None
        assert m.tail_ms is not None
        assert 0 <= m.talk_ratio <= 1
        assert m.talk_ratio + m.listen_ratio == pytest.approx(1)
        assert m.lead_in_ms + m.dead_air_ms + m.tail_ms <= m.nontalk_ms
    assert m.longest_dead_air_ms <= m.dead_air_ms <= m.nontalk_ms


@given(calls())
def test_swapping_the_sides_swaps_the_figures(call: tuple[list[Turn], int]) -> None:
    turns, duration_ms = call
    other = {A: C, C: A, Role.OTHER: Role.OTHER}

    m = measure(turns, duration_ms)
    swapped = measure([replace(t, role=other[t.role]) for t in turns], duration_ms)

    assert swapped.talk_ratio == pytest.approx(m.listen_ratio)
    assert swapped.interruptions_agent == m.interruptions_customer
    assert swapped.interruptions_agent_successful == m.interruptions_customer_successful
    assert swapped.longest_mono_agent_ms == m.longest_mono_customer_ms
    assert swapped.wpm_agent == m.wpm_customer
    assert swapped.dead_air_ms == m.dead_air_ms


@given(calls(), st.integers(0, 60_000))
def test_a_later_start_moves_only_the_lead_in(call: tuple[list[Turn], int], by: int) -> None:
    turns, duration_ms = call
    later = [replace(t, start_ms=t.start_ms + by, end_ms=t.end_ms + by) for t in turns]

    before = measure(turns, duration_ms + by).as_dict()
    after = measure(later, duration_ms + by).as_dict()

    if before["lead_in_ms"] is not None:
        before["lead_in_ms"] += by
        before["tail_ms"] -= by
    assert after == before


@given(calls(), st.randoms())
def test_the_order_of_the_turns_does_not_matter(call: tuple[list[Turn], int], random: Any) -> None:
    turns, duration_ms = call
    shuffled = random.sample(turns, len(turns))

    assert measure(shuffled, duration_ms) == measure(turns, duration_ms)


@given(calls())
def test_figures_are_json(call: tuple[list[Turn], int]) -> None:
    metrics = measure(*call).as_dict()

    assert json.loads(json.dumps(metrics, allow_nan=False)) == metrics
