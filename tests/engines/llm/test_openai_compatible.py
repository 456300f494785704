import asyncio
import json
import socket
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
import uvicorn
from openai import AsyncOpenAI

from locutory.engines.llm.base import LLMRequest
from locutory.engines.llm.openai_compatible import OpenAICompatibleLLM, Price
from locutory.kernel.errors import (
    ContentRejected,
    EngineAuthError,
    EngineError,
    EngineThrottled,
    EngineTimeout,
    EngineUnavailable,
    InvalidOutput,
)

SCHEMA: Any = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
ASK = LLMRequest(system="be brief", user="well?", schema=SCHEMA, max_tokens=64, timeout_s=5)


def completion(text: str = '{"ok":true}', finish_reason: str = "stop") -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "stub-1.2",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text},
                "finish_reason": finish_reason,
            }
        ],
        "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
    }


class VendorStub:
    """Speaks the vendor's format over a real socket; `status`, `headers`, `body` are next."""

    def __init__(self) -> None:
        self.status = 200
        self.headers: dict[str, str] = {}
        self.body: dict[str, Any] = completion()
        self.hangs = False
        self.seen: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.url = ""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        raw, more = b"", True
        while more:
            event = await receive()
            raw += event.get("body", b"")
            more = event.get("more_body", False)
        headers = {k.decode(): v.decode() for k, v in scope["headers"]}
        self.seen.append((scope["path"], headers, json.loads(raw)))
        if self.hangs:
            await receive()
            return
        pairs = {"content-type": "application/json", **self.headers}
        await send(
            {
                "type": "http.response.start",
                "status": self.status,
                "headers": [(k.encode(), v.encode()) for k, v in pairs.items()],
            }
        )
        await send({"type": "http.response.body", "body": json.dumps(self.body).encode()})


class AiohttpPoster:
    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def post_json(
        self, url: str, body: Mapping[str, Any], headers: Mapping[str, str], timeout_s: float
    ) -> tuple[int, Mapping[str, str], dict[str, Any]]:
        limit = aiohttp.ClientTimeout(total=timeout_s)
        async with self._session.post(url, json=body, headers=headers, timeout=limit) as reply:
            lowered = {k.lower(): v for k, v in reply.headers.items()}
            return reply.status, lowered, await reply.json()


@pytest.fixture
async def stub() -> AsyncIterator[VendorStub]:
    app = VendorStub()
    listener = socket.create_server(("127.0.0.1", 0))
    app.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_level="error"))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    yield app
    server.should_exit = True
    await task


@pytest.fixture
async def llm(stub: VendorStub) -> AsyncIterator[OpenAICompatibleLLM]:
    async with aiohttp.ClientSession() as session:
        yield OpenAICompatibleLLM(
            AiohttpPoster(session),
            base_url=f"{stub.url}/v1",
            model="stub-1",
            api_key="sk-secret",
            price=Price(micros_per_million_in=500_000, micros_per_million_out=2_000_000),
        )


async def test_a_request_has_the_wire_format_and_the_reply_is_read(
    llm: OpenAICompatibleLLM, stub: VendorStub
) -> None:
    reply = await llm.complete(ASK)

    path, headers, body = stub.seen[0]
    assert path == "/v1/chat/completions"
    assert headers["authorization"] == "Bearer sk-secret"
    assert body == {
        "model": "stub-1",
        "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": "well?"},
        ],
        "temperature": 0.0,
        "max_tokens": 64,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answer", "strict": True, "schema": SCHEMA},
        },
    }
    assert (reply.text, reply.finish_reason) == ('{"ok":true}', "stop")
    assert (reply.tokens_in, reply.tokens_out) == (11, 7)
    assert reply.cost_micros == 20  # 5.5 + 14, rounded up
    assert reply.engine == "openai_compatible/stub-1.2"


async def test_another_model_of_the_server_is_asked_by_name_and_has_no_known_price(
    llm: OpenAICompatibleLLM, stub: VendorStub
) -> None:
    reply = await llm.complete(replace(ASK, model="larger"))

    assert stub.seen[0][2]["model"] == "larger"
    assert (reply.tokens_in, reply.cost_micros) == (11, None)


