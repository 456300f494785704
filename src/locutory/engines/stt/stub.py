"""A scripted engine for benches and tests: known delay, known words, known failures."""

import asyncio
from collections.abc import Mapping
from typing import ClassVar

from locutory.engines.stt.base import BaseSTT, Capabilities, Segment, STTRequest, STTResult, Usage

Script = str | tuple[Segment, ...] | Exception


class StubSTT(BaseSTT):
    """Answers by `call_ref`; a call without a script gets `default`.

    `calls` lists every `call_ref` in the order in which it was asked for.
    """

    name: ClassVar[str] = "stub"
    capabilities: ClassVar[Capabilities] = Capabilities(
        diarization=True, multichannel=True, word_times=True
    )

    def __init__(
        self,
        *,
        latency_s: float = 0.0,
        scripts: Mapping[str, Script] | None = None,
        default: Script = "",
        duration_ms: int = 60_000,
    ) -> None:
        """A script is one speaker's text over the whole call, ready segments, or an error."""
        self._latency_s, self._duration_ms = latency_s, duration_ms
        self._scripts, self._default = dict(scripts or {}), default
        self.calls: list[str] = []

    async def transcribe(self, request: STTRequest) -> STTResult:
        """Wait, then answer or raise what the script says."""
        self.calls.append(request.call_ref)
        await asyncio.sleep(self._latency_s)
        script = self._scripts.get(request.call_ref, self._default)
        if isinstance(script, Exception):
            raise script
        duration_ms = max((p.ms for p in request.parts if p.ms), default=self._duration_ms)
        segments = self._segments(script, duration_ms)
        return STTResult(
            provider=self.name,
            model="scripted",
            duration_ms=duration_ms,
            segments=segments,
            text="\n".join(s.text for s in segments if s.text),
            usage=Usage(audio_ms=duration_ms),
        )

    @staticmethod
    def _segments(script: str | tuple[Segment, ...], duration_ms: int) -> tuple[Segment, ...]:
        if not isinstance(script, str):
            return script
        if not script:
            return ()
        return (Segment(start_ms=0, end_ms=duration_ms, speaker_label="S1", text=script),)
