"""The language model that the settings name."""

from collections.abc import Mapping
from typing import Any

from locutory.engines.llm.base import LLM
from locutory.kernel.errors import ConfigError
from locutory.kernel.http.client import HttpClient
from locutory.kernel.settings import LlmSettings


def get_llm(settings: LlmSettings, http: HttpClient) -> LLM | None:
    """The configured model, None for `rules`. Raises ConfigError where its address is missing."""
    if settings.provider == "rules":
        return None
    if settings.base_url is None or settings.model is None:
        raise ConfigError(
            "LOCUTORY_LLM__PROVIDER=openai_compatible needs LOCUTORY_LLM__BASE_URL and __MODEL"
        )
    from locutory.engines.llm.openai_compatible import OpenAICompatibleLLM

    key = None if settings.api_key is None else settings.api_key.get_secret_value()
    return OpenAICompatibleLLM(
        KernelPoster(http), base_url=settings.base_url, model=settings.model, api_key=key
    )


class KernelPoster:
    """The kernel's client as adapters of models want it; failures come as engine errors."""

    def __init__(self, http: HttpClient, engine: str = "openai_compatible") -> None:
        self._http = http
        self._engine = engine

    async def post_json(
        self, url: str, body: Mapping[str, Any], headers: Mapping[str, str], timeout_s: float
    ) -> tuple[int, Mapping[str, str], dict[str, Any]]:
        """Post; see `JsonPoster`."""
        reply = await self._http.request(
            "POST",
            url,
            engine=self._engine,
            headers=headers,
            json=dict(body),
            timeout_s=timeout_s,
        )
        content = reply.json(engine=self._engine)
        return reply.status, reply.headers, content if isinstance(content, dict) else {}
