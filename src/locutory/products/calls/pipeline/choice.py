"""Which speech engine hears which call (calls spec, 6.2)."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from locutory.products.calls.pipeline.filters import Facts, Language, Seconds
from locutory.products.calls.records.contract import Direction

EngineName = Literal["embedded", "whisper", "pocketsphinx", "sarvam", "deepgram", "stub"]


class Hearing(BaseModel):
    """An engine, and those that stand in for it, in this order; null: the server's own."""

    model_config = ConfigDict(extra="forbid")

    provider: EngineName | None = None
    fallback: Annotated[list[EngineName], Field(max_length=3)] = []

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        names = [self.provider, *self.fallback]
        if len(set(names)) < len(names):
            raise ValueError("fallback: each engine once, and another than provider")
        return self

    @property
    def names(self) -> tuple[str | None, ...]:
        """The engine and its stand-ins."""
        return (self.provider, *self.fallback)


class HearingRule(Hearing):
    """For calls that are known to fit all that is named; what is unknown of a call fits nothing.

    `hi` means `hi-IN` as well. Durations are half-open: `max_duration_s` itself is outside.
    """

    languages: Annotated[list[Language] | None, Field(min_length=1, max_length=50)] = None
    directions: Annotated[list[Direction] | None, Field(min_length=1, max_length=4)] = None
    min_duration_s: Seconds | None = None
    max_duration_s: Seconds | None = None

    def fits(self, facts: Facts) -> bool:
        """Whether the rule is for such a call."""
        low, high, duration = self.min_duration_s, self.max_duration_s, facts.duration_s
        return (
            (self.languages is None or _is_among(facts.language, self.languages))
            and (self.directions is None or facts.direction in self.directions)
            and (low is None or (duration is not None and duration >= low))
            and (high is None or (duration is not None and duration < high))
        )


class SpeechChoice(Hearing):
    """The first rule that fits a call counts, else what stands here."""

    rules: Annotated[list[HearingRule], Field(max_length=50)] = []

    def for_call(self, facts: Facts) -> Hearing:
        """Who hears such a call."""
        return next((rule for rule in self.rules if rule.fits(facts)), self)

    @property
    def engines(self) -> frozenset[str]:
        """All that are named anywhere."""
        named = (name for one in (self, *self.rules) for name in one.names)
        return frozenset(name for name in named if name is not None)


def _is_among(language: str | None, wanted: list[Language]) -> bool:
    spoken = (language or "").lower()
    return any(spoken == one or spoken.startswith(f"{one}-") for one in wanted)
