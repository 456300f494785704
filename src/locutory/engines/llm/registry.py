"""The language models that the settings name."""

from collections.abc import Mapping
from functools import partial
from importlib.util import find_spec
from typing import Any

from prometheus_client import Counter

from locutory.engines.llm.base import LLM
from locutory.kernel.errors import ConfigError, InvalidOutput
from locutory.kernel.http.client import HttpClient
from locutory.kernel.http.replies import EngineRejectedError
from locutory.kernel.settings import FallbackSettings, LlmSettings

Chosen = LlmSettings | FallbackSettings
_OUTSIDE = frozenset({"anthropic", "gemini", "bedrock"})


def get_llm(
    settings: LlmSettings, http: HttpClient, *, fallbacks: Counter | None = None
) -> LLM | None:
    """The configured model with its fallbacks, None for `rules`.

    Raises ConfigError where a setting is missing, and names it.
    """
    if settings.provider == "rules":
        return None
    models = [_model(settings, http, "LOCUTORY_LLM__", settings)]
    for number, one in enumerate(settings.fallbacks):
        models.append(_model(one, http, f"LOCUTORY_LLM__FALLBACKS[{number}].", settings))
    if len(models) == 1:
        return models[0]
    from locutory.engines.llm.chain import ChainedLLM

    return ChainedLLM(models, fallbacks)


def _model(one: Chosen, http: HttpClient, prefix: str, common: LlmSettings) -> LLM:
    def required(value: str | None, name: str) -> str:
        if value is None:
            raise ConfigError(f"{prefix}PROVIDER={one.provider} needs {prefix}{name}")
        return value

    model = required(one.model, "MODEL")
    key = None if one.api_key is None else one.api_key.get_secret_value()
    if one.provider in _OUTSIDE:
        return _outside(one, model, key, required, common.timeout_s)
    base_url = required(one.base_url, "BASE_URL")
    poster = KernelPoster(http, one.provider)
    if one.provider == "ollama":
        from locutory.engines.llm.ollama import OllamaLLM

        return OllamaLLM(
            poster, base_url=base_url, model=model, context_tokens=common.context_tokens
        )
    from locutory.engines.llm.openai_compatible import OpenAICompatibleLLM

    return OpenAICompatibleLLM(poster, base_url=base_url, model=model, api_key=key)


def _outside(one: Chosen, model: str, key: str | None, required: Any, timeout_s: float) -> LLM:
    if find_spec("pydantic_ai") is None:
        raise ConfigError(f"{one.provider} needs the extra `llm`: pip install locutory[llm]")
    from locutory.engines.llm import vendors
    from locutory.engines.llm.outside import OutsideLLM

    if one.provider == "bedrock":
        make = partial(
            vendors.bedrock,
            api_key=key,
            base_url=one.base_url,
            region=required(one.region, "REGION"),
            timeout_s=timeout_s,
        )
    else:
        maker = vendors.anthropic if one.provider == "anthropic" else vendors.gemini
        make = partial(maker, api_key=required(key, "API_KEY"), base_url=one.base_url)
    return OutsideLLM(one.provider, model=model, make=make, secret=key)


class KernelPoster:
    """The kernel's client as adapters of models want it; failures come as engine errors."""

    def __init__(self, http: HttpClient, engine: str = "openai_compatible") -> None:
        self._http = http
        self._engine = engine

    async def post_json(
        self, url: str, body: Mapping[str, Any], headers: Mapping[str, str], timeout_s: float
    ) -> tuple[int, Mapping[str, str], dict[str, Any]]:
        """Post; see `JsonPoster`. Raises InvalidOutput where the request itself is refused."""
        try:
            reply = await self._http.request(
                "POST",
                url,
                engine=self._engine,
                headers=headers,
                json=dict(body),
                timeout_s=timeout_s,
            )
        except EngineRejectedError as error:
            raise InvalidOutput(
                error.detail, engine=self._engine, code="LLM_REQUEST_REFUSED"
            ) from error
        content = reply.json(engine=self._engine)
        return reply.status, reply.headers, content if isinstance(content, dict) else {}
