"""Asking models over HTTP, by our own paths and with OpenAI's own client."""

import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import httpx2
import openai
import pytest
from openai import AsyncOpenAI
from pydantic import BaseModel
from tests.stubs.models import TOKENS_IN, TOKENS_OUT, ModelStub
from tests.stubs.vendor import Answer

from locutory.app import Server
from locutory.capabilities.runtime.api import Runtime
from locutory.kernel.settings import LlmSettings

if TYPE_CHECKING:
    from tests.conftest import Resident

CHAT = "/api/runtime/llm/chat"
ASK: dict[str, Any] = {"messages": [{"role": "user", "content": "Hello?"}]}
SCHEMA: Any = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
DOWN = Answer(503, {"error": {"message": "down"}})


@pytest.fixture
async def client_of_openai(address: str, ours: "Resident") -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=f"{address}/v1", api_key=ours.key, max_retries=0) as client:
        yield client


def events_of(text: str) -> list[tuple[str, Any]]:
    """(name, data) of each server-sent event."""
    found = []
    for block in text.strip().split("\n\n"):
        name, data = block.split("\n")
        found.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


async def test_a_model_answers_and_says_who_it_was_and_what_it_cost(ours: "Resident") -> None:
    reply = await ours.ask("POST", CHAT, json=ASK)

    body = reply.json()
    assert reply.status_code == 200, reply.text
    assert (body["text"], body["provider"], body["model"]) == (
        "Good morning, how may I help?",
        "house",
        "large",
    )
    assert body["usage"] == {"input": TOKENS_IN, "output": TOKENS_OUT, "estimated": False}
    assert body["cost_micros"] == 1000 * TOKENS_IN + 2000 * TOKENS_OUT
    assert [one["outcome"] for one in body["attempts"]] == ["ok"]
    assert body["fallback_used"] is False


async def test_a_talk_is_sent_whole(ours: "Resident", house: ModelStub) -> None:
    said = [
        {"role": "user", "content": "Hello."},
        {"role": "assistant", "content": "Good day."},
        {"role": "user", "content": "What now?"},
    ]
    body = {"messages": said, "system": "Be brief.", "temperature": 0.3, "max_tokens": 50}
    await ours.ask("POST", CHAT, json=body)

    sent = house.seen[0].json()
    assert sent["messages"] == [{"role": "system", "content": "Be brief."}, *said]
    assert (sent["temperature"], sent["max_tokens"], sent["model"]) == (0.3, 50, "large")


async def test_the_next_provider_answers_and_the_attempts_are_told(
    ours: "Resident", house: ModelStub
) -> None:
    house.fail("", DOWN, times=9)

    body = (await ours.ask("POST", CHAT, json=ASK)).json()

    assert (body["text"], body["fallback_used"]) == ("This is the other model.", True)
    told = [(one["provider"], one["outcome"], one["status"]) for one in body["attempts"]]
    assert told == [("house", "server", 503), ("house", "server", 503), ("spare", "ok", None)]


async def test_a_structured_answer_is_checked_and_parsed(
    ours: "Resident", house: ModelStub
) -> None:
    house.text = '{"ok": true}'

    body = (await ours.ask("POST", CHAT, json={**ASK, "response_schema": SCHEMA})).json()

    assert body["parsed"] == {"ok": True}


async def test_a_stream_has_tokens_a_reset_and_the_whole_answer(
    ours: "Resident", house: ModelStub
) -> None:
    house.cut_after = 4
    reply = await ours.ask("POST", CHAT, json={**ASK, "stream": True})

    events = events_of(reply.text)
    names = [name for name, _ in events]
    assert reply.headers["content-type"].startswith("text/event-stream")
    assert names[:4] == ["token"] * 3 + ["reset"]
    assert names[-1] == "final"
    last_reset = names.index("reset")
    text = "".join(data["text"] for name, data in events[last_reset:] if name == "token")
    assert text == events[-1][1]["text"] == "This is the other model."


async def test_when_nobody_answers_it_is_said_with_the_soonest_time(
    ours: "Resident", house: ModelStub, spare: ModelStub
) -> None:
    busy = Answer(429, {"error": {"message": "slow down"}}, {"retry-after": "7"})
    house.fail("", busy, times=99)
    spare.fail("", busy, times=99)

    for stream in (False, True):
        reply = await ours.ask("POST", CHAT, json={**ASK, "stream": stream})
        assert (reply.status_code, reply.json()["error_code"]) == (503, "LLM_UNAVAILABLE")
        assert 6 <= reply.json()["retry_after"] <= 7


