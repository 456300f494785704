"""Sarvam's words: what is asked, what is answered, what its failures mean."""

from dataclasses import asdict, dataclass
from typing import Any, Final

import orjson

from locutory.engines.stt.base import MIXED, STTRequest
from locutory.engines.stt.resumable import JobOverError, JobRefusedError, JobUnpaidError
from locutory.kernel.errors import (
    EngineAuthError,
    EngineConfigError,
    EngineError,
    EngineUnavailable,
    InvalidOutput,
)
from locutory.kernel.http.replies import EngineRejectedError, Reply, words
from locutory.kernel.settings import SarvamSettings

ACCEPTED: Final = "accepted"
COMPLETED: Final = "completed"
FAILED: Final = "failed"
SHORT_MS: Final = 30_000

_TRANSLATE: Final = "/speech-to-text-translate"
_TRANSCRIBE: Final = "/speech-to-text"
_ENGLISH: Final = "en-IN"
_TO_ENGLISH: Final = ("saaras:v1", "saaras:v2")
_BOTH_SIDES: Final = 2
_MOST_KEYTERMS, _LONGEST_KEYTERM = 50, 64
_ENDS: Final = {"completed": COMPLETED, "partiallycompleted": COMPLETED, "failed": FAILED}
_TOO_FAST: Final = ("rate_limit", "rate limit")
_NO_CREDIT: Final = ("insufficient_quota_error", "no credits", "insufficient quota")


@dataclass(frozen=True, slots=True)
class Ref:
    """What is kept of a job: its id, the API that it belongs to, and what that one was asked.

    In a job that calls share each has its `seat`, with which the names of its files begin;
    `audio_ms` is then the sound of all of them.
    """

    job: str
    api: str
    model: str
    mode: str | None = None
    seat: str = ""
    audio_ms: int = 0

    @property
    def text(self) -> str:
        """As one line."""
        return orjson.dumps(asdict(self)).decode()

    @classmethod
    def of(cls, text: str) -> "Ref":
        """The opposite of `text`."""
        return cls(**orjson.loads(text))

    @property
    def language_text(self) -> str | None:
        """The language of the words where it is not the one that was spoken."""
        return _ENGLISH if self.api == _TRANSLATE or self.mode == "translate" else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What the settings and the request come to."""

    api: str
    model: str
    mode: str | None
    language: str | None
    prompt: str | None
    keyterms: tuple[str, ...]

    def ref(self, job: str) -> Ref:
        """What is to be kept of a job that was opened so."""
        return Ref(job, self.api, self.model, self.mode)

    def common(self) -> dict[str, Any]:
        """The parameters that jobs and the short endpoint share."""
        if self.api == _TRANSLATE:
            asked = {"model": self.model, "prompt": self.prompt}
        else:
            asked = {
                "model": self.model,
                "mode": self.mode,
                "language_code": self.language or "unknown",
            }
        return {name: value for name, value in asked.items() if value is not None}

    def short_fields(self) -> dict[str, str]:
        """The fields of the short endpoint, beside its file."""
        timed = {} if self.api == _TRANSLATE else {"with_timestamps": "true"}
        terms = {"keyterms": orjson.dumps(self.keyterms).decode()} if self.keyterms else {}
        return {**self.common(), **timed, **terms}


def choices(settings: SarvamSettings, language: str | None, request: STTRequest) -> Choices:
    """Which API and what to ask it for. The older models only translate, to English."""
    model = settings.model
    translates = model.startswith(_TO_ENGLISH)
    modal = model.startswith("saaras") and not translates
    mode = "translate" if request.want.translate_to_en else settings.mode
    terms = request.keyterms if model.startswith("saaras:v4") else ()
    return Choices(
        api=_TRANSLATE if translates else _TRANSCRIBE,
        model=model,
        mode=mode if modal else None,
        language=request.language_hint or language,
        prompt=request.prompt,
        keyterms=tuple(term[:_LONGEST_KEYTERM] for term in terms[:_MOST_KEYTERMS]),
    )


def parameters(chosen: Choices, request: STTRequest) -> dict[str, Any]:
    """The parameters of a job. Speakers are told apart always: times come with nothing else."""
    apart = all(part.role != MIXED for part in request.parts)
    asked = {
        **chosen.common(),
        "with_diarization": True,
        "num_speakers": 1 if apart else request.num_speakers or _BOTH_SIDES,
    }
    if chosen.api == _TRANSCRIBE:
        asked["with_timestamps"] = True
    if chosen.keyterms:
        asked["keyterms"] = list(chosen.keyterms)
    return asked


@dataclass(frozen=True, slots=True)
class Status:
    """How a job stands: `state` is one of ours, or the provider's own word for being at work."""

    state: str
    words: str
    message: str
    files: dict[str, dict[str, Any]]  # by the name of the input

    def output_of(self, name: str, engine: str) -> str:
        """The name of a file's output.

        Raises JobOverError if the file failed, EngineUnavailable for a success without an output:
        a later look may find one.
        """
        detail = self.files.get(name)
        if detail is None:
            raise self.failure(engine)
        if str(detail.get("state")).lower() != "success":
            raise failure_of(
                engine,
                str(detail.get("state") or ""),
                str(detail.get("exception_name") or ""),
                str(detail.get("error_message") or ""),
            )
        outputs = detail.get("outputs")
        if not isinstance(outputs, list) or not outputs or not isinstance(outputs[0], dict):
            raise EngineUnavailable(f"{name} was heard, but has no answer yet", engine=engine)
        return str(outputs[0].get("file_name"))

    def failure(self, engine: str) -> EngineError:
        """Why there are no words, as far as the whole job says."""
        return failure_of(engine, self.words, "", self.message)


