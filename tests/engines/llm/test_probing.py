"""Whether providers let us in is asked without a paid answer."""

from collections.abc import AsyncIterator, Iterator

import pytest
from tests.stubs.models import ModelStub
from tests.stubs.vendor import Answer, served

from locutory.engines.llm.probing import Access, Probed, probe_of
from locutory.engines.llm.registry import Wanted
from locutory.kernel.http.client import HttpClient
from locutory.kernel.settings import HttpSettings

KEY = "sk-very-secret"
PATHS = {
    "openai_compatible": ("/v1/models", "authorization", f"Bearer {KEY}"),
    "ollama": ("/api/tags", None, None),
    "anthropic": ("/v1/models", "x-api-key", KEY),
    "gemini": ("/v1beta/models", "x-goog-api-key", KEY),
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


async def probed(provider: str, url: str, http: HttpClient, model: str = "llama3.2") -> Probed:
    wanted = Wanted(provider=provider, place="house", model=model, base_url=url, api_key=KEY)
    probe = probe_of(wanted, http)
    assert probe is not None
    return await probe()


@pytest.mark.parametrize("provider", sorted(PATHS))
async def test_a_provider_is_asked_for_its_models(
    provider: str, stub: ModelStub, http: HttpClient
) -> None:
    path, header, value = PATHS[provider]

    assert (await probed(provider, stub.url, http)).access is Access.OK

    (request,) = stub.looked
    assert request.path == path
    assert header is None or request.headers[header] == value
    assert stub.seen == []


@pytest.mark.parametrize(
    ("provider", "door", "access"),
    [
        ("openai_compatible", Answer(401, {"error": {"message": KEY}}), Access.REFUSED),
        ("anthropic", Answer(403, {}), Access.REFUSED),
        ("gemini", Answer(400, {"error": {"message": "API key not valid"}}), Access.REFUSED),
        ("openai_compatible", Answer(400, {}), Access.OK),
        ("openai_compatible", Answer(404, {}), Access.OK),
        ("openai_compatible", Answer(429, {}), Access.OK),
        ("openai_compatible", Answer(200, b"<html>"), Access.OK),
        ("openai_compatible", Answer(503, {}), Access.AWAY),
        ("ollama", Answer(200, {}, cut=True), Access.AWAY),
        ("ollama", Answer(200, {"models": [{"name": "other:7b"}]}), Access.NO_MODEL),
        ("ollama", Answer(200, []), Access.OK),
    ],
)
async def test_what_a_provider_says_at_its_door(
    provider: str, door: Answer, access: Access, stub: ModelStub, http: HttpClient
) -> None:
    stub.door = door

    found = await probed(provider, stub.url, http)

    assert found.access is access
    assert KEY not in found.words


async def test_a_tag_of_a_model_is_its_own(stub: ModelStub, http: HttpClient) -> None:
    stub.models = ["llama3.2:1b"]

    assert (await probed("ollama", stub.url, http)).access is Access.NO_MODEL
    assert (await probed("ollama", stub.url, http, "llama3.2:1b")).access is Access.OK


async def test_a_look_does_not_touch_the_breaker_of_answers(
    stub: ModelStub, http: HttpClient
) -> None:
    stub.door = Answer(503, {})

    found = [await probed("ollama", stub.url, http) for _ in range(9)]

    assert [one.access for one in found] == [Access.AWAY] * 9
    assert len(stub.looked) == 9


async def test_bedrock_cannot_be_asked(http: HttpClient) -> None:
    wanted = Wanted(provider="bedrock", place="b", model="nova", region="us-east-1")

    assert probe_of(wanted, http) is None
