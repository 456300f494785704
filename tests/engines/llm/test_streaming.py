"""Answers as they are written: every provider's stream, whole, cut, broken, silent or garbled."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import pytest
from openai import AsyncOpenAI
from pydantic import SecretStr
from tests.stubs.models import TOKENS_IN, TOKENS_OUT, ModelStub
from tests.stubs.vendor import Answer, served

from locutory.engines.llm.base import End, LLMReply, LLMRequest, Piece, Reset, Turn
from locutory.engines.llm.course import MidStream, Policy
from locutory.engines.llm.places import Timeouts
from locutory.engines.llm.registry import get_llm
from locutory.engines.llm.router import Router
from locutory.engines.llm.streams import StreamCut
from locutory.kernel.errors import (
    ContentRejected,
    EngineAuthError,
    EngineTimeout,
    EngineUnavailable,
    InvalidOutput,
)
from locutory.kernel.http.client import HttpClient
from locutory.kernel.settings import FallbackSettings, HttpSettings, LlmSettings

TEXT = "Good morning, what can I do for you today?"
SECRET = "sk-very-secret"
ASK = LLMRequest(system="be brief", user="well?", max_tokens=64, timeout_s=10)
MODELS = {
    "anthropic": "claude-opus-5",
    "gemini": "gemini-2.5-flash",
    "bedrock": "us.amazon.nova-lite-v1:0",
    "ollama": "llama3.2",
    "openai_compatible": "stub-1",
}


@pytest.fixture
def stub() -> Iterator[ModelStub]:
    with served(ModelStub()) as stub:
        stub.text = TEXT
        yield stub


@pytest.fixture
async def http() -> AsyncIterator[HttpClient]:
    client = HttpClient(HttpSettings())
    yield client
    await client.close()


@pytest.fixture(params=sorted(MODELS))
def llm(request: Any, stub: ModelStub, http: HttpClient, monkeypatch: pytest.MonkeyPatch) -> Router:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    return router(request.param, stub, http)


def router(provider: Any, stub: ModelStub, http: HttpClient, *then: ModelStub) -> Router:
    """A router to one provider, and to stand-ins that speak OpenAI's format."""
    fallbacks = tuple(
        FallbackSettings(provider="openai_compatible", model=f"spare-{n}", base_url=one.url)
        for n, one in enumerate(then)
    )
    found = get_llm(
        LlmSettings(
            provider=provider,
            model=MODELS[provider],
            base_url=stub.url,
            api_key=None if provider in ("ollama", "bedrock") else SecretStr(SECRET),
            region="us-east-1" if provider == "bedrock" else None,
            fallbacks=fallbacks,
        ),
        http,
    )
    assert found is not None
    return found


async def heard(llm: Router, request: LLMRequest = ASK) -> tuple[str, LLMReply, list[str]]:
    """The text that a reader has at the end, the reply, and the reasons of resets."""
    text, resets, reply = "", [], None
    async for event in llm.stream(request):
        match event:
            case Piece(piece):
                text += piece
            case Reset(reason):
                text = ""
                resets.append(reason)
            case End(whole):
                reply = whole
    assert reply is not None
    return text, reply, resets


async def test_a_stream_comes_in_pieces_and_ends_with_the_whole_answer(
    llm: Router, stub: ModelStub
) -> None:
    events = [event async for event in llm.stream(ASK)]

    *pieces, end = events
    assert isinstance(end, End)
    assert len(pieces) >= len(stub.pieces) - 1
    assert "".join(piece.text for piece in pieces if isinstance(piece, Piece)) == TEXT
    reply = end.reply
    assert (reply.text, reply.finish_reason) == (TEXT, "stop")
    assert (reply.tokens_in, reply.tokens_out) == (TOKENS_IN, TOKENS_OUT)
    assert reply.engine.startswith(f"{llm.name}/")
    assert [attempt.outcome for attempt in reply.attempts] == ["ok"]
    assert reply.ttft_ms is not None
    assert len(stub.seen) == 1


async def test_a_structured_answer_is_streamed_as_its_json(llm: Router, stub: ModelStub) -> None:
    stub.text = '{"ok": true}'
    schema = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}

    text, reply, _ = await heard(llm, replace(ASK, schema=schema))

    assert text == reply.text == '{"ok": true}'


async def test_what_was_said_before_is_sent_along(llm: Router, stub: ModelStub) -> None:
    before = (Turn(role="user", text="Hello."), Turn(role="assistant", text="Good day."))

    await heard(llm, replace(ASK, history=before))

    body = stub.seen[0].body.decode()
    assert body.index("Hello.") < body.index("Good day.") < body.index("well?")


@pytest.mark.parametrize("breaks", [False, True])
async def test_a_stream_that_is_cut_anywhere_is_no_answer(
    llm: Router, stub: ModelStub, breaks: bool
) -> None:
    for kept in range(1, len(stub.pieces)):
        stub.cut_after, stub.breaks = kept, breaks
        llm.book = type(llm.book)()

        with pytest.raises((EngineUnavailable, EngineTimeout)):
            await heard(llm)


@pytest.mark.parametrize("breaks", [False, True])
@pytest.mark.parametrize("provider", ["openai_compatible", "ollama"])
async def test_a_stream_cut_after_any_token_still_ends_in_one_correct_text(
    provider: str, breaks: bool, stub: ModelStub, http: HttpClient
) -> None:
    with served(ModelStub()) as spare:
        spare.text = "Good evening, this is another model with other words."
        for kept in range(len(stub.pieces) + 1):
            stub.cut_after, stub.breaks = kept, breaks
            text, reply, resets = await heard(router(provider, stub, http, spare))

            assert text == reply.text == spare.text
            assert reply.engine == "openai_compatible/spare-0"
            assert reply.fallback_used
            words = kept - (1 if provider == "openai_compatible" else 0)
            assert resets == (["server"] if words > 0 else []), "silent before the first token"