def status_of(reply: dict[str, Any], engine: str) -> Status:
    """Read a status; states that nobody knows are work in progress. Raises InvalidOutput."""
    word = reply.get("job_state")
    if not isinstance(word, str):
        raise InvalidOutput("the answer has no state", engine=engine)
    plain = word.replace("_", "").replace(" ", "").lower()
    details = reply.get("job_details")
    files = {}
    for detail in details if isinstance(details, list) else []:
        inputs = detail.get("inputs") if isinstance(detail, dict) else None
        if isinstance(inputs, list) and inputs and isinstance(inputs[0], dict):
            files[str(inputs[0].get("file_name"))] = detail
    return Status(
        state=_ENDS.get(plain, plain),
        words=word,
        message=str(reply.get("error_message") or ""),
        files=files,
    )


def failure_of(engine: str, state: str, name: str, message: str) -> JobOverError:
    """The error for a job or a file that the provider gave up, in its own words."""
    said = ": ".join(filter(None, (state, name, message)))
    detail = f"{engine} gave the job up: {words(said.encode(), {})}"
    told = f"{name} {message}".lower()
    if any(sign in told for sign in _NO_CREDIT):
        return JobUnpaidError(detail, engine=engine)
    if state.lower() == "api error" and not any(sign in told for sign in _TOO_FAST):
        return JobRefusedError(detail, engine=engine)
    return JobOverError(detail, engine=engine)


def named(reply: Reply, error: EngineError) -> EngineError:
    """The account that is out of credit answers 429 like one that is too fast; tell them apart."""
    if _code(reply) == "insufficient_quota_error":
        return EngineAuthError(error.detail, engine=error.engine, code="STT_NO_CREDIT")
    return error


def named_at_opening(reply: Reply, error: EngineError) -> EngineError:
    """As `named`; and where no recording plays a part yet, a refusal is about our settings."""
    if isinstance(error, EngineRejectedError):
        return EngineConfigError(f"{error.detail} (LOCUTORY_STT__SARVAM__*)", engine=error.engine)
    return named(reply, error)


def _code(reply: Reply) -> str:
    try:
        found = orjson.loads(reply.body)["error"]["code"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return ""
    return str(found)
