"""What a failed attempt means for the next one: the table of the assistant's spec, 11.3."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from locutory.engines.llm.refusals import NO_MODEL, PARAMETER_REFUSED, QUOTA, TOO_LONG, UNREACHABLE
from locutory.kernel.errors import (
    ContentRejected,
    EngineAuthError,
    EngineConfigError,
    EngineError,
    EngineThrottled,
    EngineTimeout,
    EngineUnavailable,
    InvalidOutput,
)

BUSY: Final = "LLM_BUSY"
BAD_OUTPUT: Final = "LLM_BAD_OUTPUT"
PERSONAL: Final = "LLM_PERSONAL_DATA"


class Kind(StrEnum):
    """What an attempt failed of."""

    UNREACHABLE = "connection"
    TIMEOUT = "timeout"
    SERVER = "server"
    RATE_LIMIT = "rate_limit"
    BUSY = "overloaded"
    QUOTA = "quota"
    AUTH = "auth"
    NO_MODEL = "no_model"
    INVALID = "invalid_request"
    PARAMETER = "parameter"
    TOO_LONG = "context_length"
    CONTENT = "content_filter"
    BAD_OUTPUT = "bad_output"
    PERSONAL = "personal_data"
    DEADLINE = "deadline"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What follows a failure.

    `again`: how often the same model is asked once more, `batch_again` where nobody waits. `on`:
    whether another model is asked. `counts` against the model's breaker; `shuts_s` opens it at
    once.
    """

    again: int = 0
    batch_again: int = 0
    on: bool = True
    counts: bool = False
    shuts_s: float = 0.0


RULES: Final[Mapping[Kind, Rule]] = {
    Kind.UNREACHABLE: Rule(batch_again=1, counts=True),
    Kind.TIMEOUT: Rule(batch_again=1, counts=True),
    Kind.SERVER: Rule(again=1, batch_again=1, counts=True),
    Kind.RATE_LIMIT: Rule(again=1, batch_again=1),  # only where the wait is told and short
    Kind.BUSY: Rule(),
    Kind.QUOTA: Rule(shuts_s=900.0),
    Kind.AUTH: Rule(shuts_s=600.0),
    Kind.NO_MODEL: Rule(shuts_s=600.0),
    Kind.INVALID: Rule(on=False),
    Kind.PARAMETER: Rule(again=1, batch_again=1, on=False),
    Kind.TOO_LONG: Rule(),  # a model with a larger window
    Kind.CONTENT: Rule(on=False),  # another model only for the purposes that ask for it
    Kind.PERSONAL: Rule(),  # one that it may be told to
    Kind.BAD_OUTPUT: Rule(again=2, batch_again=2),
    Kind.DEADLINE: Rule(on=False),
}

_BY_CODE: Final = {
    UNREACHABLE: Kind.UNREACHABLE,
    QUOTA: Kind.QUOTA,
    NO_MODEL: Kind.NO_MODEL,
    TOO_LONG: Kind.TOO_LONG,
    PARAMETER_REFUSED: Kind.PARAMETER,
    BUSY: Kind.BUSY,
    BAD_OUTPUT: Kind.BAD_OUTPUT,
    PERSONAL: Kind.PERSONAL,
}


def kind_of(error: EngineError) -> Kind:
    """What an engine's error is in the table."""
    by_code = _BY_CODE.get(error.error_code)
    if by_code is not None:
        return by_code
    status = error.extra.get("upstream_status")
    if status == 402:
        return Kind.QUOTA
    match error:
        case EngineAuthError():
            return Kind.AUTH
        case EngineThrottled():
            return Kind.RATE_LIMIT
        case EngineTimeout():  # a server that answers that it took too long did answer
            return Kind.TIMEOUT if status is None else Kind.SERVER
        case EngineUnavailable():
            return Kind.SERVER
        case EngineConfigError():
            return Kind.NO_MODEL
        case ContentRejected():
            return Kind.CONTENT
        case InvalidOutput():
            return Kind.INVALID
    return Kind.SERVER