async def test_before_the_first_token_a_failure_is_silent(
    stub: ModelStub, http: HttpClient
) -> None:
    with served(ModelStub()) as dead:
        dead.fail("", Answer(503, {"error": {"message": "busy"}}), times=9)
        stub.text = TEXT

        text, reply, resets = await heard(router("ollama", dead, http, stub))

    assert (text, resets) == (TEXT, [])
    assert [attempt.outcome for attempt in reply.attempts] == ["server", "ok"]
    assert reply.attempts[0].status == 503


async def test_by_policy_a_stream_that_breaks_off_fails(stub: ModelStub, http: HttpClient) -> None:
    stub.cut_after = 3
    with served(ModelStub()) as spare:
        llm = router("openai_compatible", stub, http, spare)
        llm.policy = Policy(attempts=1, mid_stream=MidStream.FAIL)
        said = llm.stream(ASK)

        assert await anext(said) == Piece("Good")
        assert await anext(said) == Piece(" morning,")
        with pytest.raises(StreamCut):
            await anext(said)
        assert spare.seen == []


@pytest.mark.parametrize(("kept", "outcome"), [(0, 0), (3, 1)])
async def test_a_silent_stream_is_a_timeout_and_the_next_model_answers(
    stub: ModelStub, http: HttpClient, kept: int, outcome: int
) -> None:
    stub.cut_after, stub.stalls = kept, True
    with served(ModelStub()) as spare:
        spare.text = TEXT
        llm = router("openai_compatible", stub, http, spare)
        llm.places[0].timeouts = Timeouts(first_token_s=0.2, idle_s=0.2)

        text, reply, resets = await heard(llm)

    assert text == reply.text == TEXT
    assert resets == ["timeout"] * outcome
    assert reply.attempts[0].outcome == "timeout"


@pytest.mark.parametrize(("garbled", "cut"), [(3, False), (4, True)])
async def test_up_to_three_garbled_lines_are_passed_over(
    stub: ModelStub, http: HttpClient, garbled: int, cut: bool
) -> None:
    whole = stub._stream(
        [b'data: {"half": \n\n'] * garbled
        + [b": keep-alive\n\n", b"event: x\n"]
        + [b'data: {"choices":[{"delta":{"content":"Well."},"finish_reason":"stop"}]}\n\n']
    )
    stub.fail("", whole)
    llm = router("openai_compatible", stub, http)

    if cut:
        with pytest.raises(StreamCut):
            await heard(llm)
        return
    text, reply, _ = await heard(llm)

    assert text == "Well."
    assert reply.estimated, "the server told no token counts"
    assert (reply.tokens_in, reply.tokens_out) == (4, 2)


async def test_an_error_within_the_stream_is_a_failure(stub: ModelStub, http: HttpClient) -> None:
    events = [
        b'data: {"choices":[{"delta":{"content":"Well"}}]}\n\n',
        b'data: {"error":{"message":"out of memory"}}\n\n',
    ]
    stub.fail("", stub._stream(events))

    with pytest.raises(EngineUnavailable, match="out of memory"):
        await heard(router("openai_compatible", stub, http))


async def test_a_refused_key_is_told_before_anything_is_streamed(
    llm: Router, stub: ModelStub
) -> None:
    words = "your key" if llm.name == "ollama" else SECRET  # Ollama has none to tell
    stub.fail("", Answer(401, {"error": {"message": f"{words} is wrong"}}), times=9)

    with pytest.raises(EngineAuthError) as raised:
        await heard(llm)

    assert SECRET not in raised.value.detail


async def test_a_truncated_answer_is_taken_only_where_it_may_be(
    llm: Router, stub: ModelStub
) -> None:
    words = {"gemini": "MAX_TOKENS", "ollama": "length", "openai_compatible": "length"}
    stub.ended = words.get(llm.name, "max_tokens")

    with pytest.raises(InvalidOutput) as raised:
        await heard(llm)
    assert raised.value.error_code == "LLM_TRUNCATED"

    text, reply, _ = await heard(llm, replace(ASK, may_be_cut=True))
    assert (text, reply.finish_reason) == (TEXT, "length")


async def test_a_filter_that_stops_a_stream_rejects_the_content(
    llm: Router, stub: ModelStub
) -> None:
    ended = {
        "anthropic": "refusal",
        "gemini": "SAFETY",
        "bedrock": "content_filtered",
        "openai_compatible": "content_filter",
    }
    if llm.name not in ended:
        pytest.skip("Ollama has no such filter")
    stub.ended = ended[llm.name]

    with pytest.raises(ContentRejected):
        await heard(llm)


async def test_the_stub_streams_in_the_format_of_the_vendors_own_client(stub: ModelStub) -> None:
    async with AsyncOpenAI(base_url=f"{stub.url}/v1", api_key=SECRET, max_retries=0) as client:
        chunks = [
            chunk
            async for chunk in await client.chat.completions.create(
                model="stub-1",
                messages=[{"role": "user", "content": "well?"}],
                stream=True,
                stream_options={"include_usage": True},
            )
        ]

    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == TEXT
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == TOKENS_OUT
