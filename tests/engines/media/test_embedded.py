import pickle
import struct
import sys
from pathlib import Path
from subprocess import run

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from locutory.engines.media.base import (
    CHUNK_SIZE,
    TRUNCATED,
    AudioEmptyError,
    AudioTooLargeError,
    AudioTooLongError,
    AudioTruncatedError,
    AudioUndecodableError,
    LayoutKind,
    Limits,
    NotAudioError,
)
from locutory.engines.media.embedded import EmbeddedReader
from locutory.engines.media.peaks import peaks
from locutory.engines.media.registry import get_media_reader
from locutory.kernel.errors import ConfigError, ErrorClass, LocutoryError

RATE = 8000
SECONDS = 3


def noise(channels: int = 2, seconds: float = SECONDS, seed: int = 5) -> NDArray[np.float64]:
    shape = (int(RATE * seconds), channels)
    return np.random.default_rng(seed).standard_normal(shape) * 0.1


def write(path: Path, samples: NDArray[np.float64], **options: str) -> Path:
    soundfile.write(str(path), samples, RATE, **options)  # type: ignore[arg-type]
    return path


def wav_bytes(tmp_path: Path, **options: str) -> bytes:
    return write(tmp_path / "whole.wav", noise(), **options).read_bytes()


FORMATS = [
    ("WAV", "PCM_U8", 2, "pcm_u8"),
    ("WAV", "PCM_16", 2, "pcm_16"),
    ("WAV", "PCM_24", 2, "pcm_24"),
    ("WAV", "PCM_32", 2, "pcm_32"),
    ("WAV", "FLOAT", 2, "float"),
    ("WAV", "ALAW", 2, "alaw"),
    ("WAV", "ULAW", 2, "ulaw"),
    ("WAV", "MS_ADPCM", 2, "ms_adpcm"),
    ("WAV", "IMA_ADPCM", 1, "ima_adpcm"),
    ("WAV", "GSM610", 1, "gsm610"),
    ("WAVEX", "PCM_16", 2, "pcm_16"),
    ("RF64", "PCM_16", 2, "pcm_16"),
    ("AIFF", "PCM_16", 2, "pcm_16"),
    ("AU", "ULAW", 2, "ulaw"),
    ("FLAC", "PCM_16", 2, "pcm_16"),
    ("MP3", "MPEG_LAYER_III", 2, "mpeg_layer_iii"),
    ("OGG", "OPUS", 2, "opus"),
    ("OGG", "VORBIS", 2, "vorbis"),
]


@pytest.mark.parametrize(("kind", "subtype", "channels", "codec"), FORMATS)
def test_every_accepted_format_is_told_by_its_bytes_and_read_whole(
    tmp_path: Path, kind: str, subtype: str, channels: int, codec: str
) -> None:
    path = write(tmp_path / "call.raw", noise(channels), format=kind, subtype=subtype)
    reader = EmbeddedReader()

    probe = reader.probe(path)
    audio = reader.read(path)

    assert (probe.codec, probe.channels, probe.sample_rate) == (codec, channels, RATE)
    assert probe.duration_ms == pytest.approx(SECONDS * 1000, abs=60)
    assert audio.duration_ms == pytest.approx(SECONDS * 1000, abs=60)
    assert float(np.abs(audio.samples).mean()) == pytest.approx(0.08, rel=0.5)
    assert probe.warnings == audio.warnings == ()


def test_headerless_gsm_is_recognised_and_read(tmp_path: Path) -> None:
    path = write(tmp_path / "call.bin", noise(1), format="RAW", subtype="GSM610")

    probe = EmbeddedReader().probe(path)

    assert (probe.container, probe.duration_ms) == ("gsm", SECONDS * 1000)
    assert EmbeddedReader().read(path).duration_ms == SECONDS * 1000


def test_big_endian_riff_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "call.wav", noise(), endian="BIG")

    assert path.read_bytes()[:4] == b"RIFX"
    assert EmbeddedReader().read(path).duration_ms == SECONDS * 1000


