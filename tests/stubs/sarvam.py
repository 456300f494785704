"""Sarvam's speech API as its own client 0.1.39 speaks it: jobs, their storage, the short endpoints.

Storage lies below `/storage/` of the same address, as the container type `Local` has it.
"""

import io
import wave
from dataclasses import dataclass, field
from email.parser import BytesParser
from typing import Any
from uuid import uuid4

from tests.stubs.vendor import Answer, Request, VendorStub

KEY = "sarvam-key-0123456789"
_APIS = ("/speech-to-text-translate", "/speech-to-text")
_PARAMETERS = {
    "/speech-to-text-translate": {
        *("model", "prompt", "with_diarization", "num_speakers", "input_audio_codec"),
    },
    "/speech-to-text": {
        *("model", "mode", "language_code", "with_timestamps", "with_diarization"),
        *("num_speakers", "input_audio_codec", "keyterms"),
    },
}
_MOST_FILES = 20
_SHORT_S = 30.0

Line = tuple[str, float, float, str]
"""(speaker, start in s, end in s, words)"""

TALK: tuple[Line, ...] = (
    ("0", 0.1, 0.9, "Good morning, Harbour Clinic, how may I help you?"),
    ("1", 1.0, 1.8, "I would like to move my appointment."),
)


def error(code: str, message: str) -> dict[str, Any]:
    return {"error": {"message": message, "code": code, "request_id": "20261120_stub"}}


WRONG_KEY = Answer(403, error("invalid_api_key_error", "Invalid API subscription key"))
SLOW_DOWN = Answer(
    429, error("rate_limit_exceeded_error", "Rate limit exceeded"), {"Retry-After": "7"}
)
NO_CREDIT = Answer(429, error("insufficient_quota_error", "No credits available"))
BROKEN = Answer(500, error("internal_server_error", "Something went wrong"))
NO_JSON = Answer(200, b"<html>maintenance</html>")
CUT = Answer(200, b'{"job_id": "', cut=True)


@dataclass(slots=True)
class FileTrouble:
    """How a file of a job ends instead of `Success`."""

    state: str
    message: str
    name: str = ""


@dataclass(slots=True)
class StubJob:
    """A job with its files, by name; None until uploaded."""

    id: str
    api: str
    parameters: dict[str, Any]
    state: str = "Accepted"
    files: dict[str, bytes | None] = field(default_factory=dict)
    starts: int = 0
    looks: int = 0  # status calls since the start


