"""Sarvam: jobs for whole calls, its short endpoint for a few seconds of one voice.

A job is opened, the files of a call or of several are put into the provider's store, it is
started, asked after, and its answers are fetched. Nothing is paid for before the start. Wire facts:
calls seed, appendix W1.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Final

import orjson

from locutory.engines.stt.base import MIXED, Capabilities, Part, STTRequest, STTResult
from locutory.engines.stt.joining import joined
from locutory.engines.stt.resumable import (
    JobOverError,
    JobTimeoutError,
    ResumableSTT,
    Submission,
)
from locutory.engines.stt.sarvam_wire import (
    ACCEPTED,
    COMPLETED,
    FAILED,
    SHORT_MS,
    Ref,
    Status,
    choices,
    named,
    named_at_opening,
    parameters,
    status_of,
)
from locutory.kernel.clock import Clock, utc_now
from locutory.kernel.errors import (
    EngineConfigError,
    EngineError,
    EngineThrottled,
    EngineTimeout,
    EngineUnavailable,
    InputError,
    InvalidOutput,
)
from locutory.kernel.failpoints import failpoint
from locutory.kernel.http.client import HttpClient, Refine
from locutory.kernel.http.gate import UrlBlockedError
from locutory.kernel.http.replies import EngineRejectedError
from locutory.kernel.settings import SarvamSettings

NAME: Final = "sarvam"
_STORE: Final = "sarvam-store"
_TRIES: Final = 3
_PACE: Final = (1.0, 2.5, 5.0)
"""Waits between two looks at a job, in units of the setting: with its default 2, 5, then 10 s."""
_AUDIO_TIMES: Final = 2
_KEPT_S: Final = 24 * 3600
"""Outputs that are gone are waited for no longer than this after the job was opened."""


class SarvamSTT(ResumableSTT):
    """Speaks with the batch API of `saaras` models, translating ones and others."""

    name: ClassVar[str] = NAME
    capabilities: ClassVar[Capabilities] = Capabilities(
        outside=True,
        diarization=True,
        derived=True,
        translate=True,
        max_ms=55 * 60_000,  # their pages name one hour and two as the limit of a file
        batch_files=20,
        async_job=True,
    )

    def __init__(
        self,
        http: HttpClient,
        settings: SarvamSettings,
        *,
        api_key: str,
        language: str | None = None,
        patience_s: float = 900.0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Clock = utc_now,
    ) -> None:
        """A job may take `patience_s` beyond twice the length of its audio."""
        self._http = http
        self._settings = settings
        self._base = settings.base_url.rstrip("/")
        self._headers = {"api-subscription-key": api_key}
        self._language = language
        self._patience_s = patience_s
        self._sleep, self._clock = sleep, clock
        self.job_files, self.linger_s = settings.job_files, settings.linger_s

    @property
    def model(self) -> str:
        """The model that is asked."""
        return self._settings.model

    async def transcribe(self, request: STTRequest) -> STTResult:
        """Hear one call: in one go if it is short, else by a job that is lost if we die."""
        _files(request)
        if not _is_short(request):
            ref = await self._open(request)
            return await self.collect(request, Submission(ref=ref.text, at=self._clock()))
        chosen = choices(self._settings, self._language, request)
        answers = []
        for part in request.parts:
            form: dict[str, str | Path] = {**chosen.short_fields(), "file": part.path or Path()}
            reply = await self._http.request(
                "POST",
                self._base + chosen.api,
                engine=NAME,
                headers=self._headers,
                form=form,
                refine=named,
            )
            answers.append((part, reply.json(engine=NAME)))
        return self._result(answers, chosen.ref(""))

    async def submit(self, request: STTRequest) -> str | None:
        """Open a job; None for what the short endpoint hears."""
        _files(request)
        return None if _is_short(request) else (await self._open(request)).text

    def kin(self, request: STTRequest) -> str | None:
        """Which API is asked for what: a job has one set of parameters for all of its files."""
        if _is_short(request):
            return None
        chosen = choices(self._settings, self._language, request)
        asked = {"api": chosen.api, **parameters(chosen, request)}
        return orjson.dumps(asked, option=orjson.OPT_SORT_KEYS).decode()

    def seat(self, ref: str, number: int, audio_ms: int) -> str:
        """The same job, with a beginning of its own for the names of a call's files."""
        return replace(Ref.of(ref), seat=f"{number}-", audio_ms=audio_ms).text

    async def upload(self, request: STTRequest, ref: str) -> None:
        """Put the files of one call into the job."""
        own = Ref.of(ref)
        await self._upload(own, _files(request, own.seat))

    async def start(self, ref: str) -> None:
        """Start the job, unless it runs already."""
        await self._start(Ref.of(ref))

    async def collect(self, request: STTRequest, submission: Submission) -> STTResult:
        """Upload and start what is not started, wait for its end, and fetch the words."""
        ref = Ref.of(submission.ref)
        files = _files(request, ref.seat)
        status = await self._look(ref)
        if status.state == ACCEPTED:
            if not submission.shared:
                await self._upload(ref, files)
                failpoint("stt.job.uploaded")
            status = await self._start(ref)
            failpoint("stt.job.started")
        status = await self._until_over(ref, status, submission, request)
        if status.state == FAILED and not status.files:
            raise status.failure(NAME)
        outputs = {name: status.output_of(name, NAME) for name in files}
        documents = await self._download(ref, list(outputs.values()), submission)
        answers = [
            (part, documents[outputs[name]])
            for name, part in zip(files, request.parts, strict=True)
        ]
        return self._result(answers, ref)

    async def _open(self, request: STTRequest) -> Ref:
        chosen = choices(self._settings, self._language, request)
        body = {"job_parameters": parameters(chosen, request)}
        # the files play no part yet: what is refused here is what we are set to
        refine = named if request.language_hint else named_at_opening
        reply = await self._call("POST", f"{chosen.api}/job/v1", json=body, refine=refine, tries=1)
        job = reply.get("job_id")
        if not isinstance(job, str) or not job:
            raise InvalidOutput("the answer names no job", engine=NAME)
        return chosen.ref(job)

    async def _look(self, ref: Ref) -> Status:
        try:
            reply = await self._call("GET", f"{ref.api}/job/v1/{ref.job}/status")
        except EngineRejectedError as error:
            if error.extra.get("upstream_status") == 404:
                words = f"the job is not known any more: {error.detail}"
                raise JobOverError(words, engine=NAME) from error
            raise
        return status_of(reply, NAME)

    async def _upload(self, ref: Ref, files: dict[str, Part]) -> None:
        links = await self._links(ref, "upload", list(files))
        for name, part in files.items():
            path = part.path or Path()
            size = (await asyncio.to_thread(path.stat)).st_size
            await self._store(
                "PUT",
                links[name],
                headers={"x-ms-blob-type": "BlockBlob", "Content-Type": "audio/wav"},
                data=path,
                timeout_s=max(120.0, size / 64_000),
            )

    async def _start(self, ref: Ref) -> Status:
        try:
            reply = await self._call("POST", f"{ref.api}/job/v1/{ref.job}/start", tries=1)
        except EngineRejectedError:
            status = await self._look(ref)  # it may run since a start whose answer was lost
            if status.state == ACCEPTED:
                raise
            return status
        return status_of(reply, NAME)

    async def _until_over(
        self, ref: Ref, status: Status, submission: Submission, request: STTRequest
    ) -> Status:
        """Wait for the end. A job past its time is looked at once more on the next call, then left.

        Time counts from here, not from the opening: a job may have lain unstarted for long.
        """
        began = self._clock()
        own_ms = max(part.offset_ms + (part.ms or 0) for part in request.parts)
        audio_s = max(own_ms, ref.audio_ms) / 1000
        patience_s = self._patience_s + _AUDIO_TIMES * audio_s
        looks = 0
        while status.state not in (COMPLETED, FAILED):
            if submission.timeouts:
                words = f"still {status.words} when it was asked after once more"
                raise JobTimeoutError(words, engine=NAME)
            waited_s = (self._clock() - began).total_seconds()
            if waited_s > patience_s:
                raise EngineTimeout(f"still {status.words} after {waited_s:.0f} s", engine=NAME)
            await self._sleep(self._settings.poll_s * _PACE[min(looks, len(_PACE) - 1)])
            status = await self._look(ref)
            looks += 1
        return status

    async def _download(self, ref: Ref, names: list[str], submission: Submission) -> dict[str, Any]:
        links = await self._links(ref, "download", names)
        documents = {}
        for name in names:
            try:
                documents[name] = await self._store("GET", links[name], timeout_s=120.0)
            except EngineUnavailable as error:
                age_s = (self._clock() - submission.at).total_seconds()
                if error.extra.get("upstream_status") == 404 and age_s > _KEPT_S:
                    raise JobOverError("its answer is gone from the store", engine=NAME) from error
                raise
        return documents

    async def _links(self, ref: Ref, way: str, names: list[str]) -> dict[str, str]:
        body = {"job_id": ref.job, "files": names}
        reply = await self._call("POST", f"{ref.api}/job/v1/{way}-files", json=body)
        links = reply.get(f"{way}_urls")
        found = {}
        for name in names:
            link = links.get(name) if isinstance(links, dict) else None
            url = link.get("file_url") if isinstance(link, dict) else None
            if not isinstance(url, str):
                raise InvalidOutput(f"the answer has no {way} link", engine=NAME)
            found[name] = url
        return found

    async def _call(
        self, method: str, path: str, *, tries: int = _TRIES, refine: Refine = named, **rest: Any
    ) -> dict[str, Any]:
        reply = await self._http.request(
            method,
            self._base + path,
            engine=NAME,
            headers=self._headers,
            attempts=tries,
            refine=refine,
            **rest,
        )
        found = reply.json(engine=NAME)
        if not isinstance(found, dict):
            raise InvalidOutput("the answer is not an object", engine=NAME)
        return found

    async def _store(self, method: str, url: str, **rest: Any) -> Any:
        """Talk to the store that a signed link leads to, without our key; its words stay unquoted.

        A link is good for a while and for one thing: what it refuses, a new one may grant.
        """
        own = url.startswith(f"{self._base}/")
        try:
            reply = await self._http.request(
                method, url, engine=_STORE, gated=not own, attempts=_TRIES, **rest
            )
        except UrlBlockedError as error:
            words = "its store is at a private address; see LOCUTORY_HTTP__ALLOW_PRIVATE_HOSTS"
            raise EngineConfigError(words, engine=NAME) from error
        except EngineThrottled:
            raise
        except EngineError as error:
            status = error.extra.get("upstream_status")
            if status is None:
                raise
            raise EngineUnavailable(
                f"its store answered {status}", engine=NAME, upstream_status=status
            ) from error
        return reply.json(engine=NAME) if method == "GET" else None

    def _result(self, answers: list[tuple[Part, Any]], ref: Ref) -> STTResult:
        return joined(
            answers,
            provider=NAME,
            model=ref.model,
            form="sarvam-json",
            language_text=ref.language_text,
        )


def _is_short(request: STTRequest) -> bool:
    """Whether every part is one voice of 30 s at most: the short endpoint tells none apart."""
    alone = request.num_speakers == 1 or not request.want.diarize
    return all(
        part.ms is not None and part.ms <= SHORT_MS and (alone or part.role != MIXED)
        for part in request.parts
    )


def _files(request: STTRequest, seat: str = "") -> dict[str, Part]:
    """The parts by the names of their files. Raises InputError for parts without one."""
    files = {seat + part.path.name: part for part in request.parts if part.path is not None}
    if not files or len(files) < len(request.parts):
        raise InputError("Sarvam needs a file of its own name for every part")
    return files
