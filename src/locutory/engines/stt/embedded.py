"""The embedded engine: turns by sound alone. It knows no words and says so.

numpy and what hears load with the first recording: a server that has none stays small.
"""

import asyncio
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import ClassVar

from locutory.engines.stt.base import (
    NO_SPEECH,
    BaseSTT,
    Capabilities,
    Heard,
    Segment,
    STTRequest,
    STTResult,
    Usage,
)
from locutory.kernel.errors import InputError

MODEL = "acoustic-1"


class AcousticSTT(BaseSTT):
    """Turns with times and speakers on any recording that the media reader decodes."""

    name: ClassVar[str] = "embedded"
    capabilities: ClassVar[Capabilities] = Capabilities(diarization=True, multichannel=True)

    def __init__(self, *, pool: ProcessPoolExecutor | None = None) -> None:
        """Work runs in `pool`, one call per process, or in a thread when there is none."""
        self._pool = pool

    async def transcribe(self, request: STTRequest) -> STTResult:
        """Hear one mixed recording, or one file per speaker."""
        paths = [part.path for part in request.parts if part.path is not None]
        if not paths or len(paths) < len(request.parts):
            raise InputError("The acoustic engine needs a local file for every part")
        if len(paths) == 1:
            heard = await self._run(paths[0], request.num_speakers)
        else:
            each = [await self._run(path, 1) for path in paths]
            heard = _side_by_side(each, [part.role for part in request.parts])
        return STTResult(
            provider=self.name,
            model=MODEL,
            duration_ms=heard.duration_ms,
            segments=heard.segments,
            usage=Usage(audio_ms=heard.duration_ms),
            warnings=heard.warnings,
        )

    async def _run(self, path: Path, num_speakers: int | None) -> Heard:
        from locutory.engines.stt.acoustic import hear

        if self._pool is None:
            return await asyncio.to_thread(hear, path, num_speakers)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, hear, path, num_speakers)


def _side_by_side(each: list[Heard], roles: list[str]) -> Heard:
    segments = [
        Segment(start_ms=s.start_ms, end_ms=s.end_ms, speaker_label=role, channel=channel)
        for channel, (heard, role) in enumerate(zip(each, roles, strict=True))
        for s in heard.segments
    ]
    warnings = {w for heard in each for w in heard.warnings if w != NO_SPEECH}
    if not segments:
        warnings.add(NO_SPEECH)
    return Heard(
        duration_ms=max(heard.duration_ms for heard in each),
        segments=tuple(sorted(segments, key=lambda s: (s.start_ms, s.end_ms))),
        warnings=tuple(sorted(warnings)),
    )