@pytest.mark.parametrize(
    "change",
    [
        {"messages": []},
        {"messages": [{"role": "assistant", "content": "me"}]},
        {"messages": [{"role": "tool", "content": "me"}]},
        {"messages": [{"role": "user", "content": "\ud800"}]},
        {"temperature": 3},
        {"max_tokens": 0},
        {"provider": "nobody"},
        {"response_schema": {"type": "nonsense"}},
        {"response_schema": {"pattern": "(a+)+$"}},
        {"response_schema": {"properties": {"a": {"pattern": "(a+)+$"}}}},
        {"response_schema": {"$ref": "https://example.org/schema"}},
        {"unknown": 1},
    ],
)
async def test_what_cannot_be_asked_is_refused(
    ours: "Resident", house: ModelStub, change: dict[str, Any]
) -> None:
    content = json.dumps({**ASK, **change}).encode()
    headers = {"content-type": "application/json"}
    reply = await ours.ask("POST", CHAT, content=content, headers=headers)

    assert reply.status_code == 422, reply.text
    assert house.seen == []


async def test_a_property_may_have_any_name(ours: "Resident", house: ModelStub) -> None:
    house.text = '{"pattern": "x"}'
    schema = {"type": "object", "properties": {"pattern": {"type": "string"}}}

    reply = await ours.ask("POST", CHAT, json={**ASK, "response_schema": schema})

    assert reply.json()["parsed"] == {"pattern": "x"}


async def test_providers_tell_how_they_fare(ours: "Resident", house: ModelStub) -> None:
    house.fail("", Answer(401, {"error": {"message": "no"}}), times=9)
    await ours.ask("POST", CHAT, json=ASK)

    body = (await ours.ask("GET", "/api/runtime/llm/providers")).json()

    first, second = body["items"]
    assert (first["name"], first["models"], first["default"]) == ("house", ["large", "small"], True)
    assert (first["healthy"], first["breaker"], first["last_failure"]) == (False, "open", "auth")
    assert 590 < first["retry_after_s"] <= 600
    assert (second["name"], second["healthy"], second["local"]) == ("spare", True, True)
    assert (body["strategy"], body["fault"]) == ("priority", None)


async def test_what_is_asked_is_booked_without_its_text(
    ours: "Resident", theirs: "Resident", house: ModelStub, server: Any
) -> None:
    house.fail("", DOWN, times=2)
    await ours.ask("POST", CHAT, json={**ASK, "purpose": "greeting"})
    await ours.ask("POST", CHAT, json=ASK)
    await server.services.get(Runtime).ledger.flush()

    reply = await ours.ask("GET", "/api/runtime/llm/usage")
    head, *rows = [line.split(",") for line in reply.text.strip().splitlines()]
    assert head[1:6] == ["purpose", "provider", "model", "outcome", "calls"]
    assert [row[1:6] + row[8:] for row in rows] == [
        ["general", "house", "large", "ok", "1", "25000", "0", "0"],
        ["greeting", "house", "large", "server", "2", "0", "2", "0"],
        ["greeting", "spare", "local", "ok", "1", "0", "0", "0"],
    ]
    assert "Hello" not in reply.text
    foreign = await theirs.ask("GET", "/api/runtime/llm/usage")
    assert len(foreign.text.strip().splitlines()) == 1


async def test_openais_client_asks_and_is_answered(client_of_openai: AsyncOpenAI) -> None:
    models = [model.id async for model in client_of_openai.models.list()]
    assert models == ["locutory-default", "house/large", "house/small", "spare/local"]

    reply = await client_of_openai.chat.completions.create(
        model="locutory-default", messages=[{"role": "user", "content": "Hello?"}]
    )

    assert reply.choices[0].message.content == "Good morning, how may I help?"
    assert reply.choices[0].finish_reason == "stop"
    assert reply.usage is not None
    assert (reply.usage.prompt_tokens, reply.usage.total_tokens) == (11, 18)


async def test_openais_client_may_name_a_model(
    client_of_openai: AsyncOpenAI, house: ModelStub, spare: ModelStub
) -> None:
    for name in ("spare/local", "local", "house/small"):
        await client_of_openai.chat.completions.create(
            model=name, messages=[{"role": "user", "content": "Hello?"}]
        )

    assert [one.json()["model"] for one in spare.seen] == ["local", "local"]
    assert [one.json()["model"] for one in house.seen] == ["small"]


async def test_openais_client_streams_with_a_final_usage_chunk(
    client_of_openai: AsyncOpenAI,
) -> None:
    chunks = [
        chunk
        async for chunk in await client_of_openai.chat.completions.create(
            model="locutory-default",
            messages=[{"role": "user", "content": "Hello?"}],
            stream=True,
            stream_options={"include_usage": True},
        )
    ]

    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == "Good morning, how may I help?"
    assert len(chunks) > 5
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == TOKENS_OUT
    assert chunks[-2].choices[0].finish_reason == "stop"


async def test_openais_client_gets_structured_answers(
    client_of_openai: AsyncOpenAI, house: ModelStub
) -> None:
    class Verdict(BaseModel):
        ok: bool

    house.text = '{"ok": true}'

    reply = await client_of_openai.chat.completions.parse(
        model="locutory-default",
        messages=[{"role": "user", "content": "Hello?"}],
        response_format=Verdict,
    )

    assert reply.choices[0].message.parsed == Verdict(ok=True)
    assert house.seen[0].json()["response_format"]["json_schema"]["schema"]["required"] == ["ok"]


