"""Anthropic, Gemini, Bedrock and Ollama: what is sent, what comes of answers, what of failures."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr
from tests.stubs.models import TOKENS_IN, TOKENS_OUT, ModelStub
from tests.stubs.vendor import Answer, served

from locutory.engines.llm.base import LLM, LLMRequest
from locutory.engines.llm.registry import get_llm
from locutory.kernel.errors import (
    ConfigError,
    ContentRejected,
    EngineAuthError,
    EngineError,
    EngineThrottled,
    EngineTimeout,
    EngineUnavailable,
    InvalidOutput,
)
from locutory.kernel.http.client import HttpClient
from locutory.kernel.settings import FallbackSettings, HttpSettings, LlmSettings

SECRET = "sk-very-secret"
SCHEMA: Any = {
    "type": "object",
    "properties": {"ok": {"type": "boolean"}},
    "required": ["ok"],
    "additionalProperties": False,
}
ASK = LLMRequest(system="be brief", user="well?", schema=SCHEMA, max_tokens=64, timeout_s=10)
MODELS = {
    "anthropic": "claude-opus-5",
    "gemini": "gemini-2.5-flash",
    "bedrock": "us.amazon.nova-lite-v1:0",
    "ollama": "llama3.2",
}


@pytest.fixture
def stub() -> Iterator[ModelStub]:
    with served(ModelStub()) as stub:
        yield stub


@pytest.fixture
async def http() -> AsyncIterator[HttpClient]:
    client = HttpClient(HttpSettings())
    yield client
    await client.close()


def settings_of(provider: Any, stub: ModelStub, **more: Any) -> LlmSettings:
    key = None if provider in ("ollama", "bedrock") else SecretStr(SECRET)
    return LlmSettings(
        provider=provider,
        model=MODELS[provider],
        base_url=stub.url,
        api_key=key,
        region="us-east-1" if provider == "bedrock" else None,
        **more,
    )


@pytest.fixture(params=sorted(MODELS))
def llm(request: Any, stub: ModelStub, http: HttpClient, monkeypatch: pytest.MonkeyPatch) -> LLM:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    found = get_llm(settings_of(request.param, stub), http)
    assert found is not None
    return found


def failure(name: str, words: str) -> tuple[Any, dict[str, str]]:
    """The body and headers of a failure in the provider's form."""
    if name == "anthropic":
        return {"type": "error", "error": {"type": "api_error", "message": words}}, {}
    if name == "gemini":
        return {"error": {"code": 0, "message": words, "status": "UNKNOWN"}}, {}
    if name == "bedrock":
        return {"message": words}, {"x-amzn-errortype": "SomethingException"}
    return {"error": words}, {}


async def test_an_answer_comes_with_its_tokens_and_the_model_that_gave_it(
    llm: LLM, stub: ModelStub
) -> None:
    reply = await llm.complete(ASK)

    assert reply.text.replace(" ", "") == '{"ok":true}'
    assert (reply.tokens_in, reply.tokens_out) == (TOKENS_IN, TOKENS_OUT)
    assert reply.engine.startswith(f"{llm.name}/")
    assert len(stub.seen) == 1


async def test_what_is_asked_has_the_providers_form_and_is_held_to_the_schema(
    llm: LLM, stub: ModelStub
) -> None:
    await llm.complete(ASK)

    [request] = stub.seen
    body = request.json()
    match llm.name:
        case "anthropic":
            assert (request.path, body["system"], body["max_tokens"]) == (
                "/v1/messages",
                "be brief",
                64,
            )
            assert body["output_config"]["format"]["schema"]["required"] == ["ok"]
            assert SECRET in (
                request.headers.get("x-api-key"),
                request.headers["authorization"][7:],
            )
        case "gemini":
            wanted = body["generationConfig"]
            assert request.path == f"/v1beta/models/{llm.model}:generateContent"
            assert wanted["responseJsonSchema"]["required"] == ["ok"]
            assert (wanted["maxOutputTokens"], wanted["temperature"]) == (64, 0.0)
            assert request.headers["x-goog-api-key"] == SECRET
        case "bedrock":
            assert request.path.replace("%3A", ":") == f"/model/{llm.model}/converse"
            assert body["system"] == [{"text": "be brief"}]
            [tool] = body["toolConfig"]["tools"]
            assert tool["toolSpec"]["inputSchema"]["json"]["required"] == ["ok"]
            assert request.headers["authorization"].startswith("AWS4-HMAC-SHA256")
        case "ollama":
            assert (request.path, body["format"], body["stream"]) == ("/api/chat", SCHEMA, False)
            assert body["options"] == {"temperature": 0.0, "num_predict": 64, "num_ctx": 8192}


async def test_free_text_needs_no_schema(llm: LLM, stub: ModelStub) -> None:
    stub.text = '"Good morning."'

    reply = await llm.complete(replace(ASK, schema=None))

    assert reply.text == '"Good morning."'


