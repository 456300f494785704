"""Deepgram's `POST /v1/listen` for recordings, as its own client 7.17.0 reads it."""

import hashlib
from typing import Any

from tests.stubs.vendor import Answer, Request, VendorStub

KEY = "deepgram-key-0123456789"
_KNOWN = {
    *("model", "language", "detect_language", "smart_format", "punctuate", "utterances"),
    *("diarize", "multichannel", "keyterm", "tag"),
}

Line = tuple[int, float, float, str]
"""(speaker or channel, start in s, end in s, words)"""

TALK: tuple[Line, ...] = (
    (0, 0.1, 0.9, "Good morning, Harbour Clinic, how may I help you?"),
    (1, 1.0, 1.8, "I would like to move my appointment."),
)


def error(code: str, message: str) -> dict[str, Any]:
    return {"err_code": code, "err_msg": message, "request_id": "stub"}


WRONG_KEY = Answer(401, error("INVALID_AUTH", "Invalid credentials."))
NO_CREDIT = Answer(402, error("ASR_PAYMENT_REQUIRED", "Project does not have enough credits."))
SLOW_DOWN = Answer(429, error("TOO_MANY_REQUESTS", "Too many requests."), {"Retry-After": "7"})
BROKEN = Answer(500, error("INTERNAL_ERROR", "Something went wrong"))
TOO_SLOW = Answer(504, error("GATEWAY_TIMEOUT", "Processing took longer than 10 minutes"))
BAD_AUDIO = Answer(
    400, error("Bad Request", "Bad Request: failed to process audio: corrupt or unsupported data")
)
NO_MODEL = Answer(
    403, error("INSUFFICIENT_PERMISSIONS", "Project does not have access to the requested model.")
)
NO_JSON = Answer(200, b"<html>maintenance</html>")
CUT = Answer(200, b'{"metadata": {', cut=True)


class DeepgramStub(VendorStub):
    """`script` is what is heard in every recording; `with_utterances` off leaves words only."""

    def __init__(self) -> None:
        super().__init__()
        self.script: tuple[Line, ...] = TALK
        self.seconds = 2.0
        self.with_utterances = True

    @property
    def heard(self) -> list[Request]:
        """The requests to transcribe."""
        return self.asked("POST", "/v1/listen")

    def handle(self, request: Request) -> Answer:
        if request.headers.get("authorization") != f"Token {KEY}":
            return WRONG_KEY
        if (request.method, request.path) != ("POST", "/v1/listen"):
            return Answer(404, error("NOT_FOUND", "Not found"))
        unknown = set(request.query) - _KNOWN
        if unknown:
            return Answer(400, error("Bad Request", f"unknown parameters {sorted(unknown)}"))
        if request.headers.get("content-type") == "application/json":
            request.json()["url"]
        elif not request.body:
            return BAD_AUDIO
        return Answer(200, self._listened(request))

    def _listened(self, request: Request) -> dict[str, Any]:
        def on(name: str) -> bool:
            return request.query.get(name) == ["true"]

        many = on("multichannel")
        channels = sorted({line[0] for line in self.script}) or [0] if many else [0]
        spoken = [self._utterance(line, many=many, named=on("diarize")) for line in self.script]
        results: dict[str, Any] = {
            "channels": [
                self._channel([u for u in spoken if u["channel"] == number], on("detect_language"))
                for number in channels
            ]
        }
        if on("utterances") and self.with_utterances:
            results["utterances"] = spoken
        return {
            "metadata": {
                "transaction_key": "deprecated",
                "request_id": "8f1a4c5e-0000-4000-8000-000000000001",
                "sha256": hashlib.sha256(request.body).hexdigest(),
                "created": "2026-11-20T09:00:00.000Z",
                "duration": self.seconds,
                "channels": len(channels),
                "models": ["stub"],
                "model_info": {
                    "stub": {"name": "general-nova-3", "version": "1", "arch": "nova-3"}
                },
                "tags": request.query.get("tag", []),
            },
            "results": results,
        }

    @staticmethod
    def _utterance(line: Line, *, many: bool, named: bool) -> dict[str, Any]:
        who, start, end, said = line
        pieces = said.split()
        step = (end - start) / max(1, len(pieces))
        speaker = {"speaker": who, "speaker_confidence": 0.8} if named else {}
        words = [
            {
                "word": piece.strip(".,?!").lower(),
                "start": round(start + n * step, 3),
                "end": round(start + (n + 1) * step, 3),
                "confidence": 0.9,
                "punctuated_word": piece,
                **speaker,
            }
            for n, piece in enumerate(pieces)
        ]
        return {
            "start": start,
            "end": end,
            "confidence": 0.9,
            "channel": who if many else 0,
            "transcript": said,
            "words": words,
            "id": f"utterance-{who}-{start}",
            **({"speaker": who} if named else {}),
        }

    @staticmethod
    def _channel(spoken: list[dict[str, Any]], detect: bool) -> dict[str, Any]:
        words = [word for utterance in spoken for word in utterance["words"]]
        best = {
            "transcript": " ".join(u["transcript"] for u in spoken),
            "confidence": 0.9 if words else 0.0,
            "words": words,
        }
        found = {"detected_language": "en", "language_confidence": 0.99} if detect else {}
        return {"alternatives": [best], **found}
