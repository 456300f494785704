"""Where a result came from. Carried by everything that a machine judged."""

from dataclasses import dataclass
from enum import StrEnum


class Source(StrEnum):
    """What kind of engine answered."""

    LLM = "llm"
    CACHE = "cache"
    RULES = "rules"
    METRIC = "metric"
    HUMAN = "human"
    STT = "stt"
    SIDECAR = "sidecar"
    ACOUSTIC = "acoustic"
    EDITED = "edited"  # a person corrected what an engine heard


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Which engine gave an answer, and whether it was the one asked for.

    `engine` is `provider/model` (`openai_compatible/qwen3`) or an own name with its version
    (`locutory-rules/1`). `degraded` means: a better engine was configured and did not answer.
    `confidence` is 0-1, None where the engine gives none.
    """

    source: Source
    engine: str
    degraded: bool = False
    confidence: float | None = None
