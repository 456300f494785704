"""The language models that the settings name."""

import os
from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from prometheus_client import Counter

from locutory.engines.llm.base import LLM
from locutory.engines.llm.course import Policy, Watch
from locutory.engines.llm.places import MAIN, PATIENT, HealthBook, Place
from locutory.engines.llm.posting import KernelPoster
from locutory.engines.llm.probing import probe_of
from locutory.engines.llm.routed import RoutedLLM
from locutory.engines.llm.router import Router
from locutory.kernel.errors import ConfigError
from locutory.kernel.http.client import HttpClient
from locutory.kernel.settings import FallbackSettings, LlmSettings

OUTSIDE = frozenset({"anthropic", "gemini", "bedrock"})
ONCE = Policy(attempts=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One model: where it is and how to get in. `place` tells it from others of its provider."""

    provider: str
    place: str
    model: str
    base_url: str | None = None
    api_key: str | None = None
    region: str | None = None
    context_tokens: int | None = None
    timeout_s: float = 60.0


def get_llm(
    settings: LlmSettings,
    http: HttpClient,
    *,
    fallbacks: Counter | None = None,
    watch: Watch | None = None,
) -> RoutedLLM | None:
    """The configured model with its fallbacks, or the router of a file; None for `rules`.

    Models of the settings are asked once: jobs have their own retries. Raises ConfigError where
    one is missing, and names it.
    """
    if settings.config is not None:
        return _from_file(settings.config, settings, http, fallbacks=fallbacks, watch=watch)
    if settings.provider == "rules":
        return None
    places = [_place(settings, http, "LOCUTORY_LLM__", settings, ())]
    for number, one in enumerate(settings.fallbacks):
        prefix = f"LOCUTORY_LLM__FALLBACKS[{number}]."
        taken = {place.name for place in places}
        places.append(_place(one, http, prefix, settings, taken))
    return Router(places=places, policy=ONCE, book=HealthBook(), fallbacks=fallbacks, watch=watch)


def _from_file(
    path: Path,
    settings: LlmSettings,
    http: HttpClient,
    *,
    fallbacks: Counter | None,
    watch: Watch | None,
) -> RoutedLLM:
    if settings.provider != "rules":
        raise ConfigError("give LOCUTORY_LLM__CONFIG or LOCUTORY_LLM__PROVIDER, not both")
    from locutory.engines.llm.configured import ConfiguredLLM, Means

    means = Means(
        http=http,
        keys={name: key.get_secret_value() for name, key in settings.keys.items()},
        environ=os.environ,
        timeout_s=settings.timeout_s,
        fallbacks=fallbacks,
        watch=watch,
    )
    return ConfiguredLLM(path, means)


def make_llm(wanted: Wanted, http: HttpClient) -> LLM:
    """The adapter of one model. Raises ConfigError where its library is not installed."""
    if wanted.provider in OUTSIDE:
        return _outside(wanted)
    poster = KernelPoster(http, wanted.provider, place=wanted.place, secret=wanted.api_key)
    if wanted.base_url is None:
        raise ConfigError(f"{wanted.place} needs an address")
    if wanted.provider == "ollama":
        from locutory.engines.llm.ollama import OllamaLLM

        return OllamaLLM(
            poster,
            base_url=wanted.base_url,
            model=wanted.model,
            context_tokens=wanted.context_tokens,
        )
    from locutory.engines.llm.openai_compatible import OpenAICompatibleLLM

    return OpenAICompatibleLLM(
        poster, base_url=wanted.base_url, model=wanted.model, api_key=wanted.api_key
    )


def _place(
    one: LlmSettings | FallbackSettings,
    http: HttpClient,
    prefix: str,
    common: LlmSettings,
    taken: Collection[str],
) -> Place:
    def required(value: str | None, name: str) -> str:
        if value is None:
            raise ConfigError(f"{prefix}PROVIDER={one.provider} needs {prefix}{name}")
        return value

    model = required(one.model, "MODEL")
    if one.provider in ("anthropic", "gemini"):
        required(None if one.api_key is None else "given", "API_KEY")
    elif one.provider == "bedrock":
        required(one.region, "REGION")
    else:
        required(one.base_url, "BASE_URL")
    names = (one.provider, *(f"{one.provider}-{number}" for number in range(2, 100)))
    name = next(name for name in names if name not in taken)
    wanted = Wanted(
        provider=one.provider,
        place=f"{name}/{model}",
        model=model,
        base_url=one.base_url,
        api_key=None if one.api_key is None else one.api_key.get_secret_value(),
        region=one.region,
        context_tokens=common.context_tokens,
        timeout_s=common.timeout_s,
    )
    return Place(
        name=name,
        llm=make_llm(wanted, http),
        models={MAIN: model},
        timeouts=PATIENT,
        context_tokens=common.context_tokens,
        probe=probe_of(wanted, http),
    )


def _outside(wanted: Wanted) -> LLM:
    if find_spec("pydantic_ai") is None:
        raise ConfigError(f"{wanted.provider} needs the extra `llm`: pip install locutory[llm]")
    from locutory.engines.llm import vendors
    from locutory.engines.llm.outside import OutsideLLM

    key, address = wanted.api_key, wanted.base_url
    if wanted.provider == "bedrock":
        make = partial(
            vendors.bedrock,
            api_key=key,
            base_url=address,
            region=wanted.region or "",
            timeout_s=wanted.timeout_s,
        )
    else:
        maker = vendors.anthropic if wanted.provider == "anthropic" else vendors.gemini
        make = partial(maker, api_key=key or "", base_url=address)
    return OutsideLLM(wanted.provider, model=wanted.model, make=make, secret=key)
