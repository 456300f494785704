"""Stub servers of language models: Anthropic, Gemini, Bedrock, Ollama, and OpenAI's wire format."""

import json
import re
import struct
from collections.abc import Iterable
from typing import Any
from zlib import crc32

from tests.stubs.vendor import Answer, Request, VendorStub

TOKENS_IN, TOKENS_OUT = 11, 7


class ModelStub(VendorStub):
    """Answers `text` in the format of whichever provider is asked, by the path.

    `ended` is why it stopped, in that provider's own word; None is its word for a whole answer.
    A stream has a piece for each word; one that is `cut_after` so many of its events just ends
    there, breaks off if `breaks`, or stays silent if `stalls`. `models` are those that Ollama has;
    who lists them is in `looked`, not in `seen`, and gets `door` where that is set.
    """

    def __init__(self) -> None:
        super().__init__()
        self.text = '{"ok":true}'
        self.ended: str | None = None
        self.looked: list[Request] = []
        self.door: Answer | None = None
        self.models = ["llama3.2:latest", "local:latest"]
        self.cut_after: int | None = None
        self.breaks = False
        self.stalls = False

    def answer(self, request: Request) -> Answer:
        if request.method != "GET":
            return super().answer(request)
        with self.lock:
            self.looked.append(request)
            return self.door or self.handle(request)

    def handle(self, request: Request) -> Answer:
        path, asked = request.path, request.json() if request.body else {}
        if path.endswith("/v1/messages"):
            if asked.get("stream"):
                return self._stream(map(_event, self._anthropic_events(asked)))
            return Answer(body=self._anthropic(asked))
        if path.endswith(":generateContent"):
            return Answer(body=self._gemini(path))
        if path.endswith(":streamGenerateContent"):
            return self._stream(map(_data, self._gemini_events(path)))
        if path.endswith("/converse"):
            return Answer(body=self._bedrock(asked))
        if path.endswith("/converse-stream"):
            kind = "application/vnd.amazon.eventstream"
            return self._stream(map(_frame, self._bedrock_events(asked)), kind)
        if path == "/api/chat":
            if asked["stream"]:
                return self._stream(map(_line, self._ollama_events(asked)), "application/x-ndjson")
            return Answer(body=self._ollama(asked))
        if path.endswith("/v1/chat/completions"):
            if asked.get("stream"):
                chunks = map(_data, self._openai_events(asked))
                return self._stream([*chunks, b"data: [DONE]\n\n"])
            return Answer(body=self._openai(asked))
        if path.endswith(("/v1/models", "/api/tags", "/v1beta/models")):
            names = [{"name": name, "model": name} for name in self.models]
            return Answer(body={"object": "list", "data": [], "models": names})
        return Answer(404, {"error": {"message": f"no {path} here"}})

    @property
    def pieces(self) -> list[str]:
        """The text as it is streamed."""
        return re.findall(r"\s*\S+|\s+$", self.text)

    def _stream(self, events: Iterable[bytes], kind: str = "text/event-stream") -> Answer:
        sent, headers = list(events), {"Content-Type": kind}
        if self.cut_after is None:
            return Answer(body=b"".join(sent), headers=headers)
        body = b"".join(sent[: self.cut_after])
        return Answer(body=body, headers=headers, cut=self.breaks, stalls=self.stalls)

    def _openai(self, asked: dict[str, Any]) -> dict[str, Any]:
        message = {"role": "assistant", "content": self.text}
        reason = self.ended or "stop"
        return {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1_700_000_000,
            "model": asked["model"],
            "choices": [{"index": 0, "message": message, "finish_reason": reason}],
            "usage": {
                "prompt_tokens": TOKENS_IN,
                "completion_tokens": TOKENS_OUT,
                "total_tokens": TOKENS_IN + TOKENS_OUT,
            },
        }

    def _openai_events(self, asked: dict[str, Any]) -> list[dict[str, Any]]:
        whole = self._openai(asked)
        head = {k: whole[k] for k in ("id", "created", "model")}
        head["object"] = "chat.completion.chunk"
        deltas: list[tuple[dict[str, Any], str | None]] = [({"role": "assistant"}, None)]
        deltas += [({"content": piece}, None) for piece in self.pieces]
        deltas.append(({}, self.ended or "stop"))
        chunks = [
            {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
            for delta, reason in deltas
        ]
        return [*chunks, {**head, "choices": [], "usage": whole["usage"]}]

    def _anthropic_events(self, asked: dict[str, Any]) -> list[dict[str, Any]]:
        whole = self._anthropic(asked)
        usage, reason = whole.pop("usage"), whole.pop("stop_reason")
        begun = {
            **whole,
            "content": [],
            "stop_reason": None,
            "usage": {**usage, "output_tokens": 1},
        }
        block = {"type": "text", "text": ""}
        deltas = [
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": p}}
            for p in self.pieces
        ]
        return [
            {"type": "message_start", "message": begun},
            {"type": "content_block_start", "index": 0, "content_block": block},
            {"type": "ping"},
            *deltas,
            {"type": "content_block_stop", "index": 0},
            {
                "type": "message_delta",
                "delta": {"stop_reason": reason, "stop_sequence": None},
                "usage": {"output_tokens": TOKENS_OUT},
            },
            {"type": "message_stop"},
        ]

    def _gemini_events(self, path: str) -> list[dict[str, Any]]:
        whole = self._gemini(path)
        usage = whole.pop("usageMetadata")
        parts = [
            {**whole, "candidates": [{"content": {"role": "model", "parts": [{"text": p}]}}]}
            for p in self.pieces
        ]
        last = {"content": {"role": "model", "parts": [{"text": ""}]}, "index": 0}
        last["finishReason"] = self.ended or "STOP"
        return [*parts, {**whole, "candidates": [last], "usageMetadata": usage}]

    def _bedrock_events(self, asked: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
        whole = self._bedrock(asked)
        [part] = whole["output"]["message"]["content"]
        start: dict[str, Any] = {"contentBlockIndex": 0, "start": {}}
        if "toolUse" in part:
            tool = part["toolUse"]
            start["start"] = {"toolUse": {k: tool[k] for k in ("toolUseId", "name")}}
            deltas = [{"toolUse": {"input": piece}} for piece in self.pieces]
        else:
            deltas = [{"text": piece} for piece in self.pieces]
        return [
            ("messageStart", {"role": "assistant"}),
            *([("contentBlockStart", start)] if "toolUse" in part else []),
            *(("contentBlockDelta", {"contentBlockIndex": 0, "delta": d}) for d in deltas),
            ("contentBlockStop", {"contentBlockIndex": 0}),
            ("messageStop", {"stopReason": whole["stopReason"]}),
            ("metadata", {"usage": whole["usage"], "metrics": whole["metrics"]}),
        ]

    def _ollama_events(self, asked: dict[str, Any]) -> list[dict[str, Any]]:
        whole = self._ollama(asked)
        head = {k: whole[k] for k in ("model", "created_at")}
        said = [
            {**head, "message": {"role": "assistant", "content": piece}, "done": False}
            for piece in self.pieces
        ]
        return [*said, {**whole, "message": {"role": "assistant", "content": ""}}]

    def _anthropic(self, asked: dict[str, Any]) -> dict[str, Any]:
        return {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": asked["model"],
            "content": [{"type": "text", "text": self.text}] if self.text else [],
            "stop_reason": self.ended or "end_turn",
            "stop_sequence": None,
            "usage": {
                "input_tokens": TOKENS_IN,
                "output_tokens": TOKENS_OUT,
                "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": 0,
            },
        }

    def _gemini(self, path: str) -> dict[str, Any]:
        model = path.rpartition("/")[2].partition(":")[0]
        answer = {
            "content": {"role": "model", "parts": [{"text": self.text}] if self.text else []},
            "finishReason": self.ended or "STOP",
            "index": 0,
        }
        return {
            "candidates": [answer],
            "usageMetadata": {
                "promptTokenCount": TOKENS_IN,
                "candidatesTokenCount": TOKENS_OUT,
                "totalTokenCount": TOKENS_IN + TOKENS_OUT,
            },
            "modelVersion": model,
            "responseId": "r1",
        }

    def _bedrock(self, asked: dict[str, Any]) -> dict[str, Any]:
        part: dict[str, Any] = {"text": self.text}
        tools = asked.get("toolConfig", {}).get("tools")
        if tools:
            name = tools[0]["toolSpec"]["name"]
            part = {"toolUse": {"toolUseId": "t1", "name": name, "input": json.loads(self.text)}}
        return {
            "output": {"message": {"role": "assistant", "content": [part]}},
            "stopReason": self.ended or ("tool_use" if tools else "end_turn"),
            "usage": {
                "inputTokens": TOKENS_IN,
                "outputTokens": TOKENS_OUT,
                "totalTokens": TOKENS_IN + TOKENS_OUT,
            },
            "metrics": {"latencyMs": 5},
        }

    def _ollama(self, asked: dict[str, Any]) -> dict[str, Any]:
        return {
            "model": asked["model"],
            "created_at": "2026-05-04T09:00:00Z",
            "message": {"role": "assistant", "content": self.text},
            "done": True,
            "done_reason": self.ended or "stop",
            "total_duration": 9,
            "load_duration": 1,
            "prompt_eval_count": TOKENS_IN,
            "prompt_eval_duration": 3,
            "eval_count": TOKENS_OUT,
            "eval_duration": 5,
        }


def _data(event: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(event).encode() + b"\n\n"


def _event(event: dict[str, Any]) -> bytes:
    return b"event: " + event["type"].encode() + b"\n" + _data(event)


def _line(event: dict[str, Any]) -> bytes:
    return json.dumps(event).encode() + b"\n"


def _frame(event: tuple[str, dict[str, Any]]) -> bytes:
    """One message of an AWS event stream."""
    kind, body = event
    names = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    headers = b"".join(
        bytes([len(name)])
        + name.encode()
        + b"\x07"
        + struct.pack(">H", len(value))
        + value.encode()
        for name, value in names.items()
    )
    payload = json.dumps(body).encode()
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    message = prelude + struct.pack(">I", crc32(prelude)) + headers + payload
    return message + struct.pack(">I", crc32(message))
