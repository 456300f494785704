"""Speech to text: who spoke when, and the words where an engine knows them."""

from locutory.engines.stt.base import (
    BaseSTT,
    Heard,
    Part,
    Segment,
    STTProvider,
    STTRequest,
    STTResult,
)
from locutory.engines.stt.listening import listen
from locutory.engines.stt.registry import get_stt_provider
from locutory.engines.stt.sidecar import SidecarInvalidError, parse_sidecar

__all__ = [
    "BaseSTT",
    "Heard",
    "Part",
    "STTProvider",
    "STTRequest",
    "STTResult",
    "Segment",
    "SidecarInvalidError",
    "get_stt_provider",
    "listen",
    "parse_sidecar",
]