async def test_the_stub_speaks_the_format_of_the_vendors_own_client(
    llm: OpenAICompatibleLLM, stub: VendorStub
) -> None:
    await llm.complete(ASK)
    async with AsyncOpenAI(base_url=f"{stub.url}/v1", api_key="sk-secret", max_retries=0) as client:
        reply = await client.chat.completions.create(
            model="stub-1",
            messages=[
                {"role": "system", "content": "be brief"},
                {"role": "user", "content": "well?"},
            ],
            temperature=0.0,
            max_tokens=64,
            response_format={
                "type": "json_schema",
                "json_schema": {"name": "answer", "strict": True, "schema": SCHEMA},
            },
        )

    assert reply.choices[0].message.content == '{"ok":true}'
    assert reply.usage is not None
    assert reply.usage.prompt_tokens == 11
    ours, theirs = stub.seen
    assert ours[0] == theirs[0]
    assert ours[2] == theirs[2]
    assert ours[1]["authorization"] == theirs[1]["authorization"]


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [
        (401, EngineAuthError, "ENGINE_AUTH"),
        (403, EngineAuthError, "ENGINE_AUTH"),
        (429, EngineThrottled, "ENGINE_THROTTLED"),
        (500, EngineUnavailable, "ENGINE_UNAVAILABLE"),
        (503, EngineUnavailable, "ENGINE_UNAVAILABLE"),
        (504, EngineTimeout, "ENGINE_TIMEOUT"),
        (400, InvalidOutput, "LLM_REQUEST_REFUSED"),
    ],
)
async def test_a_refusal_becomes_a_kernel_error(
    llm: OpenAICompatibleLLM,
    stub: VendorStub,
    status: int,
    error: type[EngineError],
    code: str,
) -> None:
    stub.status = status
    stub.headers = {"retry-after": "7"} if status == 429 else {}
    stub.body = {"error": {"message": "no, sk-secret is wrong", "type": "x"}}

    with pytest.raises(error) as raised:
        await llm.complete(ASK)

    assert raised.value.error_code == code
    assert raised.value.retry_after == (7.0 if status == 429 else None)
    assert raised.value.detail == f"HTTP {status}: no, *** is wrong"


async def test_a_cut_off_answer_is_never_a_reply(
    llm: OpenAICompatibleLLM, stub: VendorStub
) -> None:
    stub.body = completion('{"ok":', finish_reason="length")

    with pytest.raises(InvalidOutput) as raised:
        await llm.complete(ASK)

    assert raised.value.error_code == "LLM_TRUNCATED"


async def test_a_safety_filter_is_content_rejected(
    llm: OpenAICompatibleLLM, stub: VendorStub
) -> None:
    stub.body = completion("", finish_reason="content_filter")

    with pytest.raises(ContentRejected):
        await llm.complete(ASK)


@pytest.mark.parametrize("body", [{}, {"choices": []}, {"choices": [{"message": {}}]}])
async def test_a_reply_without_an_answer_is_invalid(
    llm: OpenAICompatibleLLM, stub: VendorStub, body: dict[str, Any]
) -> None:
    stub.body = body

    with pytest.raises(InvalidOutput):
        await llm.complete(ASK)


async def test_a_silent_server_is_a_timeout(llm: OpenAICompatibleLLM, stub: VendorStub) -> None:
    stub.hangs = True

    with pytest.raises(EngineTimeout):
        await llm.complete(LLMRequest(system="", user="?", timeout_s=0.05))


async def test_a_closed_port_is_unavailable(stub: VendorStub) -> None:
    async with aiohttp.ClientSession() as session:
        llm = OpenAICompatibleLLM(
            AiohttpPoster(session), base_url="http://127.0.0.1:1", model="stub-1"
        )

        with pytest.raises(EngineUnavailable):
            await llm.complete(ASK)
