"""The port for speech engines, and the words in which they are asked and answer."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Protocol

NO_SPEECH = "NO_SPEECH"
EMPTY_TRANSCRIPT = "EMPTY_TRANSCRIPT"
MIXED = "mixed"
SIDES = ("left", "right")
TIMES_MENDED = "TIMES_MENDED"
TIMES_ESTIMATED = "TIMES_ESTIMATED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What an engine can do. Limits are None where it has none of its own.

    `derived`: it takes 16 kHz WAV files of one channel, a file for each channel with a speaker of
    its own; else the recording as it is. `outside`: a provider does the work, and lets only so many
    calls in at once.
    """

    outside: bool = False
    diarization: bool = False
    multichannel: bool = False
    derived: bool = False
    word_times: bool = False
    translate: bool = False
    languages: tuple[str, ...] = ()
    max_ms: int | None = None
    max_bytes: int | None = None
    batch_files: int = 1
    async_job: bool = False
    cancel: bool = False
    callback: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One file of a call. `role` is "mixed" for the whole recording, else "left" or "right".

    `path` is the local copy that engines read; `object_key` names the stored one; `url` is where
    an engine may fetch it. `channels` counts those that carry a speaker of their own. A piece of a
    longer recording begins `offset_ms` into it. `turns` are those of the acoustic engine, in the
    file's own time.
    """

    role: str
    object_key: str
    path: Path | None = None
    url: str | None = None
    ms: int | None = None
    codec: str = ""
    channels: int = 1
    offset_ms: int = 0
    turns: tuple["Segment", ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Want:
    """What the caller would like to have; an engine gives what it can."""

    diarize: bool = True
    words: bool = True
    translate_to_en: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class STTRequest:
    """One call to be transcribed. `call_ref` is the caller's own name for it."""

    call_ref: str
    parts: tuple[Part, ...]
    language_hint: str | None = None
    want: Want = field(default_factory=Want)
    num_speakers: int | None = None
    keyterms: tuple[str, ...] = ()
    prompt: str | None = None
    callback_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A word with its time in whole milliseconds."""

    text: str
    start_ms: int
    end_ms: int
    confidence: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A stretch of one speaker's speech, half-open, in whole milliseconds.

    `text` is "" where the engine knows no words; `confidence` is 0-1, None where unknown.
    """

    start_ms: int
    end_ms: int
    speaker_label: str = ""
    channel: int | None = None
    text: str = ""
    confidence: float | None = None
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What the engine will bill, in micro-units of the provider's currency."""

    audio_ms: int = 0
    cost_micros: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class STTResult:
    """What an engine heard. Segments lie within the duration and are sorted by start."""

    provider: str
    model: str
    duration_ms: int
    segments: tuple[Segment, ...]
    text: str = ""
    language_spoken: str | None = None
    language_text: str | None = None
    language_confidence: float | None = None
    usage: Usage = field(default_factory=Usage)
    raw_key: str | None = None
    warnings: tuple[str, ...] = ()

    @property
    def has_words(self) -> bool:
        """Whether any segment carries text."""
        return any(segment.text for segment in self.segments)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What one file gave: its length, its turns, and what a person should know about it."""

    duration_ms: int
    segments: tuple[Segment, ...]
    warnings: tuple[str, ...] = ()


class STTProvider(Protocol):
    """A speech engine."""

    name: ClassVar[str]
    capabilities: ClassVar[Capabilities]

    @property
    def model(self) -> str | None:
        """The model that it is set to, None if there is nothing to choose."""
        ...

    async def transcribe(self, request: STTRequest) -> STTResult:
        """Hear one call. Raises kernel EngineErrors, or the audio errors of the media engine."""
        ...

    def close(self) -> None:
        """End what was started for it; it is asked for nothing more."""
        ...


class BaseSTT(ABC):
    """The base of our own engines: a name, what it can do, one verb."""

    name: ClassVar[str]
    capabilities: ClassVar[Capabilities] = Capabilities()

    @property
    def model(self) -> str | None:
        """The model that it is set to; see `STTProvider`."""
        return None

    @abstractmethod
    async def transcribe(self, request: STTRequest) -> STTResult:
        """Hear one call; see `STTProvider`."""

    def close(self) -> None:
        """Nothing to end, for most; see `STTProvider`."""
        return
