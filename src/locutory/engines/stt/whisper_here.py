"""Whisper in a process of this machine, from weights that the operator put into a directory.

Nothing is downloaded. Its accuracy was not measured by us: see docs/guides/operator.md.
"""

import os
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Final

from locutory.engines.stt.base import BaseSTT, Capabilities, STTRequest, STTResult
from locutory.engines.stt.joining import joined
from locutory.engines.stt.whisper import FORM, NAME, code_of
from locutory.engines.stt.whisper_words import without_guesses
from locutory.kernel.cpu import CpuPool
from locutory.kernel.errors import ConfigError, EngineConfigError, InputError

_FILES: Final = ("model.bin", "config.json", "tokenizer.json")
"""Without `tokenizer.json` the package would fetch one from a hub."""


class _UnreadableError(Exception):
    """The weights cannot be read. It crosses a process: our own errors cannot."""


class WhisperHere(BaseSTT):
    """faster-whisper in processes of its own, a model in each."""

    name: ClassVar[str] = NAME
    capabilities: ClassVar[Capabilities] = Capabilities(derived=True, word_times=True)

    def __init__(
        self,
        weights: Path,
        *,
        slots: int = 1,
        compute_type: str = "int8",
        language: str | None = None,
    ) -> None:
        """`slots` calls are heard at once, each by a model of its own in memory.

        Raises ConfigError without the package or with a directory that lacks a file.
        """
        if not here():
            words = "Whisper in process needs its package: pip install 'locutory[stt-whisper]'"
            raise ConfigError(words)
        missing = [name for name in _FILES if not (weights / name).is_file()]
        if missing:
            raise ConfigError(
                f"LOCUTORY_STT__WHISPER__WEIGHTS: {weights} has no {', '.join(missing)}"
            )
        self._weights = weights.resolve()
        self._threads = max(1, (os.cpu_count() or 1) // slots)
        self._compute_type = compute_type
        self._language = language
        self._pool = CpuPool(slots)

    @property
    def model(self) -> str:
        """The name of the directory."""
        return self._weights.name

    async def transcribe(self, request: STTRequest) -> STTResult:
        """Hear one call, file after file."""
        language = code_of(request.language_hint or self._language)
        prompt = request.prompt or ", ".join(request.keyterms) or None
        answers = []
        for part in request.parts:
            if part.path is None:
                raise InputError("Whisper needs a file for every part")
            try:
                document = await self._pool.run(
                    _hear,
                    str(self._weights),
                    str(part.path),
                    threads=self._threads,
                    compute_type=self._compute_type,
                    language=language,
                    prompt=prompt,
                )
            except _UnreadableError as error:
                words = f"{error} (LOCUTORY_STT__WHISPER__WEIGHTS)"
                raise EngineConfigError(words, engine=NAME) from error
            answers.append((part, without_guesses(document)))
        return joined(answers, provider=NAME, model=self.model, form=FORM)

    def close(self) -> None:
        """End the processes."""
        self._pool.close()


def here() -> bool:
    """Whether the package is installed."""
    return find_spec("faster_whisper") is not None


@lru_cache(maxsize=1)
def _model(weights: str, threads: int, compute_type: str) -> Any:
    os.environ["HF_HUB_OFFLINE"] = "1"
    from faster_whisper import WhisperModel

    return WhisperModel(
        weights,
        device="cpu",
        compute_type=compute_type,
        cpu_threads=threads,
        local_files_only=True,
    )


def _hear(
    weights: str,
    path: str,
    *,
    threads: int,
    compute_type: str,
    language: str | None,
    prompt: str | None,
) -> dict[str, Any]:
    """One file as a verbose document. Raises _UnreadableError."""
    try:
        model = _model(weights, threads, compute_type)
    except (RuntimeError, ValueError, OSError) as error:
        raise _UnreadableError(str(error)) from error
    segments, info = model.transcribe(
        path,
        language=language,
        initial_prompt=prompt,
        vad_filter=True,
        condition_on_previous_text=False,
        word_timestamps=True,
    )
    rows = [
        {
            "start": s.start,
            "end": s.end,
            "text": s.text,
            "avg_logprob": s.avg_logprob,
            "no_speech_prob": s.no_speech_prob,
            "words": [
                {"word": w.word, "start": w.start, "end": w.end, "probability": w.probability}
                for w in s.words or ()
            ],
        }
        for s in segments  # the work is done here
    ]
    text = "".join(row["text"] for row in rows)
    return {"language": info.language, "duration": info.duration, "text": text, "segments": rows}
