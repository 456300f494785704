"""The file of models: what it may say, what is wrong with it, how a change takes effect."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import SecretStr
from tests.stubs.models import ModelStub
from tests.stubs.vendor import Answer, served

from locutory.engines.llm.base import LLMRequest
from locutory.engines.llm.config import read_config
from locutory.engines.llm.configured import ConfiguredLLM
from locutory.engines.llm.registry import get_llm
from locutory.kernel.errors import ConfigError, ContentRejected
from locutory.kernel.http.client import HttpClient
from locutory.kernel.settings import HttpSettings, LlmSettings

ASK = LLMRequest(system="be brief", user="Call me at 415-555-0134.", timeout_s=10)


@pytest.fixture
def stub() -> Iterator[ModelStub]:
    with served(ModelStub()) as stub:
        stub.text = "Yes, of course."
        yield stub


@pytest.fixture
async def http() -> AsyncIterator[HttpClient]:
    client = HttpClient(HttpSettings())
    yield client
    await client.close()


def content(stub: ModelStub, **more: Any) -> dict[str, Any]:
    server = {"type": "openai_compatible", "base_url": stub.url, "models": {"main": "large"}}
    spare = {"base_url": stub.url, "models": {"main": "spare", "fast": "tiny"}, "local": True}
    return {"version": 1, "providers": {"house": server, "ollama": spare}, **more}


def write(path: Path, body: dict[str, Any]) -> Path:
    path.write_text(yaml.safe_dump(body, sort_keys=False))
    return path


def opened(path: Path, http: HttpClient, **keys: str) -> ConfiguredLLM:
    secrets = {name: SecretStr(key) for name, key in keys.items()}
    found = get_llm(LlmSettings(config=path, keys=secrets), http)
    assert isinstance(found, ConfiguredLLM)
    return found


async def test_a_file_names_providers_and_the_order_among_them(
    tmp_path: Path, stub: ModelStub, http: HttpClient
) -> None:
    body = content(stub, routing={"chain": ["ollama", "house"]})
    llm = opened(write(tmp_path / "m.yaml", body), http, house="sk-house-secret")
    stub.fail("/api/chat", Answer(503, {"error": "busy"}), times=2)

    reply = await llm.complete(ASK)

    assert (llm.name, llm.model) == ("ollama", "spare")
    assert [one.provider for one in reply.attempts] == ["ollama", "ollama", "house"]
    assert stub.seen[-1].headers["authorization"] == "Bearer sk-house-secret"


async def test_a_provider_without_what_it_needs_is_left_out(
    tmp_path: Path, stub: ModelStub, http: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GEMINI_API_KEY", raising=False)
    body = content(stub)
    body["providers"] = {"gemini": {"models": {"main": "gemini-3.8-flash"}}, **body["providers"]}
    path = write(tmp_path / "m.yaml", body)
    assert [place.name for place in opened(path, http).router.places] == ["house", "ollama"]

    monkeypatch.setenv("GEMINI_API_KEY", "a-key")
    assert opened(path, http).name == "gemini"

    monkeypatch.delenv("GEMINI_API_KEY")
    body["providers"]["gemini"]["enabled"] = True
    with pytest.raises(ConfigError, match=r"providers\.gemini is enabled but has no key"):
        opened(write(path, body), http)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"routing": {"strategie": "priority"}}, ":15 routing.strategie: there is no such key"),
        ({"routing": {"chain": ["nobody"]}}, "routing.chain: no provider 'nobody'"),
        ({"retry": {"max_attempts": 0}}, ":15 retry.max_attempts: Input should be greater"),
        ({"version": 2}, ":1 version: Input should be 1"),
        ({"providers": {"own": {"models": {"main": "m"}}}}, "providers.own: say its type"),
        (
            {"providers": {"gemini": {"models": {"main": "m"}, "api_key": "sk"}}},
            ":6 providers.gemini.api_key: secrets stay out of this file",
        ),
        ({"prices": {"nobody/m": {"input_per_mtok": 1, "output_per_mtok": 2}}}, "prices: 'nobody"),
        ({"pii": {"extra_patterns": [{"name": "MRN", "regex": "("}]}}, "no regular expression"),
    ],
)
def test_what_is_wrong_is_told_with_its_line_and_key(
    tmp_path: Path, stub: ModelStub, change: dict[str, Any], fault: str
) -> None:
    path = write(tmp_path / "m.yaml", {**content(stub), **change})

    with pytest.raises(ConfigError) as raised:
        read_config(path)

    assert str(path) in raised.value.detail
    assert fault in raised.value.detail


@pytest.mark.parametrize("text", ["", "a: [", "- 1", "\x00", "version: 1"])
def test_a_file_that_is_none_is_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(text)

    with pytest.raises(ConfigError, match=r"m\.yaml"):
        read_config(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_config(tmp_path / "nowhere.yaml")


async def test_a_sound_change_takes_effect_and_an_unsound_one_leaves_all_as_it_is(
    tmp_path: Path, stub: ModelStub, http: HttpClient
) -> None:
    path = write(tmp_path / "m.yaml", content(stub))
    llm = opened(path, http)
    assert not await llm.look()

    write(path, content(stub, routing={"chain": ["ollama"]}))
    assert await llm.look()
    assert (llm.name, llm.fault) == ("ollama", None)

    path.write_text("version: 1\nproviders: {}\n")
    assert not await llm.look()
    assert llm.name == "ollama"
    assert llm.fault is not None
    assert "providers" in llm.fault

    path.unlink()
    assert not await llm.look()
    write(path, content(stub))
    assert await llm.look()
    assert (llm.name, llm.fault) == ("house", None)


async def test_health_outlives_a_change_of_the_file(
    tmp_path: Path, stub: ModelStub, http: HttpClient
) -> None:
    path = write(tmp_path / "m.yaml", content(stub))
    llm = opened(path, http)
    stub.fail("/completions", Answer(401, {"error": {"message": "no"}}), times=9)
    await llm.complete(ASK)

    write(path, content(stub, routing={"chain": ["house", "ollama"]}))
    assert await llm.look()
    await llm.complete(ASK)

    assert len(stub.asked("POST", "/completions")) == 1


async def test_what_is_personal_is_hidden_from_remote_providers_only(
    tmp_path: Path, stub: ModelStub, http: HttpClient
) -> None:
    path = write(tmp_path / "m.yaml", content(stub))
    stub.text = "I will call ⟦PHONE_1⟧ today."

    reply = await opened(path, http).complete(ASK)
    assert reply.text == "I will call 415-555-0134 today."
    assert "555" not in stub.seen[0].body.decode()

    write(path, content(stub, routing={"chain": ["ollama"]}))
    await opened(path, http).complete(ASK)
    assert "415-555-0134" in stub.seen[1].body.decode()

    write(path, content(stub, pii={"remote": "block"}))
    reply = await opened(path, http).complete(ASK)
    assert [one.outcome for one in reply.attempts] == ["personal_data", "ok"]

    write(path, content(stub, pii={"remote": "block"}, routing={"chain": ["house"]}))
    with pytest.raises(ContentRejected):
        await opened(path, http).complete(ASK)


async def test_own_prices_win_and_unknown_ones_are_unknown(
    tmp_path: Path, stub: ModelStub, http: HttpClient
) -> None:
    price = {"input_per_mtok": 0.5, "output_per_mtok": 2}
    path = write(tmp_path / "m.yaml", content(stub, prices={"house/large": price}))
    assert (await opened(path, http).complete(ASK)).cost_micros == 20  # 5.5 + 14, rounded up

    write(path, content(stub))
    assert (await opened(path, http).complete(ASK)).cost_micros is None

    write(path, content(stub, routing={"chain": ["ollama"]}))
    assert (await opened(path, http).complete(ASK)).cost_micros == 0


def test_a_file_and_a_provider_in_the_settings_exclude_each_other(
    tmp_path: Path, http: HttpClient
) -> None:
    with pytest.raises(ConfigError, match="not both"):
        get_llm(LlmSettings(config=tmp_path / "m.yaml", provider="ollama"), http)


async def test_a_key_of_a_vendor_is_not_given_to_a_server_of_ones_own(
    tmp_path: Path, stub: ModelStub, http: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-for-openai")

    await opened(write(tmp_path / "m.yaml", content(stub)), http).complete(ASK)

    assert "authorization" not in stub.seen[0].headers
