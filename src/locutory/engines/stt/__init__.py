"""Speech to text: who spoke when, and the words where an engine knows them."""

from locutory.engines.stt.base import BaseSTT, STTProvider, STTRequest, STTResult
from locutory.engines.stt.registry import get_stt_provider

__all__ = ["BaseSTT", "STTProvider", "STTRequest", "STTResult", "get_stt_provider"]
