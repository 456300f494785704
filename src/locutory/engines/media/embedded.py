"""The bundled reader: libsndfile for decoding, soxr for resampling."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr

from locutory.engines.media.base import (
    ACCEPTED_SHARE,
    DEFAULT_LIMITS,
    DURATION_DIFFERS,
    TRUNCATED,
    Audio,
    AudioEmptyError,
    AudioTooLargeError,
    AudioTooLongError,
    AudioTruncatedError,
    AudioUndecodableError,
    Layout,
    Limits,
    Probe,
    Samples,
)
from locutory.engines.media.layout import LayoutScan
from locutory.engines.media.sniff import container_of
from locutory.engines.media.wav import MendedFile, check_length, find_data

BLOCK_MS = 10_000
_HASH_BYTES = 1 << 20
_HEADER_ONLY = 64
"""A RIFF file this short without a data chunk is a header whose recording never began."""
_NEEDS_OTHER_DECODER = {
    "aac": "AAC",
    "amr": "AMR",
    "amr-wb": "AMR-WB",
    "mp4": "MP4/M4A",
    "webm": "WebM/Matroska",
    "wma": "WMA/ASF",
}
_RAW_GSM: dict[str, Any] = {
    "format": "RAW",
    "subtype": "GSM610",
    "samplerate": 8000,
    "channels": 1,
}
_SAMPLES_PER_GSM_FRAME, _BYTES_PER_GSM_FRAME = 160, 33
_MAX_CHANNELS = 8
_RATES = range(4000, 192_001)


class EmbeddedReader:
    """WAV, AIFF, AU, CAF, W64, FLAC, MP3, Ogg (Vorbis, Opus) and headerless GSM."""

    name = "embedded"

    def probe(self, path: Path, limits: Limits = DEFAULT_LIMITS) -> Probe:
        """Say what the file is, from its header and all its bytes (for the digest)."""
        size = _check_size(path, limits)
        container = _container(path)
        sound, warnings = _open(path, container)
        with sound:
            frames = _stated_frames(sound, container, size)
            rate = int(sound.samplerate)
            duration_ms = round(1000 * frames / rate)
            codec, channels = str(sound.subtype).lower(), int(sound.channels)
        if duration_ms > limits.max_ms:
            raise AudioTooLongError(f"{duration_ms} ms; at most {limits.max_ms} ms are allowed")
        return Probe(
            codec=codec,
            container=container,
            sample_rate=rate,
            channels=channels,
            duration_ms=duration_ms,
            size_bytes=size,
            sha256=_sha256(path),
            warnings=warnings,
        )

    def stream(
        self, path: Path, *, sample_rate: int | None = None, limits: Limits = DEFAULT_LIMITS
    ) -> "SoundStream":
        """Open the file for block-wise reading; see `BlockStream`."""
        return SoundStream(path, sample_rate=sample_rate, limits=limits)

    def layout(self, path: Path) -> Layout:
        """Tell true stereo from one sound on two channels; reads the whole file."""
        stream = self.stream(path)
        scan = LayoutScan(stream.channels)
        for block in stream:
            scan.add(block)
        return scan.result()

    def read(
        self, path: Path, *, sample_rate: int | None = None, limits: Limits = DEFAULT_LIMITS
    ) -> Audio:
        """Read all samples of the channels that the layout keeps."""
        stream = self.stream(path, sample_rate=sample_rate, limits=limits)
        scan = LayoutScan(stream.channels)
        blocks = []
        for block in stream:
            scan.add(block)
            blocks.append(block)
        layout = scan.result()
        return Audio(
            samples=np.concatenate(blocks)[:, list(layout.keep)],
            sample_rate=stream.sample_rate,
            layout=layout,
            warnings=tuple(stream.warnings),
        )


class SoundStream:
    """One pass over a file; memory is that of one block, whatever the file's length."""

    def __init__(self, path: Path, *, sample_rate: int | None, limits: Limits) -> None:
        """Check size and kind now; decoding faults come while iterating."""
        size = _check_size(path, limits)
        self._path, self._limits = path, limits
        self._container = _container(path)
        sound, warnings = _open(path, self._container)
        with sound:
            self._own_rate = int(sound.samplerate)
            self._stated = _stated_frames(sound, self._container, size)
            self.channels = int(sound.channels)
        self.sample_rate = sample_rate or self._own_rate
        self.frames = 0
        self.warnings = list(warnings)

    def __iter__(self) -> Iterator[Samples]:
        """Yield blocks of at most ten seconds, resampled to `sample_rate`."""
        blocks = self._decode()
        if self.sample_rate == self._own_rate:
            yield from blocks
            return
        resampler = soxr.ResampleStream(
            self._own_rate, self.sample_rate, self.channels, dtype="float32"
        )
        for block in blocks:
            yield _two_dimensional(resampler.resample_chunk(block), self.channels)
        rest = np.zeros((0, self.channels), dtype=np.float32)
        yield _two_dimensional(resampler.resample_chunk(rest, last=True), self.channels)

    def _decode(self) -> Iterator[Samples]:
        size = self._own_rate * BLOCK_MS // 1000
        limit = self._own_rate * self._limits.max_ms // 1000
        self.frames, fault = 0, ""
        sound, _ = _open(self._path, self._container)
        with sound:
            while True:
                try:
                    block: Samples = sound.read(size, dtype="float32", always_2d=True)
                except soundfile.LibsndfileError as error:
                    fault = str(error)
                    break
                if not len(block):
                    break
                self.frames += len(block)
                if self.frames > limit:
                    raise AudioTooLongError(f"More than {self._limits.max_ms} ms of sound")
                yield np.nan_to_num(block, posinf=1.0, neginf=-1.0)
        self._judge_end(fault)

    def _judge_end(self, fault: str) -> None:
        share = self.frames / self._stated if self._stated else 1.0
        if not self.frames:
            if fault:
                raise AudioUndecodableError(fault)
            raise AudioEmptyError()
        # The length of an MP3 without a table is an estimate, so a short one proves nothing.
        if not fault and self._container == "mp3":
            if abs(share - 1) > 0.1:
                self._warn(DURATION_DIFFERS)
        elif share < ACCEPTED_SHARE:
            raise AudioTruncatedError(f"{share:.0%} of the stated length could be decoded. {fault}")
        elif fault:
            self._warn(TRUNCATED)

    def _warn(self, warning: str) -> None:
        if warning not in self.warnings:
            self.warnings.append(warning)


