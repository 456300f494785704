"""Speech to text: who spoke when, and the words where an engine knows them."""

from locutory.engines.stt.base import (
    EMPTY_TRANSCRIPT,
    BaseSTT,
    Heard,
    Part,
    Segment,
    STTProvider,
    STTRequest,
    STTResult,
)
from locutory.engines.stt.cutting import cut
from locutory.engines.stt.listening import listen
from locutory.engines.stt.registry import SpeechEngines, get_stt_provider
from locutory.engines.stt.resumable import JobOverError, ResumableSTT, Submission
from locutory.engines.stt.sidecar import SidecarInvalidError, parse_sidecar

__all__ = [
    "EMPTY_TRANSCRIPT",
    "BaseSTT",
    "Heard",
    "JobOverError",
    "Part",
    "ResumableSTT",
    "STTProvider",
    "STTRequest",
    "STTResult",
    "Segment",
    "SidecarInvalidError",
    "SpeechEngines",
    "Submission",
    "cut",
    "get_stt_provider",
    "listen",
    "parse_sidecar",
]