async def test_a_stream_that_breaks_off_is_never_mended_with_other_words(
    client_of_openai: AsyncOpenAI, house: ModelStub, spare: ModelStub
) -> None:
    house.cut_after = 4
    said: list[str] = []

    async def listen() -> None:
        async for chunk in await client_of_openai.chat.completions.create(
            model="locutory-default",
            messages=[{"role": "user", "content": "Hello?"}],
            stream=True,
        ):
            said.append(chunk.choices[0].delta.content or "")

    with pytest.raises(openai.APIError, match="broke off"):
        await listen()

    assert "".join(said) == "Good morning, how"
    assert spare.seen == []


async def test_failures_have_openais_form(
    address: str, client_of_openai: AsyncOpenAI, house: ModelStub, spare: ModelStub
) -> None:
    ask: Any = {"messages": [{"role": "user", "content": "Hello?"}]}
    house.fail("", Answer(401, {"error": {"message": "no"}}), times=9)
    spare.fail("", Answer(401, {"error": "no"}), times=9)

    with pytest.raises(openai.InternalServerError) as away:
        await client_of_openai.chat.completions.create(model="locutory-default", **ask)
    assert (away.value.status_code, away.value.code) == (503, "LLM_UNAVAILABLE")

    with pytest.raises(openai.UnprocessableEntityError) as unfit:
        await client_of_openai.chat.completions.create(model="x", **ask, temperature=9)
    assert (unfit.value.type, unfit.value.param) == ("invalid_request_error", "temperature")

    async with AsyncOpenAI(base_url=f"{address}/v1", api_key="no", max_retries=0) as stranger:
        with pytest.raises(openai.AuthenticationError) as refused:
            await stranger.models.list()
    assert refused.value.code in ("TOKEN_INVALID", "UNAUTHENTICATED")


class TestWithoutAModel:
    """Rules answer calls; there is nothing to write free text."""

    @pytest.fixture
    def llm_settings(self) -> LlmSettings:
        return LlmSettings()

    async def test_it_is_said(self, ours: "Resident") -> None:
        body = {"model": "locutory-default", **ASK}
        asked: list[tuple[str, dict[str, Any]]] = [
            (CHAT, ASK),
            (CHAT, {**ASK, "stream": True}),
            ("/v1/chat/completions", body),
            ("/api/runtime/llm/batch", {"items": [{"id": "1", **ASK}]}),
        ]
        for path, content in asked:
            reply = await ours.ask("POST", path, json=content)
            assert (reply.status_code, reply.json()["error_code"]) == (409, "LLM_NOT_CONFIGURED")
        assert (await ours.ask("GET", "/v1/models")).json()["data"] == []
        assert (await ours.ask("GET", "/api/runtime/llm/providers")).json()["items"] == []


async def test_a_caller_needs_the_scope(ours: "Resident", client: httpx2.AsyncClient) -> None:
    made = await ours.ask("POST", "/api/auth/keys", json={"name": "x", "scopes": ["calls:read"]})
    headers = {"authorization": f"Bearer {made.json()['key']}"}

    for method, path in (("POST", CHAT), ("GET", "/v1/models")):
        reply = await client.request(method, path, headers=headers, json=ASK)
        assert (reply.status_code, reply.json()["error_code"]) == (403, "SCOPE_MISSING")


async def health_of_models(client: httpx2.AsyncClient, server: Server) -> tuple[str, Any]:
    await server.services.get(Runtime).probe()
    body = (await client.get("/health")).json()
    return body["status"], body["checks"]["models"]


async def test_health_tells_how_each_provider_answered(
    client: httpx2.AsyncClient, server: Server, house: ModelStub
) -> None:
    well, told = await health_of_models(client, server)
    house.door = Answer(503, {})
    _, away = await health_of_models(client, server)

    assert (well, told["providers"]) == ("ok", {"house": "ok", "spare": "ok"})
    assert (away["status"], away["providers"]) == ("ok", {"house": "away", "spare": "ok"})
    assert house.seen == []


async def test_a_refused_key_degrades_health_and_stops_nothing(
    ours: "Resident", client: httpx2.AsyncClient, server: Server, house: ModelStub
) -> None:
    house.door = Answer(401, {"error": {"message": "no such key"}})

    status, told = await health_of_models(client, server)
    listed = (await ours.ask("GET", "/api/runtime/llm/providers")).json()["items"]
    reply = await ours.ask("POST", CHAT, json=ASK)

    assert (status, told["error_code"]) == ("degraded", "LLM_PROVIDER_CLOSED")
    assert [one["access"] for one in listed] == ["refused", "ok"]
    assert reply.status_code == 200
    assert (await client.get("/readyz")).status_code == 200
