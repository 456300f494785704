"""Deepgram: one request per recording, answered with its words.

A request whose answer is lost cannot be asked after: it is sent again, and may be billed again.
Wire facts: calls seed, appendix W2.
"""

from typing import Any, ClassVar, Final

from locutory.engines.stt.base import MIXED, BaseSTT, Capabilities, Part, STTRequest, STTResult
from locutory.engines.stt.joining import joined
from locutory.kernel.errors import EngineConfigError, EngineError, InputError
from locutory.kernel.http.client import HttpClient
from locutory.kernel.http.replies import EngineRejectedError, Reply
from locutory.kernel.settings import DeepgramSettings

NAME: Final = "deepgram"
_MAX_REPLY: Final = 64 * 1024 * 1024
"""Four hours of words, each with its times, and as utterances once more."""
_NO_SUCH_MODEL: Final = b"No such model"


class DeepgramSTT(BaseSTT):
    """Speaks `POST /v1/listen`: channels where the speakers have their own, else diarised."""

    name: ClassVar[str] = NAME
    capabilities: ClassVar[Capabilities] = Capabilities(
        outside=True,
        diarization=True,
        multichannel=True,
        word_times=True,
        max_bytes=2 * 1024**3,
    )

    def __init__(
        self,
        http: HttpClient,
        settings: DeepgramSettings,
        *,
        api_key: str,
        language: str | None = None,
        timeout_s: float = 900.0,
    ) -> None:
        """`timeout_s` is for one request, from its first byte to the last word."""
        self._http = http
        self._model = settings.model
        self._url = f"{settings.base_url.rstrip('/')}/v1/listen"
        self._headers = {"Authorization": f"Token {api_key}"}
        self._language = language
        self._timeout_s = timeout_s

    @property
    def model(self) -> str:
        """The model that is asked."""
        return self._model

    async def transcribe(self, request: STTRequest) -> STTResult:
        """Hear one call: its bytes, or what lies at its address where there is no file."""
        answers = [(part, await self._hear(part, request)) for part in request.parts]
        return joined(answers, provider=NAME, model=self._model, form="deepgram-json")

    async def _hear(self, part: Part, request: STTRequest) -> Any:
        if part.path is not None:
            content: dict[str, Any] = {"data": part.path}
            headers = {**self._headers, "Content-Type": "application/octet-stream"}
        elif part.url is not None:
            content, headers = {"json": {"url": part.url}}, self._headers
        else:
            raise InputError("Deepgram needs a file or an address for every part")
        reply = await self._http.request(
            "POST",
            self._url,
            engine=NAME,
            headers=headers,
            params=self._asked(part, request),
            timeout_s=self._timeout_s,
            max_bytes=_MAX_REPLY,
            refine=_named,
            **content,
        )
        return reply.json(engine=NAME)

    def _asked(self, part: Part, request: STTRequest) -> list[tuple[str, str]]:
        language = request.language_hint or self._language
        asked = [
            ("model", self._model),
            ("smart_format", "true"),
            ("punctuate", "true"),
            ("utterances", "true"),
            ("detect_language", "true") if language is None else ("language", language),
            ("tag", request.call_ref),
        ]
        if part.channels > 1:
            asked.append(("multichannel", "true"))
        elif part.role == MIXED and request.want.diarize and request.num_speakers != 1:
            asked.append(("diarize", "true"))
        if self._model.startswith("nova-3"):
            asked += [("keyterm", term) for term in request.keyterms]
        return asked


def _named(reply: Reply, error: EngineError) -> EngineError:
    """A model that there is not is refused like a broken recording; it is our setting's fault."""
    if isinstance(error, EngineRejectedError) and _NO_SUCH_MODEL in reply.body:
        return EngineConfigError(f"{error.detail} (LOCUTORY_STT__DEEPGRAM__MODEL)", engine=NAME)
    return error
