"""Engines that hear words in a process of ours, on weights and a package that are really there."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile
from tests.engines.stt import tiny_whisper

from locutory.engines.stt.base import MIXED, Part, Segment, STTRequest
from locutory.engines.stt.pocketsphinx import ROUGH
from locutory.engines.stt.registry import SpeechEngines, get_stt_provider
from locutory.kernel.errors import ConfigError, EngineConfigError
from locutory.kernel.http.client import HttpClient
from locutory.kernel.settings import SttSettings, WhisperSettings
from locutory.products.calls.demo import path

if TYPE_CHECKING:
    from locutory.engines.stt.base import STTProvider

SENTENCE = "i would like to book an appointment for tomorrow morning"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("faster_whisper", reason="the extra stt-whisper is not installed")
    folder = tmp_path_factory.mktemp("models") / "tiny"
    tiny_whisper.write_weights(folder)
    return folder


@pytest.fixture(scope="module")
def whisper(weights: Path) -> Iterator["STTProvider"]:
    settings = SttSettings(whisper=WhisperSettings(weights=weights))
    engine = get_stt_provider("auto", settings=settings)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A known sentence, said by a made-up voice."""
    flite = shutil.which("flite")
    if flite is None:
        pytest.skip("flite is not there to say a sentence: apt-get install flite")
    path = tmp_path_factory.mktemp("speech") / "mixed.wav"
    subprocess.run([flite, "-voice", "rms", "-t", SENTENCE, "-o", str(path)], check=True)
    return path


@pytest.fixture(scope="module")
def call(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some seconds of a call of the demo, in which the package's own detector hears voices."""
    sound, rate = soundfile.read(str(path("audio/hc-0001.ogg")), dtype="float32")
    wav = tmp_path_factory.mktemp("call") / "mixed.wav"
    soundfile.write(str(wav), sound[: 6 * rate].mean(axis=1), rate)
    return wav


def request(path: Path, *, role: str = MIXED, **rest: Any) -> STTRequest:
    ms = round(1000 * soundfile.info(str(path)).duration)
    part = Part(role=role, object_key="", path=path, ms=ms, **rest)
    return STTRequest(call_ref="call-1", parts=(part,))


def word_errors(said: str, heard: str) -> int:
    """How many words must be changed, added or left out."""
    want, got = said.split(), heard.split()
    row = list(range(len(got) + 1))
    for n, word in enumerate(want, 1):
        above, row[0] = row[:], n
        for m, other in enumerate(got, 1):
            row[m] = min(above[m] + 1, row[m - 1] + 1, above[m - 1] + (word != other))
    return row[-1]


async def test_weights_in_a_directory_give_words_with_their_times(
    whisper: "STTProvider", call: Path
) -> None:
    result = await whisper.transcribe(request(call))

    assert (result.provider, result.model) == ("whisper", "tiny")
    assert result.text == " ".join(tiny_whisper.WORDS)
    assert [w.text for s in result.segments for w in s.words] == list(tiny_whisper.WORDS)
    assert all(0 <= s.start_ms <= s.end_ms <= result.duration_ms for s in result.segments)
    assert (result.language_spoken, result.usage.audio_ms) == ("en", result.duration_ms)


async def test_a_channel_of_its_own_is_a_speaker(whisper: "STTProvider", call: Path) -> None:
    result = await whisper.transcribe(request(call, role="right"))

    assert {(s.speaker_label, s.channel) for s in result.segments} == {("right", 1)}


async def test_its_words_go_to_the_voices_that_were_heard(
    whisper: "STTProvider", call: Path
) -> None:
    whole = await whisper.transcribe(request(call))
    middle = whole.segments[0].words[2].start_ms
    turns = (
        Segment(start_ms=0, end_ms=middle, speaker_label="S1", channel=0),
        Segment(start_ms=middle, end_ms=whole.duration_ms, speaker_label="S2", channel=0),
    )

    result = await whisper.transcribe(request(call, turns=turns))

    assert [s.speaker_label for s in result.segments] == ["S1", "S2"]
    assert " ".join(s.text for s in result.segments) == " ".join(tiny_whisper.WORDS)


async def test_weights_that_cannot_be_read_are_a_matter_of_settings(
    weights: Path, call: Path, tmp_path: Path
) -> None:
    broken = shutil.copytree(weights, tmp_path / "broken")
    (broken / "model.bin").write_bytes(b"no model")
    settings = SttSettings(whisper=WhisperSettings(weights=broken))
    engine = get_stt_provider("whisper", settings=settings)

    with pytest.raises(EngineConfigError, match="LOCUTORY_STT__WHISPER__WEIGHTS"):
        await engine.transcribe(request(call))

    engine.close()


def test_a_directory_without_its_tokenizer_is_refused_and_nothing_is_fetched(
    weights: Path, tmp_path: Path
) -> None:
    lacking = shutil.copytree(weights, tmp_path / "lacking")
    (lacking / "tokenizer.json").unlink()
    settings = SttSettings(whisper=WhisperSettings(weights=lacking))

    with pytest.raises(ConfigError, match=r"has no tokenizer\.json"):
        get_stt_provider("whisper", settings=settings)


def test_without_weights_the_best_engine_is_the_acoustic_one() -> None:
    assert get_stt_provider("auto", settings=SttSettings()).name == "embedded"


def test_an_engine_is_made_once(http: HttpClient) -> None:
    pytest.importorskip("pocketsphinx", reason="the extra stt-lite is not installed")
    settings = SttSettings()
    engines = SpeechEngines(get_stt_provider("auto", settings=settings), settings, http)

    assert engines.get("pocketsphinx") is engines.get("pocketsphinx")
    assert engines.get("embedded").name == "embedded"


async def test_a_sentence_is_heard_by_pocketsphinx_and_marked_as_rough(speech: Path) -> None:
    pytest.importorskip("pocketsphinx", reason="the extra stt-lite is not installed")
    engine = get_stt_provider("pocketsphinx")

    result = await engine.transcribe(request(speech))

    engine.close()
    assert word_errors(SENTENCE, result.text) <= 3
    assert "appointment" in result.text
    assert (result.provider, result.model, result.language_spoken) == (
        "pocketsphinx",
        "en-us-rough",
        "en",
    )
    assert ROUGH in result.warnings
    words = [word for segment in result.segments for word in segment.words]
    assert all(0 <= w.start_ms < w.end_ms <= result.duration_ms for w in words)
    assert all(0 <= (w.confidence or 0) <= 1 for w in words)


async def test_pocketsphinx_says_nothing_of_silence(tmp_path: Path) -> None:
    pytest.importorskip("pocketsphinx", reason="the extra stt-lite is not installed")
    silence = tmp_path / "mixed.wav"
    soundfile.write(str(silence), np.zeros(32_000), 16_000)
    engine = get_stt_provider("pocketsphinx")

    result = await engine.transcribe(request(silence))

    engine.close()
    assert (result.segments, result.text) == ((), "")
