"""The demo's recordings, transcripts and timelines are what the manifest says of them."""

import json
import re
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from locutory.products.calls import demo
from locutory.products.calls.demo import DemoCall, DemoTurn

MANIFEST = demo.manifest()
CALLS = MANIFEST.calls
STEREO = [call for call in CALLS if call.layout == "stereo"]
RATE_HZ = 8000
FRAME = RATE_HZ // 50
SPEECH_RMS = 0.004  # speech is near 0.07, the line's noise below 0.0005
LONGEST_PAUSE_FRAMES = 30  # a voice pauses between sentences for at most 0.6 s
CARD = "4242 4242 4242 4242"


def each(calls: list[DemoCall] | tuple[DemoCall, ...]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("call", calls, ids=lambda call: call.callid)


def signal(call: DemoCall) -> NDArray[np.float64]:
    samples, rate_hz = soundfile.read(demo.path(call.audio), always_2d=True)
    assert rate_hz == RATE_HZ
    return np.asarray(samples)


def spoken_mask(samples: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Frames of 20 ms with speech, shape `(frames,)`; pauses within a turn count as speech."""
    frames = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME)
    mask = np.sqrt((frames**2).mean(axis=1)) > SPEECH_RMS
    for before, after in pairwise(np.flatnonzero(mask)):
        if after - before <= LONGEST_PAUSE_FRAMES:
            mask[before:after] = True
    return np.asarray(mask)


def true_mask(turns: tuple[DemoTurn, ...], channel: int, frames: int) -> NDArray[np.bool_]:
    mask = np.zeros(frames, dtype=bool)
    for turn in turns:
        if turn.channel == channel:
            mask[turn.start_ms // 20 : -(-turn.end_ms // 20)] = True
    return mask


def text_of_transcript(call: DemoCall) -> str:
    assert call.transcript is not None
    text = demo.path(call.transcript).read_text(encoding="utf-8")
    if call.transcript.endswith(".json"):
        return "\n".join(segment["text"] for segment in json.loads(text)["segments"])
    return text


def every_text() -> str:
    texts = [
        file.read_text(encoding="utf-8")
        for folder in ("timelines", "transcripts")
        for file in sorted(demo.path("manifest.json").parent.joinpath(folder).iterdir())
    ]
    return "\n".join([demo.path("manifest.json").read_text(encoding="utf-8"), *texts])


def test_two_businesses_have_sixty_calls_with_names_of_their_own():
    per_business = Counter(call.bid for call in CALLS)

    assert per_business == {"demo": 36, "northlight": 24}
    assert {business.bid for business in MANIFEST.businesses} == set(per_business)
    assert len({call.callid for call in CALLS}) == 60
    assert len({call.customer_phone for call in CALLS}) == 60


def test_forty_four_calls_come_with_a_transcript_in_each_of_three_forms():
    forms = Counter(call.transcript.rpartition(".")[2] for call in CALLS if call.transcript)

    assert forms.total() == 44
    assert set(forms) == {"vtt", "srt", "json"}
    assert min(forms.values()) >= 10


def test_every_stored_file_is_named_by_the_manifest_and_the_other_way_round():
    root = demo.path("manifest.json").parent

    stored = {
        file.relative_to(root).as_posix()
        for folder in ("audio", "timelines", "transcripts")
        for file in (root / folder).iterdir()
    }

    named = {name for call in CALLS for name in (call.audio, call.timeline, call.transcript)}
    assert stored == named - {None}


def test_all_recordings_together_are_smaller_than_eight_megabytes():
    assert sum(demo.path(call.audio).stat().st_size for call in CALLS) < 8_000_000


def test_an_absent_file_is_reported():
    with pytest.raises(FileNotFoundError):
        demo.path("audio/no-such-call.ogg")


def test_four_calls_are_mono_and_two_are_false_stereo():
    layouts = Counter()
    for call in CALLS:
        samples = signal(call)
        if samples.shape[1] == 1:
            layouts["mono"] += 1
            assert call.layout == "mono"
        elif np.abs(samples[:, 0] - samples[:, 1]).max() < 0.01:
            layouts["false_stereo"] += 1
            assert call.layout == "false_stereo"

    assert layouts == {"mono": 4, "false_stereo": 2}


@each(CALLS)
def test_a_call_lasts_twenty_to_sixty_seconds_and_has_eight_to_twenty_turns(call):
    timeline = demo.timeline(call)

    assert 20_000 <= timeline.duration_ms <= 60_000
    assert len(signal(call)) * 1000 / RATE_HZ == pytest.approx(timeline.duration_ms, abs=50)
    assert 8 <= len(timeline.turns) <= 20


@each(CALLS)
def test_turns_are_in_order_inside_the_call_and_each_party_has_one_channel(call):
    timeline = demo.timeline(call)

    starts = [turn.start_ms for turn in timeline.turns]
    assert starts == sorted(starts)
    assert all(0 <= turn.start_ms < turn.end_ms <= timeline.duration_ms for turn in timeline.turns)
    sides = {(turn.role, turn.channel) for turn in timeline.turns}
    assert len(sides) == 2
    assert len({channel for _, channel in sides}) == (2 if call.layout == "stereo" else 1)


@each(STEREO)
def test_the_energy_of_a_channel_agrees_with_the_turns_of_its_party(call):
    samples, turns = signal(call), demo.timeline(call).turns

    for channel in (0, 1):
        heard = spoken_mask(samples[:, channel])

        assert (heard == true_mask(turns, channel, len(heard))).mean() >= 0.95


@each([call for call in CALLS if call.layout != "stereo"])
def test_the_energy_of_a_mixed_call_agrees_with_the_turns_of_both_parties(call):
    heard = spoken_mask(signal(call)[:, 0])

    told = true_mask(demo.timeline(call).turns, 0, len(heard))

    # A pause between two turns may be as short as one within a turn, so only speech is compared.
    assert told[heard].mean() >= 0.8
    assert heard[told].mean() >= 0.95


def test_most_agents_are_on_the_left_and_some_on_the_right():
    sides = Counter(
        turn.channel
        for call in STEREO
        for turn in demo.timeline(call).turns[:1]
        if turn.role == "agent"
    )

    assert sides[0] > sides[1] >= 3


@each([call for call in CALLS if call.scenario == "hold_dead_air"])
def test_a_call_on_hold_has_five_seconds_of_dead_air(call):
    turns = demo.timeline(call).turns

    assert max(after.start_ms - before.end_ms for before, after in pairwise(turns)) >= 5_000


@each([call for call in CALLS if call.scenario == "interruptions"])
def test_an_interrupted_call_has_turns_that_overlap_by_a_fifth_of_a_second(call):
    turns = demo.timeline(call).turns

    overlaps = [before.end_ms - after.start_ms for before, after in pairwise(turns)]

    assert sum(overlap >= 200 for overlap in overlaps) >= 4


@each([call for call in CALLS if call.transcript])
def test_a_transcript_says_every_word_of_the_true_timeline(call):
    transcript = text_of_transcript(call).replace(
        "four two four two, " * 3 + "four two four two", CARD
    )

    for turn in demo.timeline(call).turns:
        assert turn.text in transcript


@each(CALLS)
def test_the_words_of_a_fact_stand_in_the_transcript(call):
    assert call.transcript is not None or not call.facts
    for fact in call.facts:
        text = text_of_transcript(call).casefold()

        assert fact.words
        assert all(words.casefold() in text for words in fact.words)


def test_no_two_facts_ask_the_same_question():
    questions = [fact.question for call in CALLS for fact in call.facts]

    assert len(questions) >= 44
    assert len(set(questions)) == len(questions)


def test_transcripts_hold_cards_in_figures_and_in_words_phones_and_addresses():
    text = "\n".join(text_of_transcript(call) for call in CALLS if call.transcript)

    assert CARD in text
    assert "four two four two, four two four two" in text
    assert text.count("+1-555-01") >= 5
    assert text.count("@example.com") >= 5


def test_phones_and_addresses_are_of_the_ranges_kept_for_fiction():
    text = every_text()

    numbers = re.findall(r"(?:\+\d|\d{3}-)[\d\- ().]{5,}", text)
    addresses = re.findall(r"\S+@[\w.\-]+\w", text)

    assert numbers
    assert all(re.fullmatch(r"\+1-555-01\d\d\W*", number) for number in numbers)
    assert addresses
    assert all(re.search(r"@example\.(com|org)$", address) for address in addresses)
