import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from subprocess import run

import numpy as np
import pytest
import soundfile

from locutory.engines.media.base import AudioEmptyError
from locutory.engines.stt.acoustic import FALSE_STEREO, ONE_VOICE, hear
from locutory.engines.stt.base import NO_SPEECH, Part, STTRequest
from locutory.engines.stt.embedded import AcousticSTT
from locutory.engines.stt.registry import get_stt_provider
from locutory.kernel.errors import ConfigError, InputError

RATE = 8000
LOW = (110.0, 1.0)
HIGH = (210.0, 1.25)


def voice(pitch: float, tract: float, ms: int, seed: int) -> np.ndarray:
    """Syllables of a made-up voice: harmonics under two formants that move; (n,)."""
    random = np.random.default_rng(seed)
    pieces = []
    for _ in range(-(-ms // 160)):
        first, second = random.uniform(300, 800) * tract, random.uniform(1000, 2300) * tract
        time = np.arange(160 * RATE // 1000) / RATE
        hertz = np.arange(pitch, 3400, pitch)[:, None]
        weight = np.exp(-(((hertz - first) / 150) ** 2)) + np.exp(-(((hertz - second) / 200) ** 2))
        tones = np.sin(2 * np.pi * hertz * time + hertz) * (weight + 0.02)
        pieces.append(tones.sum(axis=0) * np.hanning(len(time)) ** 0.3)
    sound = np.concatenate(pieces)[: ms * RATE // 1000]
    return 0.1 * sound / np.sqrt(np.mean(sound**2))


Turns = list[tuple[int, int, int]]


def conversation(voices: tuple[tuple[float, float], ...], turns: Turns) -> np.ndarray:
    """(n, 2): the first voice left, the second right, on a little line noise."""
    total = (turns[-1][1] + 1000) * RATE // 1000
    sound = np.random.default_rng(9).standard_normal((total, 2)) * 0.0005
    for number, (start, end, who) in enumerate(turns):
        at = start * RATE // 1000
        said = voice(*voices[who], end - start, number)
        sound[at : at + len(said), who] += said
    return sound


def alternating(count: int) -> Turns:
    starts = [1000 + 3000 * i for i in range(count)]
    return [(start, start + 2500, i % 2) for i, start in enumerate(starts)]


def save(path: Path, samples: np.ndarray) -> Path:
    soundfile.write(str(path), samples, RATE)
    return path


def request(*paths: Path) -> STTRequest:
    roles = ("mixed",) if len(paths) == 1 else ("agent", "customer")
    parts = [Part(role=r, object_key=p.name, path=p) for r, p in zip(roles, paths, strict=True)]
    return STTRequest(call_ref="c1", parts=tuple(parts))


def confusion(found: Turns, true: Turns) -> float:
    """Share of commonly voiced 10 ms frames given to the wrong voice."""
    length = max(end for _, end, _ in [*found, *true]) // 10
    frames = np.full((2, length), -1)
    for row, turns in enumerate((found, true)):
        for start, end, who in turns:
            frames[row, start // 10 : end // 10] = who
    both = (frames >= 0).all(axis=0)
    return float(np.mean(frames[0, both] != frames[1, both]))


async def test_on_true_stereo_the_speaker_is_the_channel(tmp_path: Path) -> None:
    turns = alternating(8)
    path = save(tmp_path / "call.wav", conversation((LOW, HIGH), turns))

    result = await AcousticSTT().transcribe(request(path))

    found = [(s.start_ms, s.end_ms, s.channel) for s in result.segments]
    assert np.abs(np.array(found) - np.array(turns)).max() <= 30
    assert [s.speaker_label for s in result.segments[:2]] == ["left", "right"]
    assert result.duration_ms == 25_500
    assert result.usage.audio_ms == 25_500


async def test_the_engine_never_invents_words(tmp_path: Path) -> None:
    path = save(tmp_path / "call.wav", conversation((LOW, HIGH), alternating(4)))

    result = await AcousticSTT().transcribe(request(path))

    assert not result.has_words
    assert result.text == ""


def test_two_voices_on_one_channel_are_told_apart(tmp_path: Path) -> None:
    turns = alternating(12)
    path = save(tmp_path / "mono.wav", conversation((LOW, HIGH), turns).sum(axis=1))

    heard = hear(path)

    found = [(s.start_ms, s.end_ms, int(s.speaker_label[1]) - 1) for s in heard.segments]
    assert confusion(found, turns) <= 0.02
    assert heard.warnings == ()


def test_one_voice_is_answered_as_one_speaker(tmp_path: Path) -> None:
    turns = [(start, end, 0) for start, end, _ in alternating(10)]
    path = save(tmp_path / "mono.wav", conversation((LOW, HIGH), turns)[:, 0])

    heard = hear(path)

    assert {s.speaker_label for s in heard.segments} == {"S1"}
    assert heard.warnings == (ONE_VOICE,)


def test_the_same_mix_on_both_channels_gives_each_line_once(tmp_path: Path) -> None:
    turns = alternating(10)
    mono = conversation((LOW, HIGH), turns).sum(axis=1)
    path = save(tmp_path / "false.wav", np.stack([mono, mono], axis=1))

    heard = hear(path)

    assert FALSE_STEREO in heard.warnings
    assert [(s.start_ms, s.end_ms) for s in heard.segments] == [
        (s.start_ms, s.end_ms) for s in hear(save(tmp_path / "mono.wav", mono)).segments
    ]


def test_silence_is_no_speech_and_not_an_error(tmp_path: Path) -> None:
    heard = hear(save(tmp_path / "silent.wav", np.zeros((RATE * 3, 2))))

    assert heard.segments == ()
    assert NO_SPEECH in heard.warnings


async def test_one_file_per_speaker_gives_the_roles_of_the_files(tmp_path: Path) -> None:
    sound = conversation((LOW, HIGH), alternating(4))
    paths = [save(tmp_path / f"{side}.wav", sound[:, side]) for side in (0, 1)]

    result = await AcousticSTT().transcribe(request(*paths))

    assert [s.speaker_label for s in result.segments] == ["agent", "customer"] * 2
    assert [s.channel for s in result.segments] == [0, 1, 0, 1]


async def test_the_work_can_run_in_another_process(tmp_path: Path) -> None:
    path = save(tmp_path / "call.wav", conversation((LOW, HIGH), alternating(4)))

    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as pool:
        there = await get_stt_provider("embedded", pool=pool).transcribe(request(path))

    assert there == await AcousticSTT().transcribe(request(path))


async def test_audio_errors_come_through(tmp_path: Path) -> None:
    path = tmp_path / "empty.wav"
    path.write_bytes(b"")

    with pytest.raises(AudioEmptyError):
        await AcousticSTT().transcribe(request(path))


async def test_a_part_without_a_local_file_is_refused() -> None:
    parts = (Part(role="mixed", object_key="k"),)

    with pytest.raises(InputError):
        await AcousticSTT().transcribe(STTRequest(call_ref="c1", parts=parts))


def test_an_unknown_engine_is_a_configuration_fault() -> None:
    with pytest.raises(ConfigError, match="nothing"):
        get_stt_provider("nothing")


def test_importing_the_package_loads_no_heavy_module() -> None:
    program = (
        "import sys, locutory.engines.stt, locutory.engines.stt.sidecar;"
        "print([m for m in ('numpy', 'sklearn', 'soundfile', 'soxr') if m in sys.modules])"
    )

    shown = run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert shown.stdout.strip() == "[]"
