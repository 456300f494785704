"""What the transcript hides is not heard either: not by those without the right to raw words."""

import io
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import soundfile

from locutory.kernel.redact import Redactor
from locutory.products.calls.records.muting import PAD_MS, joined, muted, stretches_of

if TYPE_CHECKING:
    from tests.products.calls.records.conftest import House

RATE = 8000
NUMBER = "4111 1111 1111 1111"
LINES = [
    (0, 3000, "agent", "May I have the number of the card please"),
    (3500, 7500, "customer", f"Yes it is {NUMBER} thank you"),
    (8000, 9500, "agent", "Thank you I have noted that"),
]


@dataclass(frozen=True)
class Said:
    text: str
    start_ms: int
    end_ms: int
    words: tuple["Said", ...] = field(default=())


def timed(line: tuple[int, int, str, str]) -> Said:
    """The line with its words spread evenly over its time."""
    start, end, _, text = line
    parts = text.split()
    step = (end - start) // len(parts)
    words = tuple(Said(w, start + n * step, start + (n + 1) * step) for n, w in enumerate(parts))
    return Said(text, start, end, words)


def tone(seconds: int = 10, channels: int = 2) -> bytes:
    """A recording that is equally loud from its beginning to its end, on all channels."""
    time = np.arange(RATE * seconds) / RATE
    sound = np.tile((0.5 * np.sin(2 * np.pi * 440 * time))[:, None], (1, channels))
    target = io.BytesIO()
    soundfile.write(target, sound, RATE, format="WAV", subtype="PCM_16")
    return target.getvalue()


def sidecar(*, words: bool) -> bytes:
    segments: list[dict[str, Any]] = []
    for line in LINES:
        start, end, speaker, text = line
        one: dict[str, Any] = {
            "start": start / 1000,
            "end": end / 1000,
            "speaker": speaker,
            "text": text,
        }
        if words:
            one["words"] = [
                {"word": w.text, "start": w.start_ms / 1000, "end": w.end_ms / 1000}
                for w in timed(line).words
            ]
        segments.append(one)
    return json.dumps({"segments": segments}).encode()


