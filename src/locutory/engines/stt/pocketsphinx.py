"""PocketSphinx: English words from a small recogniser in this process, chosen by name only.

It shows the way from sound to words where nothing better is at hand. On telephone calls more than
every second word is wrong (measured: word error rates of 1.01 to 1.15), so it is never chosen for
anybody, and every result says so.
"""

import re
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Final

from locutory.engines.media import get_media_reader
from locutory.engines.stt.base import BaseSTT, Capabilities, STTRequest, STTResult
from locutory.engines.stt.joining import joined
from locutory.kernel.cpu import CpuPool
from locutory.kernel.errors import ConfigError, InputError

NAME: Final = "pocketsphinx"
MODEL: Final = "en-us-rough"
ROUGH: Final = "ROUGH_WORDS"
_RATE: Final = 16_000
_FRAMES: Final = 100  # of the decoder, in a second
_MARGIN_MS: Final = 200
_LANGUAGE: Final = "en"
_PLAIN: Final = re.compile(r"\(\d+\)$")
"""The decoder numbers the ways to pronounce a word: `the(2)`."""


class PocketSphinx(BaseSTT):
    """A decoder per file, in a process of its own."""

    name: ClassVar[str] = NAME
    capabilities: ClassVar[Capabilities] = Capabilities(
        derived=True, word_times=True, languages=(_LANGUAGE,), max_ms=15 * 60_000
    )

    def __init__(self) -> None:
        """Raises ConfigError without the package."""
        if find_spec("pocketsphinx") is None:
            words = "PocketSphinx needs its package: pip install 'locutory[stt-lite]'"
            raise ConfigError(words)
        self._pool = CpuPool()

    @property
    def model(self) -> str:
        """The model in the package."""
        return MODEL

    async def transcribe(self, request: STTRequest) -> STTResult:
        """Hear one call, file after file."""
        answers = []
        for part in request.parts:
            if part.path is None:
                raise InputError("PocketSphinx needs a file for every part")
            answers.append((part, await self._pool.run(_hear, str(part.path))))
        result = joined(answers, provider=NAME, model=MODEL, form="whisper-json")
        return replace(result, warnings=tuple(sorted({*result.warnings, ROUGH})))

    def close(self) -> None:
        """End the processes."""
        self._pool.close()


def _hear(path: str) -> dict[str, Any]:
    """One file as a verbose document: a segment for each stretch of speech."""
    import numpy as np
    from pocketsphinx import Config, Decoder

    from locutory.engines.stt import vad

    stream = get_media_reader().stream(Path(path), sample_rate=_RATE)
    sound = np.concatenate([block.mean(axis=1) for block in stream])
    decoder = Decoder(Config(loglevel="FATAL"))
    segments = []
    for start_ms, end_ms in vad.speech_spans(vad.frame_levels(sound[:, None], _RATE)[:, 0]):
        low_ms = max(0, start_ms - _MARGIN_MS)
        piece = sound[low_ms * _RATE // 1000 : (end_ms + _MARGIN_MS) * _RATE // 1000]
        decoder.start_utt()
        decoder.process_raw((piece * 32767).astype("<i2").tobytes(), full_utt=True)
        decoder.end_utt()
        words = [
            {
                "word": _PLAIN.sub("", found.word),
                "start": low_ms / 1000 + found.start_frame / _FRAMES,
                "end": low_ms / 1000 + (found.end_frame + 1) / _FRAMES,
                "probability": min(1.0, decoder.logmath.exp(found.prob)),
            }
            for found in decoder.seg() or ()
            if found.word[0] not in "<["  # silence and noise
        ]
        if words:
            text = " ".join(word["word"] for word in words)
            ends = {"start": words[0]["start"], "end": words[-1]["end"]}
            segments.append({**ends, "text": text, "words": words})
    duration = len(sound) / _RATE
    text = " ".join(segment["text"] for segment in segments)
    return {"language": _LANGUAGE, "duration": duration, "text": text, "segments": segments}