class SarvamStub(VendorStub):
    """`script` says what is heard, by file name; other files hear TALK.

    `slow` is how many looks at a started job find it at work still; `trouble` ends files badly;
    `gave_up` fails whole jobs with these words; `language` is what was spoken; `store` is where
    signed links lead to if not here; `at_work` is what a job is called that is not over.
    """

    def __init__(self) -> None:
        super().__init__()
        self.jobs: dict[str, StubJob] = {}
        self.script: dict[str, tuple[Line, ...]] = {}
        self.trouble: dict[str, FileTrouble] = {}
        self.gave_up: str | None = None
        self.slow = 1
        self.language = "hi-IN"
        self.store: str | None = None
        self.at_work = "Running"
        self.short_calls = 0

    @property
    def starts(self) -> int:
        """How often work was begun that is paid for."""
        return sum(job.starts for job in self.jobs.values())

    def handle(self, request: Request) -> Answer:
        if request.path.startswith("/storage/"):
            return self._storage(request)
        if request.headers.get("api-subscription-key") != KEY:
            return WRONG_KEY
        api = next((a for a in _APIS if request.path.startswith(a)), None)
        if api is None:
            return Answer(404, error("not_found_error", "Not Found"))
        rest = request.path.removeprefix(api)
        if request.method == "POST" and rest == "":
            return self._short(api, request)
        if request.method == "POST" and rest == "/job/v1":
            return self._initialise(api, request.json())
        if request.method == "POST" and rest in ("/job/v1/upload-files", "/job/v1/download-files"):
            return self._links(api, request.json(), down=rest.endswith("download-files"))
        job = self.jobs.get(rest.removeprefix("/job/v1/").partition("/")[0])
        if job is None or job.api != api:
            return Answer(404, error("not_found_error", "Job not found"))
        if request.method == "POST" and rest.endswith("/start"):
            return self._start(job)
        if request.method == "GET" and rest.endswith("/status"):
            return self._look(job)
        return Answer(404, error("not_found_error", "Not Found"))

    def _initialise(self, api: str, body: dict[str, Any]) -> Answer:
        parameters = body["job_parameters"]
        unknown = set(parameters) - _PARAMETERS[api]
        if unknown:
            return Answer(422, error("unprocessable_entity_error", f"Extra: {sorted(unknown)}"))
        if parameters.get("model", "saaras:v2.5").partition(":")[0] not in ("saaras", "saarika"):
            return Answer(400, error("invalid_request_error", "Model not found"))
        job = StubJob(str(uuid4()), api, parameters)
        self.jobs[job.id] = job
        return Answer(
            202,
            {
                "job_id": job.id,
                "storage_container_type": "Local",
                "job_parameters": parameters,
                "job_state": job.state,
            },
        )

    def _links(self, api: str, body: dict[str, Any], *, down: bool) -> Answer:
        job = self.jobs.get(body["job_id"])
        if job is None or job.api != api:
            return Answer(404, error("not_found_error", "Job not found"))
        if not down and len({*job.files, *body["files"]}) > _MOST_FILES:
            return Answer(400, error("invalid_request_error", "Too many files"))
        if not down and job.state == "Accepted":
            job.files.update({name: job.files.get(name) for name in body["files"]})
        side = "outputs" if down else "inputs"
        store = f"{self.store or self.url}/storage/{job.id}/{side}"
        links = {name: {"file_url": f"{store}/{name}?sig=signed-away"} for name in body["files"]}
        return Answer(
            200,
            {
                "job_id": job.id,
                "job_state": job.state,
                "download_urls" if down else "upload_urls": links,
                "storage_container_type": "Local",
            },
        )

    def _storage(self, request: Request) -> Answer:
        if "api-subscription-key" in request.headers:
            return Answer(400, b"<Error>the key has no business here</Error>")
        if request.query.get("sig") != ["signed-away"]:
            return Answer(403, b"<Error>AuthenticationFailed</Error>")
        _, _, job_id, side, name = request.path.split("/")
        job = self.jobs[job_id]
        if request.method == "PUT" and side == "inputs":
            if request.headers.get("x-ms-blob-type") != "BlockBlob":
                return Answer(400, b"<Error>MissingRequiredHeader</Error>")
            job.files[name] = request.body
            return Answer(201, b"")
        number = int(name.removesuffix(".json"))
        if side != "outputs" or job.state != "Completed" or number >= len(job.files):
            return Answer(404, b"<Error>BlobNotFound</Error>")
        heard = list(job.files)[number]
        return Answer(200, self._output(job.parameters, heard, job.files[heard] or b""))

    def _start(self, job: StubJob) -> Answer:
        if not job.files or None in job.files.values():
            return Answer(400, error("invalid_request_error", "No files were uploaded"))
        if job.state != "Accepted":
            return Answer(400, error("invalid_request_error", "Job has been started"))
        job.starts += 1
        job.state = "Pending"
        return Answer(200, self._status(job))

    def _look(self, job: StubJob) -> Answer:
        if job.state not in ("Accepted", "Completed", "Failed"):
            job.looks += 1
            over = "Failed" if self.gave_up is not None else "Completed"
            job.state = over if job.looks > self.slow else self.at_work
        return Answer(200, self._status(job))

    def _status(self, job: StubJob) -> dict[str, Any]:
        over = job.state == "Completed"
        bad = [name for name in job.files if over and name in self.trouble]
        return {
            "job_state": job.state,
            "created_at": "2026-11-20T09:00:00Z",
            "updated_at": "2026-11-20T09:00:01Z",
            "job_id": job.id,
            "total_files": len(job.files),
            "successful_files_count": len(job.files) - len(bad) if over else 0,
            "failed_files_count": len(bad),
            "storage_container_type": "Local",
            "error_message": self.gave_up if job.state == "Failed" else "",
            "job_details": [self._detail(n, name) for n, name in enumerate(job.files)]
            if over
            else [],
        }

    def _detail(self, number: int, name: str) -> dict[str, Any]:
        trouble = self.trouble.get(name)
        output = {"file_name": f"{number}.json", "file_id": str(number)}
        return {
            "inputs": [{"file_name": name, "file_id": str(number)}],
            "outputs": [] if trouble else [output],
            "state": trouble.state if trouble else "Success",
            "error_message": trouble.message if trouble else None,
            "exception_name": trouble.name if trouble else None,
        }

    def _output(self, parameters: dict[str, Any], name: str, audio: bytes) -> dict[str, Any]:
        seconds_of(audio)  # raises for what is no WAV
        lines = self.script.get(name, TALK)
        output: dict[str, Any] = {
            "request_id": "20261120_stub",
            "transcript": " ".join(line[3] for line in lines),
            "language_code": self.language,
            "language_probability": 0.97,
            "diarized_transcript": None,
        }
        if parameters.get("with_diarization"):
            output["diarized_transcript"] = {
                "entries": [
                    {
                        "transcript": said,
                        "start_time_seconds": start,
                        "end_time_seconds": end,
                        "speaker_id": who,
                    }
                    for who, start, end, said in lines
                ]
            }
        if parameters.get("with_timestamps"):
            output["timestamps"] = {
                "words": [line[3] for line in lines],
                "start_time_seconds": [line[1] for line in lines],
                "end_time_seconds": [line[2] for line in lines],
            }
        return output

    def _short(self, api: str, request: Request) -> Answer:
        fields, name, audio = form_of(request)
        unknown = set(fields) - _PARAMETERS[api]
        if unknown or {"with_diarization", "num_speakers"} & set(fields):
            return Answer(422, error("unprocessable_entity_error", f"Extra: {sorted(unknown)}"))
        if seconds_of(audio) > _SHORT_S:
            return Answer(400, error("invalid_request_error", "Audio is longer than 30 seconds"))
        self.short_calls += 1
        timed = fields.get("with_timestamps") == "true"
        return Answer(200, self._output({"with_timestamps": timed}, name, audio))


def seconds_of(audio: bytes) -> float:
    """Length of a WAV file, which must be what we promise: 16 kHz, one channel, 16 bits."""
    with wave.open(io.BytesIO(audio)) as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (16_000, 1, 2)
        return sound.getnframes() / sound.getframerate()


def form_of(request: Request) -> tuple[dict[str, str], str, bytes]:
    """The fields of a multipart body, and its file's name and content."""
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    fields, name, content = {}, "", b""
    for part in BytesParser().parsebytes(head + request.body).walk():
        value = part.get_payload(decode=True)
        if not isinstance(value, bytes):
            continue
        if part.get_filename():
            name, content = str(part.get_filename()), value
        else:
            fields[str(part.get_param("name", header="content-disposition"))] = value.decode()
    return fields, name, content