def test_eight_bit_samples_are_unsigned(tmp_path: Path) -> None:
    header = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 1036, b"WAVE", b"fmt ", 16, 1, 1,
                         RATE, RATE, 1, 8, b"data", 1000)  # fmt: skip
    path = tmp_path / "call.wav"
    path.write_bytes(header + bytes([128]) * 500 + bytes([255]) * 500)

    samples = EmbeddedReader().read(path).samples

    assert samples[0, 0] == 0.0
    assert samples[-1, 0] == pytest.approx(127 / 128)


def test_a_cut_wav_is_taken_with_a_warning_when_95_percent_are_there(tmp_path: Path) -> None:
    whole = wav_bytes(tmp_path)
    path = tmp_path / "cut.wav"
    path.write_bytes(whole[: int(len(whole) * 0.97)])

    audio = EmbeddedReader().read(path)

    assert audio.warnings == (TRUNCATED,)
    assert audio.duration_ms == pytest.approx(SECONDS * 970, abs=10)
    assert EmbeddedReader().probe(path).duration_ms == audio.duration_ms


@pytest.mark.parametrize(
    ("kind", "subtype"), [("WAV", "PCM_16"), ("RF64", "PCM_16"), ("FLAC", "PCM_16")]
)
def test_a_half_recording_is_refused(tmp_path: Path, kind: str, subtype: str) -> None:
    path = write(tmp_path / "half", noise(seconds=30), format=kind, subtype=subtype)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    with pytest.raises(AudioTruncatedError):
        EmbeddedReader().read(path)


@pytest.mark.parametrize("stated", [0, 0xFFFF_FFFF, 0x7FFF_FFFF])
def test_sizes_that_a_streaming_recorder_left_open_are_mended(tmp_path: Path, stated: int) -> None:
    whole = wav_bytes(tmp_path)
    path = tmp_path / "open.wav"
    path.write_bytes(whole[:40] + struct.pack("<I", stated) + whole[44:])

    audio = EmbeddedReader().read(path)

    assert audio.duration_ms == SECONDS * 1000
    assert audio.warnings == (CHUNK_SIZE,)
    np.testing.assert_array_equal(
        audio.samples, EmbeddedReader().read(tmp_path / "whole.wav").samples
    )


@pytest.mark.parametrize("length", [0, 12, 30, 44])
def test_a_header_without_samples_is_empty(tmp_path: Path, length: int) -> None:
    path = tmp_path / "empty.wav"
    path.write_bytes(wav_bytes(tmp_path)[:length])

    for read in (EmbeddedReader().probe, EmbeddedReader().read):
        with pytest.raises(AudioEmptyError):
            read(path)


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"\n<!DOCTYPE html><html><body>Log in</body></html>", "HTML"),
        (b'{"error": "link expired"}', "JSON"),
        (b"<?xml version='1.0'?><Error/>", "XML"),
        (b"not found", "plain text"),
        ("ungültig é".encode() * 900, "plain text"),
        (b"\x89PNG\r\n\x1a\n" + bytes(64), "PNG"),
        (b"\xff\xd8\xff\xe0" + bytes(64), "JPEG"),
        (b"%PDF-1.7\n", "PDF"),
        (bytes(range(256)), "unknown binary"),
    ],
)
def test_other_content_is_named_in_the_refusal(tmp_path: Path, content: bytes, named: str) -> None:
    path = tmp_path / "call.wav"
    path.write_bytes(content)

    with pytest.raises(NotAudioError, match=named) as caught:
        EmbeddedReader().probe(path)

    assert (caught.value.status, caught.value.error_code) == (415, "AUDIO_NOT_AUDIO")


@pytest.mark.parametrize(
    ("head", "named"),
    [
        (bytes(4) + b"ftypM4A ", "MP4"),
        (b"#!AMR\n", "AMR"),
        (b"\x1aE\xdf\xa3", "WebM"),
        (b"\x30\x26\xb2\x75", "WMA"),
    ],
)
def test_sound_that_needs_another_decoder_says_so(tmp_path: Path, head: bytes, named: str) -> None:
    path = tmp_path / "call.wav"
    path.write_bytes(head + bytes(200))

    with pytest.raises(AudioUndecodableError, match=named):
        EmbeddedReader().probe(path)


