"""Whisper on a server: one that speaks OpenAI's format, or whisper.cpp's own.

Each file is one request. A request whose answer is lost is sent again, and may be billed again.
Wire facts: calls seed, appendix W3.
"""

from pathlib import Path
from typing import Any, ClassVar, Final

import orjson

from locutory.engines.stt.base import BaseSTT, Capabilities, Part, STTRequest, STTResult
from locutory.engines.stt.joining import joined
from locutory.engines.stt.whisper_words import without_guesses
from locutory.kernel.errors import EngineAuthError, EngineConfigError, EngineError, InputError
from locutory.kernel.http.client import HttpClient
from locutory.kernel.http.replies import EngineRejectedError, Reply, words
from locutory.kernel.settings import WhisperSettings

NAME: Final = "whisper"
FORM: Final = "whisper-json"
_MAX_REPLY: Final = 64 * 1024 * 1024
_PIECE_MS: Final = 13 * 60_000
"""OpenAI takes files of 25 MiB, which is 13.6 minutes of ours; Whisper hears by the half minute."""
_DEFAULT_MODEL: Final = {"openai": "whisper-1", "whisper.cpp": "whisper.cpp"}
_DIARISED: Final = "diarized_json"
_NO_CREDIT: Final = "insufficient_quota"


class WhisperServer(BaseSTT):
    """Speaks `POST /v1/audio/transcriptions`, or `POST /inference` of whisper.cpp."""

    name: ClassVar[str] = NAME
    capabilities: ClassVar[Capabilities] = Capabilities(
        outside=True, derived=True, word_times=True, max_ms=_PIECE_MS
    )

    def __init__(
        self,
        http: HttpClient,
        settings: WhisperSettings,
        *,
        base_url: str,
        language: str | None = None,
        timeout_s: float = 900.0,
    ) -> None:
        """`base_url` with or without its `/v1`; `timeout_s` is for one request."""
        root = base_url.rstrip("/").removesuffix("/v1")
        own = settings.api == "whisper.cpp"
        self._http = http
        self._settings = settings
        self._url = f"{root}/inference" if own else f"{root}/v1/audio/transcriptions"
        key = "" if settings.api_key is None else settings.api_key.get_secret_value().strip()
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._language = language
        self._timeout_s = timeout_s

    @property
    def model(self) -> str:
        """The model that is asked; whisper.cpp has the one that it was started with."""
        return self._settings.model or _DEFAULT_MODEL[self._settings.api]

    async def transcribe(self, request: STTRequest) -> STTResult:
        """Hear one call, a request for each file."""
        if any(part.path is None for part in request.parts):
            raise InputError("Whisper needs a file for every part")
        answers = [(part, await self._hear(part, request)) for part in request.parts]
        return joined(answers, provider=NAME, model=self.model, form=FORM)

    async def _hear(self, part: Part, request: STTRequest) -> Any:
        reply = await self._http.request(
            "POST",
            self._url,
            engine=NAME,
            headers=self._headers,
            form=[*self._asked(part, request), ("file", part.path or Path())],
            timeout_s=self._timeout_s,
            max_bytes=_MAX_REPLY,
            refine=_named,
        )
        document = reply.json(engine=NAME)
        if isinstance(document, dict) and "error" in document:  # whisper.cpp says it under 200
            said = words(reply.body, self._headers)
            raise EngineRejectedError(f"{NAME} answered: {said}", engine=NAME)
        return without_guesses(document)

    def _asked(self, part: Part, request: STTRequest) -> list[tuple[str, str | Path]]:
        language = code_of(request.language_hint or self._language)
        prompt = request.prompt or ", ".join(request.keyterms)
        if self._settings.api == "whisper.cpp":
            asked = [("response_format", "verbose_json"), ("temperature", "0.0")]
            asked.append(("language", language or "auto"))
        else:
            asked = [("model", self.model), ("response_format", self._settings.response_format)]
            if language is not None:
                asked.append(("language", language))
            if self._settings.vad_filter:
                asked.append(("vad_filter", "true"))
            if self._settings.response_format == _DIARISED:
                return [*asked, ("chunking_strategy", "auto")]
            asked += [("timestamp_granularities[]", kind) for kind in ("word", "segment")]
        return [*asked, ("prompt", prompt)] if prompt else [*asked]


def code_of(language: str | None) -> str | None:
    """A language as Whisper is told it: without its region."""
    return None if language is None else language.split("-")[0].lower()


def _named(reply: Reply, error: EngineError) -> EngineError:
    """What the body tells and the status does not: no credit, no such model."""
    if not isinstance(error, EngineRejectedError) and reply.status != 429:
        return error
    try:
        about = orjson.loads(reply.body)["error"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        about = None
    told = about if isinstance(about, dict) else {}
    if told.get("code") == _NO_CREDIT:
        return EngineAuthError(error.detail, engine=NAME, code="STT_NO_CREDIT")
    if reply.status == 404 or told.get("param") == "model":
        hint = "LOCUTORY_STT__WHISPER__MODEL, __BASE_URL"
        return EngineConfigError(f"{error.detail} ({hint})", engine=NAME)
    return error