async def test_another_model_of_the_provider_is_asked_by_name(llm: LLM, stub: ModelStub) -> None:
    other = {"anthropic": "claude-haiku-5-5", "gemini": "gemini-2.5-pro"}.get(llm.name, "other")
    await llm.complete(replace(ASK, model=other))

    [request] = stub.seen
    assert other in request.path + request.body.decode()


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [
        (401, EngineAuthError, "ENGINE_AUTH"),
        (403, EngineAuthError, "ENGINE_AUTH"),
        (429, EngineThrottled, "ENGINE_THROTTLED"),
        (500, EngineUnavailable, "ENGINE_UNAVAILABLE"),
        (503, EngineUnavailable, "ENGINE_UNAVAILABLE"),
        (400, InvalidOutput, "LLM_REQUEST_REFUSED"),
    ],
)
async def test_a_refusal_becomes_a_kernel_error_with_the_providers_words_after_one_attempt(
    llm: LLM, stub: ModelStub, status: int, error: type[EngineError], code: str
) -> None:
    body, headers = failure(llm.name, f"no, {SECRET} is wrong")
    if status == 429:
        headers["retry-after"] = "7"
    stub.fail("", Answer(status, body, headers), times=9)

    with pytest.raises(error) as raised:
        await llm.complete(ASK)

    assert raised.value.error_code == code
    assert raised.value.engine == llm.name
    if status == 429 and llm.name != "bedrock":  # boto3 keeps headers to itself
        assert raised.value.retry_after == 7.0
    if llm.name in ("anthropic", "gemini"):
        assert raised.value.detail == f"HTTP {status}: no, *** is wrong"
    assert "is wrong" in (raised.value.detail or "")
    assert len(stub.seen) == 1


async def test_a_cut_off_answer_is_never_a_reply(llm: LLM, stub: ModelStub) -> None:
    stub.ended = {"gemini": "MAX_TOKENS", "ollama": "length"}.get(llm.name, "max_tokens")

    with pytest.raises(InvalidOutput) as raised:
        await llm.complete(ASK)

    assert raised.value.error_code == "LLM_TRUNCATED"


async def test_a_safety_filter_is_content_rejected(llm: LLM, stub: ModelStub) -> None:
    ended = {"anthropic": "refusal", "gemini": "SAFETY", "bedrock": "content_filtered"}
    if llm.name not in ended:
        pytest.skip("Ollama has no such filter")
    stub.ended, stub.text = ended[llm.name], "{}"

    with pytest.raises(ContentRejected):
        await llm.complete(ASK)


async def test_a_broken_connection_is_unavailable(llm: LLM, stub: ModelStub) -> None:
    stub.fail("", Answer(200, {"half": "of"}, cut=True), times=9)

    with pytest.raises((EngineUnavailable, EngineTimeout)):
        await llm.complete(ASK)


async def test_a_window_that_is_full_was_cut_and_is_no_answer(
    stub: ModelStub, http: HttpClient
) -> None:
    llm = get_llm(settings_of("ollama", stub, context_tokens=4096), http)
    assert llm is not None
    body = {"message": {"content": "{}"}, "prompt_eval_count": 4090, "done_reason": "stop"}
    stub.fail("", Answer(200, body))

    with pytest.raises(InvalidOutput) as raised:
        await llm.complete(ASK)

    assert raised.value.error_code == "LLM_INPUT_TOO_LONG"
    assert stub.seen[0].json()["options"]["num_ctx"] == 4096


@pytest.mark.parametrize(
    ("settings", "missing"),
    [
        ({"provider": "anthropic", "model": "m"}, "LOCUTORY_LLM__API_KEY"),
        ({"provider": "gemini"}, "LOCUTORY_LLM__MODEL"),
        ({"provider": "bedrock", "model": "m"}, "LOCUTORY_LLM__REGION"),
        ({"provider": "ollama", "model": "m"}, "LOCUTORY_LLM__BASE_URL"),
        (
            {
                "provider": "ollama",
                "model": "m",
                "base_url": "http://localhost",
                "fallbacks": [{"provider": "gemini", "model": "m"}],
            },
            "LOCUTORY_LLM__FALLBACKS[0].API_KEY",
        ),
    ],
)
def test_a_missing_setting_is_named(
    settings: dict[str, Any], missing: str, http: HttpClient
) -> None:
    with pytest.raises(ConfigError, match=missing.replace("[", r"\[")):
        get_llm(LlmSettings.model_validate(settings), http)


async def test_the_next_model_answers_while_the_first_is_dead_and_few_attempts_go_to_it(
    stub: ModelStub, http: HttpClient
) -> None:
    with served(ModelStub()) as dead:
        dead.fail("", Answer(500, {"error": "down"}), times=10_000)
        second = FallbackSettings(provider="ollama", model="small", base_url=stub.url)
        llm = get_llm(settings_of("ollama", dead, fallbacks=(second,)), http)
        assert llm is not None
        answers = [await llm.complete(ASK) for _ in range(40)]

    assert {answer.engine for answer in answers} == {"ollama/small"}
    assert len(dead.seen) <= 6