@pytest.mark.parametrize("seed", range(40))
def test_a_damaged_header_ends_in_a_known_error_or_in_sound(tmp_path: Path, seed: int) -> None:
    random = np.random.default_rng(seed)
    damaged = bytearray(wav_bytes(tmp_path))
    for at in random.integers(12, 44, size=3):
        damaged[at] = random.integers(0, 256)
    path = tmp_path / "damaged.wav"
    path.write_bytes(damaged)

    outcome: type[LocutoryError] | None = None
    try:
        frames = len(EmbeddedReader().read(path).samples)
    except LocutoryError as error:
        frames, outcome = 0, type(error)

    assert frames > 0 or (outcome is not None and outcome.cls is ErrorClass.PERMANENT_INPUT)


def test_limits_on_bytes_and_length_hold(tmp_path: Path) -> None:
    path = write(tmp_path / "call.wav", noise())
    reader = EmbeddedReader()

    with pytest.raises(AudioTooLargeError):
        reader.probe(path, Limits(max_bytes=1000))
    with pytest.raises(AudioTooLongError):
        reader.probe(path, Limits(max_ms=2999))
    with pytest.raises(AudioTooLongError):
        reader.read(path, limits=Limits(max_ms=2999))
    assert reader.probe(path, Limits(max_ms=3000)).duration_ms == 3000


def test_resampling_keeps_length_and_pitch(tmp_path: Path) -> None:
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE * 25) / RATE)[:, None]
    path = write(tmp_path / "tone.wav", tone)

    audio = EmbeddedReader().read(path, sample_rate=16_000)

    spectrum = np.abs(np.fft.rfft(audio.samples[:16_000, 0]))
    assert audio.duration_ms == pytest.approx(25_000, abs=2)
    assert int(np.argmax(spectrum)) == 440


def test_true_stereo_is_kept(tmp_path: Path) -> None:
    path = write(tmp_path / "call.wav", noise(2))

    assert EmbeddedReader().layout(path).kind is LayoutKind.STEREO


@pytest.mark.parametrize("gain", [1.0, 0.3, -1.0])
def test_one_sound_on_both_channels_is_false_stereo(tmp_path: Path, gain: float) -> None:
    left = noise(1)
    path = write(tmp_path / "call.wav", np.hstack([left, gain * left]))

    audio = EmbeddedReader().read(path)

    assert audio.false_stereo
    assert audio.samples.shape[1] == 1


def test_a_silent_second_channel_is_false_stereo_and_the_voice_is_kept(tmp_path: Path) -> None:
    path = write(tmp_path / "call.wav", np.hstack([np.zeros((RATE * SECONDS, 1)), noise(1)]))

    layout = EmbeddedReader().layout(path)

    assert (layout.kind, layout.keep) == (LayoutKind.FALSE_STEREO, (1,))


def test_of_many_channels_the_two_loudest_distinct_ones_are_kept(tmp_path: Path) -> None:
    left, right = noise(1, seed=1), 0.8 * noise(1, seed=2)
    samples = np.hstack([0.9 * left, left, np.zeros_like(left), right])
    path = write(tmp_path / "call.wav", samples)

    assert EmbeddedReader().layout(path).keep == (1, 3)


def test_peaks_bound_every_window(tmp_path: Path) -> None:
    audio = EmbeddedReader().read(write(tmp_path / "call.wav", noise(2, seconds=1.01)))

    outline = peaks(audio)

    assert outline.shape == (51, 2, 2)
    assert (outline[:, :, 0] <= outline[:, :, 1]).all()
    assert outline[0, 0, 1] == audio.samples[:160, 0].max()
    assert outline[-1, 1, 0] == audio.samples[50 * 160 :, 1].min()


def test_a_reader_can_be_sent_to_another_process() -> None:
    assert pickle.loads(pickle.dumps(get_media_reader())).name == "embedded"


def test_an_unknown_reader_is_a_configuration_fault() -> None:
    with pytest.raises(ConfigError, match="nothing"):
        get_media_reader("nothing")


def test_importing_the_package_loads_no_heavy_module() -> None:
    program = (
        "import sys, locutory.engines.media, locutory.engines.media.peaks;"
        "print([m for m in ('numpy', 'soundfile', 'soxr') if m in sys.modules])"
    )

    shown = run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert shown.stdout.strip() == "[]"