def _check_size(path: Path, limits: Limits) -> int:
    size = path.stat().st_size
    if size == 0:
        raise AudioEmptyError("The file has 0 bytes")
    if size > limits.max_bytes:
        raise AudioTooLargeError(f"{size} bytes; at most {limits.max_bytes} are allowed")
    return size


def _container(path: Path) -> str:
    container = container_of(path)
    if container in _NEEDS_OTHER_DECODER:
        name = _NEEDS_OTHER_DECODER[container]
        raise AudioUndecodableError(
            f"{name} is not among the formats that the bundled reader decodes"
        )
    return container


def _open(path: Path, container: str) -> tuple[soundfile.SoundFile, tuple[str, ...]]:
    """Open for reading, with a mended header where needed; returns warnings beside."""
    warnings: tuple[str, ...] = ()
    mended: MendedFile | None = None
    if container == "wav":
        chunk = find_data(path)
        if chunk is None and path.stat().st_size <= _HEADER_ONLY:
            raise AudioEmptyError("The file is a header without a recording")
        if chunk is not None:
            warnings = check_length(chunk)
            if chunk.stated_bytes == 0 and chunk.actual_bytes and not chunk.wide:
                mended = MendedFile(path, chunk)
    # By descriptor: given a name, the library would take `.raw` for headerless samples.
    source: Any = mended or os.open(path, os.O_RDONLY)
    try:
        sound = soundfile.SoundFile(source, **(_RAW_GSM if container == "gsm" else {}))
    except soundfile.LibsndfileError as error:
        raise AudioUndecodableError(str(error.error_string)) from error
    _check_shape(sound)
    return sound, warnings


def _check_shape(sound: soundfile.SoundFile) -> None:
    if sound.channels > _MAX_CHANNELS or sound.samplerate not in _RATES:
        with sound:
            raise AudioUndecodableError(
                f"{sound.channels} channels at {sound.samplerate} Hz; "
                f"1-{_MAX_CHANNELS} channels at {_RATES.start}-{_RATES.stop - 1} Hz are read"
            )
    if sound.frames == 0:
        with sound:
            raise AudioEmptyError()


def _stated_frames(sound: soundfile.SoundFile, container: str, size: int) -> int:
    if container == "gsm":
        return size // _BYTES_PER_GSM_FRAME * _SAMPLES_PER_GSM_FRAME
    return int(sound.frames)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while data := file.read(_HASH_BYTES):
            digest.update(data)
    return digest.hexdigest()


def _two_dimensional(samples: Samples, channels: int) -> Samples:
    return samples.reshape(-1, channels)
