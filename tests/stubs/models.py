"""Stub servers of language models: Anthropic, Gemini, Bedrock, Ollama, and OpenAI's wire format."""

import json
from typing import Any

from tests.stubs.vendor import Answer, Request, VendorStub

TOKENS_IN, TOKENS_OUT = 11, 7


class ModelStub(VendorStub):
    """Answers `text` in the format of whichever provider is asked, by the path.

    `ended` is why it stopped, in that provider's own word; None is its word for a whole answer.
    """

    def __init__(self) -> None:
        super().__init__()
        self.text = '{"ok":true}'
        self.ended: str | None = None

    def handle(self, request: Request) -> Answer:
        path, asked = request.path, request.json()
        if path.endswith("/v1/messages"):
            return Answer(body=self._anthropic(asked))
        if path.endswith(":generateContent"):
            return Answer(body=self._gemini(path))
        if path.endswith("/converse"):
            return Answer(body=self._bedrock(asked))
        if path == "/api/chat":
            return Answer(body=self._ollama(asked))
        return Answer(404, {"error": {"message": f"no {path} here"}})

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
