"""The port for recordings: what any reader of audio files promises."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

from locutory.kernel.errors import ErrorClass, InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Samples: TypeAlias = "NDArray[np.float32]"

TRUNCATED = "TRUNCATED"
CHUNK_SIZE = "CHUNK_SIZE"
DURATION_DIFFERS = "DURATION_DIFFERS"

ACCEPTED_SHARE = 0.95
"""A cut file is taken when this share of its stated length is there (calls seed, 7.2)."""


class AudioEmptyError(InputError):
    """The recording holds no samples."""

    status, code, cls = 422, "AUDIO_EMPTY", ErrorClass.PERMANENT_INPUT


class NotAudioError(InputError):
    """The file is no recording."""

    status, code, cls = 415, "AUDIO_NOT_AUDIO", ErrorClass.PERMANENT_INPUT


class AudioUndecodableError(InputError):
    """The recording cannot be decoded."""

    status, code, cls = 422, "AUDIO_UNDECODABLE", ErrorClass.PERMANENT_INPUT


class AudioTooLongError(InputError):
    """The recording lasts longer than allowed."""

    status, code, cls = 413, "AUDIO_TOO_LONG", ErrorClass.PERMANENT_INPUT


class AudioTooLargeError(InputError):
    """The recording has more bytes than allowed."""

    status, code, cls = 413, "AUDIO_TOO_LARGE", ErrorClass.PERMANENT_INPUT


class AudioTruncatedError(InputError):
    """Too much of the recording is missing at its end."""

    status, code, cls = 422, "AUDIO_TRUNCATED", ErrorClass.PERMANENT_INPUT


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The largest recording that is read; a business may lower them (calls seed, 7.1)."""

    max_bytes: int = 512 * 1024 * 1024
    max_ms: int = 4 * 3_600_000


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What the file says of itself, checked against the bytes that are there.

    `duration_ms` is the real one as far as the header and the file's length tell; a compressed
    file that breaks off inside is found only by reading it.
    """

    codec: str
    container: str
    sample_rate: int
    channels: int
    duration_ms: int
    size_bytes: int
    sha256: str
    warnings: tuple[str, ...] = ()


class LayoutKind(StrEnum):
    """How the speakers lie on the channels."""

    MONO = "mono"
    STEREO = "stereo"
    FALSE_STEREO = "false_stereo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Which channels of the file carry a voice of their own: one index, or two."""

    kind: LayoutKind
    keep: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Audio:
    """Decoded sound: `samples` (n, channels) float32 in -1..1, channels as `layout` keeps them."""

    samples: Samples
    sample_rate: int
    layout: Layout
    warnings: tuple[str, ...] = ()

    @property
    def duration_ms(self) -> int:
        """Length of the samples."""
        return round(1000 * len(self.samples) / self.sample_rate)

    @property
    def false_stereo(self) -> bool:
        """Whether two channels held one sound and only one was kept."""
        return self.layout.kind is LayoutKind.FALSE_STEREO


class BlockStream(Protocol):
    """A recording read block by block. `frames` and `warnings` are final after the last block."""

    sample_rate: int
    channels: int
    frames: int
    warnings: list[str]

    def __iter__(self) -> Iterator[Samples]:
        """Yield (n, channels) float32 blocks. Raises the audio errors of this module."""
        ...


class MediaReader(Protocol):
    """Reads recordings. Synchronous and picklable: callers run it in a process pool."""

    name: str

    def probe(self, path: Path, limits: Limits = DEFAULT_LIMITS) -> Probe:
        """Say what the file is. Raises the audio errors of this module."""
        ...

    def stream(
        self, path: Path, *, sample_rate: int | None = None, limits: Limits = DEFAULT_LIMITS
    ) -> BlockStream:
        """Open the file for reading in blocks of constant memory, resampled if a rate is given."""
        ...

    def layout(self, path: Path) -> Layout:
        """Tell true stereo from one sound on two channels; reads the whole file."""
        ...

    def read(
        self, path: Path, *, sample_rate: int | None = None, limits: Limits = DEFAULT_LIMITS
    ) -> Audio:
        """Read the whole recording into memory, only the channels that its layout keeps."""
        ...