def loud(content: bytes) -> list[tuple[int, int]]:
    """Where something is heard on any channel, in ms; to 20 ms."""
    sound, rate = soundfile.read(io.BytesIO(content), always_2d=True)
    size = rate // 50
    frames = np.abs(sound[: len(sound) // size * size]).max(axis=1).reshape(-1, size).max(axis=1)
    heard = (frames > 0.2).nonzero()[0] * 20
    return joined((int(at), int(at) + 20) for at in heard)


async def take_in(house: "House", transcript: bytes | None, name: str = "a.json") -> dict[str, Any]:
    files: dict[str, Any] = {"file": ("a.wav", tone())}
    if transcript is not None:
        files["transcript"] = (name, transcript)
    return await house.send("a", files)


def near(found: list[tuple[int, int]], expected: list[tuple[int, int]]) -> bool:
    """An MP3 begins a few frames late, and its edges are soft."""
    return len(found) == len(expected) and all(
        abs(a - b) <= 120
        for one, other in zip(found, expected, strict=True)
        for a, b in zip(one, other, strict=True)
    )


async def test_the_words_of_a_number_are_silent_and_nothing_else(house: "House") -> None:
    await take_in(house, sidecar(words=True))
    _, viewer = await house.person("vera", "viewer")
    words = timed(LINES[1]).words[3:7]

    reply = await house.ask("GET", "/a/audio", token=viewer)
    again = await house.ask("GET", "/a/audio", token=viewer)
    original = await house.ask("GET", "/a/audio")

    assert (reply.status_code, reply.headers["content-type"]) == (200, "audio/mpeg")
    silent = (words[0].start_ms - PAD_MS, words[-1].end_ms + PAD_MS)
    assert near(loud(reply.content), [(0, silent[0]), (silent[1], 10_000)])
    assert again.content == reply.content
    assert original.content == tone()
    assert [row.detail["what"] for row in await house.audited("pii.read")] == ["audio"]


async def test_without_times_of_words_the_whole_turn_is_silent(house: "House") -> None:
    await take_in(house, sidecar(words=False))
    _, viewer = await house.person("vera", "viewer")

    reply = await house.ask("GET", "/a/audio", token=viewer)

    assert near(loud(reply.content), [(0, 3500 - PAD_MS), (7500 + PAD_MS, 10_000)])


async def test_a_correction_silences_more_and_never_less(house: "House") -> None:
    await take_in(house, sidecar(words=False))
    _, viewer = await house.person("vera", "viewer")
    before = await house.ask("GET", "/a/audio", token=viewer)
    edits = [
        {"idx": 1, "text": "Yes, here it is, thank you."},
        {"idx": 2, "text": "That is 4111 1111 1111 1111."},
    ]
    edit = {"base_version": 1, "edits": edits}
    await house.told("PATCH", "/a/transcript", json=edit)

    after = await house.ask("GET", "/a/audio", token=viewer)

    assert near(loud(before.content), [(0, 3350), (7650, 10_000)])
    assert near(loud(after.content), [(0, 3350), (7650, 7850), (9650, 10_000)])


async def test_what_nobody_understood_is_heard_by_nobody_without_the_right(house: "House") -> None:
    await take_in(house, None)
    _, viewer = await house.person("vera", "viewer")

    reply = await house.ask("GET", "/a/audio", token=viewer)

    assert (reply.status_code, reply.json()["error_code"]) == (403, "AUDIO_NOT_REDACTED")
    assert not [key for key in await house.files() if "redacted" in key]


async def test_a_number_at_a_guessed_time_keeps_the_recording_back(house: "House") -> None:
    text = f"Agent: Your card please\nCustomer: It is {NUMBER}\nAgent: Thank you\n"
    call = await take_in(house, text.encode(), "a.txt")
    _, viewer = await house.person("vera", "viewer")

    reply = await house.ask("GET", "/a/audio", token=viewer)

    assert "TIMES_ESTIMATED" in call["transcript"]["quality"]["warnings"]
    assert (reply.status_code, reply.json()["error_code"]) == (403, "AUDIO_NOT_REDACTED")


def stretches(segments: list[Said], text: str = LINES[1][3]) -> list[tuple[int, int]]:
    turn = Said(text, 3500, 7500)
    [redacted] = Redactor().redact_turns([text])
    return muted([turn], [redacted.spans], segments)


def test_words_that_do_not_fit_their_turn_silence_it_whole() -> None:
    whole = [(3500 - PAD_MS, 7500 + PAD_MS)]
    good = timed(LINES[1])
    late = tuple(Said(w.text, w.start_ms + 60_000, w.end_ms + 60_000) for w in good.words)
    other = tuple(Said("word", w.start_ms, w.end_ms) for w in good.words)
    fewer = good.words[:5] + good.words[7:]

    assert stretches([good]) != whole
    for words in (late, other, fewer, ()):
        assert stretches([Said(good.text, 3500, 7500, words)]) == whole
    assert stretches([good, good]) == whole
    assert stretches([]) == whole


def test_a_text_without_secrets_silences_nothing() -> None:
    assert stretches([], "I would like to pay in cash") == []


def test_spans_are_the_places_of_what_was_replaced() -> None:
    texts = [f"it is {NUMBER}, and mail a@example.org", "nothing here", "call me at 98123 45678"]

    found = Redactor().redact_turns(texts)

    assert [[t[a:b] for a, b in one.spans] for t, one in zip(texts, found, strict=True)] == [
        [NUMBER, "a@example.org"],
        [],
        ["98123 45678"],
    ]


@dataclass
class Row:
    turns: list[Any]
    muted: list[Any] | None = None
    quality: dict[str, Any] = field(default_factory=dict)
    word_count: int = 3


def test_rows_from_before_are_silent_in_turns_that_hide_something() -> None:
    turns = [
        {"text": "my card is [CARD_1]", "start_ms": 100, "end_ms": 2000},
        {"text": "[laughs] thank you", "start_ms": 2000, "end_ms": 3000},
    ]

    assert stretches_of(Row(turns)) == [(0, 2000 + PAD_MS)]
    assert stretches_of(Row([], muted=[[5, 9]])) == [(5, 9)]
    assert stretches_of(Row([])) is None
    assert stretches_of(Row(turns, muted=[], word_count=0)) is None
