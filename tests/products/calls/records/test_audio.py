"""Listening to a call: ranges, copies for browsers, pictures, rights."""

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile

from locutory.products.calls.demo import path
from locutory.products.calls.records.sending import RangeUnsatisfiable, span_of
from locutory.products.calls.records.service.audio import Listenings

if TYPE_CHECKING:
    from tests.products.calls.records.conftest import House


def tone(subtype: str = "PCM_16", container: str = "WAV", rate: int = 8000) -> bytes:
    """Two seconds: a loud left channel, a silent right one, then the other way round."""
    time = np.arange(rate) / rate
    loud, silent = 0.5 * np.sin(2 * np.pi * 440 * time), np.zeros(rate)
    samples = np.concatenate([np.stack([loud, silent], axis=1), np.stack([silent, loud], axis=1)])
    target = io.BytesIO()
    soundfile.write(target, samples, rate, format=container, subtype=subtype)
    return target.getvalue()


async def test_a_recording_is_sent_whole_and_in_ranges(house: "House") -> None:
    content = path("audio/hc-0001.ogg").read_bytes()
    await house.upload("a", "hc-0001", None)

    whole = await house.ask("GET", "/a/audio")
    piece = await house.ask("GET", "/a/audio", headers={"range": "bytes=10-19"})
    tail = await house.ask("GET", "/a/audio", headers={"range": "bytes=-5"})
    open_end = await house.ask("GET", "/a/audio", headers={"range": "bytes=100-"})
    beyond = await house.ask("GET", "/a/audio", headers={"range": f"bytes={len(content)}-"})

    assert (whole.status_code, whole.headers["content-type"]) == (200, "audio/ogg")
    assert whole.headers["accept-ranges"] == "bytes"
    assert whole.content == content
    assert (piece.status_code, piece.content) == (206, content[10:20])
    assert piece.headers["content-range"] == f"bytes 10-19/{len(content)}"
    assert tail.content == content[-5:]
    assert open_end.content == content[100:]
    assert (beyond.status_code, beyond.json()["error_code"]) == (416, "RANGE_UNSATISFIABLE")


@pytest.mark.parametrize(
    ("header", "span"),
    [
        (None, None),
        ("bytes=0-", (0, 100)),
        ("bytes=0-0", (0, 1)),
        ("bytes=90-200", (90, 100)),
        ("bytes=-30", (70, 100)),
        ("bytes=-300", (0, 100)),
        ("bytes=5-3", None),
        ("bytes=-", None),
        ("bytes=1-2,4-5", None),
        ("lines=1-2", None),
        ("bytes=a-b", None),
    ],
)
def test_range_headers(header: str | None, span: tuple[int, int] | None) -> None:
    assert span_of(header, 100) == span


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=-0", "bytes=999999999999999999-"])
def test_ranges_beyond_the_end(header: str) -> None:
    with pytest.raises(RangeUnsatisfiable):
        span_of(header, 100)


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_U8"])
async def test_plain_recordings_are_played_as_they_are(house: "House", subtype: str) -> None:
    content = tone(subtype)
    await house.send("a", {"file": ("a.wav", content)})

    reply = await house.ask("GET", "/a/audio")

    assert reply.headers["content-type"] == "audio/wav"
    assert reply.content == content


@pytest.mark.parametrize(
    ("container", "subtype", "rate"), [("WAV", "ULAW", 8000), ("AIFF", "PCM_16", 10_000)]
)
async def test_what_browsers_cannot_play_is_copied_once(
    house: "House", container: str, subtype: str, rate: int
) -> None:
    await house.send("a", {"file": ("a.bin", tone(subtype, container, rate))})

    first = await house.ask("GET", "/a/audio")
    files = await house.files()
    again = await house.ask("GET", "/a/audio")

    assert first.headers["content-type"] == "audio/mpeg"
    sound, heard_rate = soundfile.read(io.BytesIO(first.content), always_2d=True)
    assert sound.shape[1] == 2
    assert len(sound) / heard_rate == pytest.approx(2, abs=0.2)
    left = np.abs(sound[: len(sound) // 2 - 2000])
    assert left[:, 0].max() > 0.3
    assert left[:, 1].max() < 0.1
    assert again.content == first.content
    assert any("/playback-" in key for key in files)
    assert await house.files() == files


async def test_the_picture_shows_where_each_channel_is_loud(house: "House") -> None:
    await house.send("a", {"file": ("a.wav", tone())})

    peaks = await house.told("GET", "/a/peaks")
    again = await house.told("GET", "/a/peaks")

    assert (peaks["channels"], peaks["per_s"]) == (2, 50)
    left, right = (np.array(data).reshape(-1, 2) for data in peaks["data"])
    assert len(left) == len(right) == 100
    assert np.abs(left[1:49] - [-64, 64]).max() <= 1
    assert np.abs(left[51:]).max() == 0
    assert np.abs(right[:50]).max() == 0
    assert again == peaks
    assert sum("/peaks-" in key for key in await house.files()) == 1


async def test_the_original_takes_the_right_and_leaves_one_trace(house: "House") -> None:
    await house.upload("a", "hc-0001", None)
    _, viewer = await house.person("vera", "viewer")

    refused = await house.ask("GET", "/a/audio", token=viewer)
    picture = await house.ask("GET", "/a/peaks", token=viewer)
    await house.ask("GET", "/a/audio", headers={"range": "bytes=0-99"})
    await house.ask("GET", "/a/audio", headers={"range": "bytes=100-199"})

    assert (refused.status_code, refused.json()["error_code"]) == (403, "AUDIO_NOT_REDACTED")
    assert picture.status_code == 200
    assert [row.detail["what"] for row in await house.audited("pii.read")] == ["audio"]


async def test_a_listening_that_begins_in_the_middle_leaves_its_trace(house: "House") -> None:
    await house.upload("a", "hc-0001", None)
    for start in (1, 100, 200):
        await house.ask("GET", "/a/audio", headers={"range": f"bytes={start}-"})

    assert [row.detail["what"] for row in await house.audited("pii.read")] == ["audio"]


def test_a_listening_lasts_an_hour() -> None:
    now = 0.0
    listenings = Listenings(clock=lambda: now)

    began = [listenings.begins("ana", "a"), listenings.begins("ana", "a")]
    others = [listenings.begins("ana", "b"), listenings.begins("bo", "a")]
    now = 3600.0

    assert (began, others) == ([True, False], [True, True])
    assert listenings.begins("ana", "a")


async def test_a_call_without_a_recording_has_nothing_to_hear(house: "House") -> None:
    await house.keep("a")
    found: list[Any] = [await house.ask("GET", f"/a/{what}") for what in ("audio", "peaks")]

    assert [reply.json()["error_code"] for reply in found] == ["AUDIO_NOT_FOUND"] * 2
