"""Whisper on a server: OpenAI's `POST /v1/audio/transcriptions` as its own client reads it, and
`POST /inference` of whisper.cpp's server."""

from email import message_from_bytes
from typing import Any

from tests.stubs.vendor import Answer, Request, VendorStub

KEY = "whisper-key-0123456789"
_KNOWN = {
    *("file", "model", "language", "prompt", "temperature", "response_format"),
    *("timestamp_granularities[]", "chunking_strategy", "vad_filter"),
}
_KNOWN_CPP = {"file", "temperature", "temperature_inc", "response_format", "language", "prompt"}

Line = tuple[str, float, float, str]
"""(speaker, start in s, end in s, words); only `diarized_json` tells the speaker."""

TALK: tuple[Line, ...] = (
    ("A", 0.1, 0.9, "Good morning, Harbour Clinic, how may I help you?"),
    ("B", 1.0, 1.8, "I would like to move my appointment."),
)


def error(code: str, message: str, param: str | None = None) -> dict[str, Any]:
    return {
        "error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    }


WRONG_KEY = Answer(401, error("invalid_api_key", "Incorrect API key provided: invalid."))
NO_CREDIT = Answer(
    429, error("insufficient_quota", "You exceeded your current quota: no credits are left.")
)
SLOW_DOWN = Answer(
    429, error("rate_limit_exceeded", "Rate limit reached for requests"), {"Retry-After": "7"}
)
BROKEN = Answer(500, error("server_error", "Something went wrong"))
BAD_AUDIO = Answer(400, error("invalid_value", "The audio file could not be decoded", "file"))
NO_SUCH_MODEL = Answer(404, error("model_not_found", "The model `x` does not exist"))
NO_JSON = Answer(200, b"<html>maintenance</html>")
CUT = Answer(200, b'{"text": ', cut=True)


class WhisperStub(VendorStub):
    """`script` is what is heard, by the name of the file, or under "" in every other one.

    `extra` goes into each segment; `cpp_error` is what whisper.cpp answers instead, under 200.
    """

    def __init__(self) -> None:
        super().__init__()
        self.script: dict[str, tuple[Line, ...]] = {"": TALK}
        self.seconds = 2.0
        self.extra: dict[str, Any] = {}
        self.cpp_error: str | None = None

    @property
    def heard(self) -> list[dict[str, list[str]]]:
        """The fields of the requests to transcribe; a file by its name."""
        paths = ("/v1/audio/transcriptions", "/inference")
        return [fields_of(r)[0] for r in self.seen if r.path in paths]

    def handle(self, request: Request) -> Answer:
        if request.method == "POST" and request.path == "/inference":
            return self._cpp(request)
        if request.headers.get("authorization") != f"Bearer {KEY}":
            return WRONG_KEY
        if (request.method, request.path) != ("POST", "/v1/audio/transcriptions"):
            return Answer(404, error("unknown_url", f"Unknown request URL: {request.path}"))
        fields, content = fields_of(request)
        unknown = set(fields) - _KNOWN
        if unknown:
            return Answer(400, error("unknown_parameter", f"unknown {sorted(unknown)}"))
        if not content or not fields.get("model"):
            return BAD_AUDIO
        lines = self._lines(fields)
        form = fields.get("response_format", ["json"])[0]
        if form == "diarized_json":
            return Answer(200, self._diarised(lines))
        if form != "verbose_json":
            return Answer(200, {"text": " ".join(line[3] for line in lines)})
        return Answer(
            200, self._verbose(lines, fields.get("timestamp_granularities[]", ["segment"]))
        )

    def _lines(self, fields: dict[str, list[str]]) -> tuple[Line, ...]:
        name = fields["file"][0]
        return self.script.get(name, self.script.get("", ()))

    def _verbose(self, lines: tuple[Line, ...], granularities: list[str]) -> dict[str, Any]:
        told: dict[str, Any] = {
            "task": "transcribe",
            "language": "english",
            "duration": self.seconds,
            "text": " ".join(line[3] for line in lines),
            "segments": [
                {
                    "id": n,
                    "seek": 0,
                    "start": start,
                    "end": end,
                    "text": f" {said}",
                    "tokens": [50364],
                    "temperature": 0.0,
                    "avg_logprob": -0.2,
                    "compression_ratio": 1.2,
                    "no_speech_prob": 0.01,
                    **self.extra,
                }
                for n, (_, start, end, said) in enumerate(lines)
            ],
        }
        if "word" in granularities:
            told["words"] = [
                {"word": word.strip(".,?!"), "start": start, "end": end}
                for line in lines
                for word, start, end in timed(line)
            ]
        return told

    def _diarised(self, lines: tuple[Line, ...]) -> dict[str, Any]:
        return {
            "task": "transcribe",
            "duration": self.seconds,
            "text": " ".join(line[3] for line in lines),
            "segments": [
                {
                    "id": f"seg_{n}",
                    "type": "transcript.text.segment",
                    "start": start,
                    "end": end,
                    "speaker": who,
                    "text": said,
                }
                for n, (who, start, end, said) in enumerate(lines)
            ],
        }

    def _cpp(self, request: Request) -> Answer:
        fields, content = fields_of(request)
        unknown = set(fields) - _KNOWN_CPP
        if unknown:
            return Answer(400, {"error": f"unknown {sorted(unknown)}"})
        if self.cpp_error is not None:
            return Answer(200, {"error": self.cpp_error})
        if not content:
            return Answer(200, {"error": "no 'file' field in the request"})
        lines = self._lines(fields)
        return Answer(
            200,
            {
                "task": "transcribe",
                "language": "english",
                "duration": self.seconds,
                "text": "".join(f" {line[3]}\n" for line in lines),
                "segments": [
                    {
                        "id": n,
                        "text": f" {line[3]}",
                        "start": line[1],
                        "end": line[2],
                        "tokens": [50364],
                        "words": list(_pieces(line)),
                        "temperature": 0.0,
                        "avg_logprob": -0.2,
                        "no_speech_prob": 0.01,
                    }
                    for n, line in enumerate(lines)
                ],
            },
        )


def timed(line: Line) -> list[tuple[str, float, float]]:
    """The words of a line, evenly over its time."""
    _, start, end, said = line
    words = said.split()
    step = (end - start) / max(1, len(words))
    return [
        (word, round(start + n * step, 3), round(start + (n + 1) * step, 3))
        for n, word in enumerate(words)
    ]


def _pieces(line: Line) -> Any:
    """Words as whisper.cpp sends them: tokens, the first of a word with its space."""
    for word, start, end in timed(line):
        middle = round((start + end) / 2, 3)
        parts = [(f" {word[:3]}", start, middle), (word[3:], middle, end)]
        for text, begin, stop in parts:
            if text:
                yield {"word": text, "start": begin, "end": stop, "t_dtw": -1, "probability": 0.9}


def fields_of(request: Request) -> tuple[dict[str, list[str]], bytes]:
    """The fields of a multipart body, and the bytes of its file."""
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    fields: dict[str, list[str]] = {}
    content = b""
    for part in message_from_bytes(head + request.body).get_payload():
        name = part.get_param("name", header="content-disposition")
        payload = part.get_payload(decode=True)
        filename = part.get_filename()
        if filename is not None:
            content = payload
        fields.setdefault(name, []).append(filename or payload.decode())
    return fields, content
