"""`config/llm_config.yaml`: several providers, their models by tier, and how to choose among them.

Keys stay outside: in `LOCUTORY_LLM__KEYS__<PROVIDER>`, or in the names that vendors use.
"""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from locutory.engines.llm.course import MidStream, Strategy
from locutory.kernel.errors import ConfigError

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
Kind = Literal["openai_compatible", "ollama", "anthropic", "gemini", "bedrock"]
RULES: Final = "rules"  # the last resort that may stand at the end of a chain
_KINDS: Final = frozenset({"openai_compatible", "ollama", "anthropic", "gemini", "bedrock"})
_SECRETS: Final = frozenset({"api_key", "key", "token", "secret", "password"})
_LARGEST: Final = 1 << 20


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TimeoutConfig(_Strict):
    """Seconds; connecting has the server's own limit."""

    first_token_s: float = Field(default=8.0, gt=0, le=600)
    idle_s: float = Field(default=8.0, gt=0, le=600)
    total_s: float | None = Field(default=None, gt=0, le=3600)


class ProviderConfig(_Strict):
    """One provider; without `type` its name says which kind it is."""

    type: Kind | None = None
    enabled: bool | Literal["auto"] = "auto"
    models: dict[Name, str] = Field(min_length=1)
    base_url: Annotated[str, StringConstraints(pattern=r"^https?://")] | None = None
    region: str | None = None
    timeout: TimeoutConfig | None = None
    max_concurrency: int = Field(default=32, ge=1, le=1000)
    context_tokens: int | None = Field(default=None, ge=1024)
    local: bool = False


class ParametersConfig(_Strict):
    """What requests of a purpose have."""

    tier: Name | None = None
    max_output_tokens: int | None = Field(default=None, ge=1)
    temperature: float | None = Field(default=None, ge=0, le=2)


class RoutingConfig(_Strict):
    """Who is asked, in which order."""

    chain: list[Name] = Field(default=[], description="empty: all, as they are written")
    strategy: Strategy = Strategy.PRIORITY
    weights: dict[Name, float] = {}
    mid_stream: MidStream = MidStream.RESTART
    retry_on_refusal: list[str] = []


class RetryConfig(_Strict):
    """How patiently one model is asked; the jitter is always full."""

    max_attempts: int = Field(default=2, ge=1, le=5)
    base_s: float = Field(default=0.5, ge=0)
    max_s: float = Field(default=8.0, ge=0)
    max_retry_after_s: float = Field(default=2.0, ge=0)


class CircuitConfig(_Strict):
    """When a model is left alone, and for how many seconds."""

    failure_threshold: int = Field(default=5, ge=1)
    timeout: float = Field(default=60.0, gt=0)
    max_timeout: float = Field(default=600.0, gt=0)
    error_rate: float = Field(default=0.5, gt=0, le=1)
    min_calls: int = Field(default=20, ge=2)
    window_s: float = Field(default=60.0, gt=0)


class PatternConfig(_Strict):
    """Something that is personal here; what the expression finds is hidden."""

    name: Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z_]{0,19}$")]
    regex: str = Field(max_length=500)

    @field_validator("regex")
    @classmethod
    def _compiles(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"no regular expression: {error}") from error
        return value


class PiiConfig(_Strict):
    """Whether personal numbers and addresses are hidden from providers."""

    remote: Literal["scrub", "off", "block"] = "scrub"
    local: Literal["scrub", "off", "block"] = "off"
    extra_patterns: list[PatternConfig] = []

    @field_validator("remote", "local", mode="before")
    @classmethod
    def _off_is_a_word(cls, value: object) -> object:
        return "off" if value is False else value  # YAML reads a bare `off` as false


class PriceConfig(_Strict):
    """US dollars for a million tokens."""

    input_per_mtok: Decimal = Field(ge=0)
    output_per_mtok: Decimal = Field(ge=0)


class BudgetConfig(_Strict):
    """How much each business may spend in a day or month (UTC), and what happens then."""

    scope: Literal["tenant"] = "tenant"
    period: Literal["day", "month"] = "day"
    limit_usd: Decimal = Field(gt=0)
    warn_at: float = Field(default=0.8, gt=0, le=1)
    on_limit: Literal["cheaper_model", "rules", "deny"] = "deny"


class ModelsConfig(_Strict):
    """The whole file."""

    version: Literal[1]
    providers: dict[Name, ProviderConfig] = Field(min_length=1)
    model_parameters: dict[str, ParametersConfig] = {}
    routing: RoutingConfig = RoutingConfig()
    retry: RetryConfig = RetryConfig()
    circuit_breaker: CircuitConfig = CircuitConfig()
    pii: PiiConfig = PiiConfig()
    prices: dict[str, PriceConfig] = {}
    budgets: list[BudgetConfig] = []

    @model_validator(mode="after")
    def _fits(self) -> "ModelsConfig":
        known = ", ".join(self.providers)
        for place in ("chain", "weights"):
            for name in getattr(self.routing, place):
                if name not in self.providers:
                    raise ValueError(f"routing.{place}: no provider {name!r}; there are {known}")
        for name, provider in self.providers.items():
            if provider.type is None and name not in _KINDS:
                kinds = ", ".join(sorted(_KINDS))
                raise ValueError(f"providers.{name}: say its type, one of {kinds}")
        for name in self.prices:
            if name.partition("/")[0] not in self.providers:
                raise ValueError(f"prices: {name!r} is no provider/model; there are {known}")
        return self


def read_config(path: Path) -> ModelsConfig:
    """The configuration in a file. Raises ConfigError with every fault as `file:line key: why`."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    if len(text) > _LARGEST:
        raise ConfigError(f"{path} is larger than a megabyte")
    try:
        content, tree = yaml.safe_load(text), yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigError(f"{path} is no YAML: {error}") from error
    try:
        return ModelsConfig.model_validate(content)
    except ValidationError as error:
        faults = [_fault(path, tree, one) for one in error.errors()]
        raise ConfigError("; ".join(faults)) from error


def _fault(path: Path, tree: Any, error: Mapping[str, Any]) -> str:
    where: Sequence[str | int] = error["loc"]
    key = ".".join(str(part) for part in where) or "the file"
    message = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        message = "there is no such key"
        if where[-1] in _SECRETS:
            message = "secrets stay out of this file; see LOCUTORY_LLM__KEYS"
    return f"{path}:{_line(tree, where)} {key}: {message}"


def _line(tree: Any, where: Sequence[str | int]) -> int:
    """The line at which a key stands, or the nearest above it that does."""
    line, node = 1, tree
    for part in where:
        if isinstance(node, yaml.MappingNode):
            found = next(((k, v) for k, v in node.value if k.value == str(part)), None)
            if found is None:
                break
            line, node = found[0].start_mark.line + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            if part >= len(node.value):
                break
            node = node.value[part]
            line = node.start_mark.line + 1
        else:
            break
    return line
