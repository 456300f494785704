"""What a step of the walk is: one request, and what of its answer later ones need."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from string import Template
from typing import Any

from locutory.cli.demo import FLOOR as FLOOR
from locutory.cli.demo import LOGINS
from locutory.cli.demo import SUPERVISOR as SUPERVISOR

ADMIN = LOGINS[0].email
VIEWER = LOGINS[3].email
NOBODY = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A request by `who`. `$words` in it stand for names that earlier answers gave.

    `keep` maps a name to its place in the answer (`items.0.id`). A step that is `silent` is there
    for others and not recorded. `shown` is a body to show where the real one is no JSON.
    """

    line: str
    summary: str
    json: Any = None
    params: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, Any] | None = None
    form: Mapping[str, str] | None = None
    shown: Mapping[str, Any] | None = None
    who: str = ADMIN
    about: Mapping[str, str] = field(default_factory=dict)  # other names than the usual
    status: int = 200
    name: str = "example"
    keep: Mapping[str, str] = field(default_factory=dict)
    silent: bool = False
    works: bool = False  # all jobs are run afterwards
    manned: bool = False  # a worker runs meanwhile
    stream_bytes: int = 0  # of an answer without end


def asked(line: str, summary: str, json: Any = None, **rest: Any) -> Step:
    """A step; short, since there are many."""
    return Step(line=line, summary=summary, json=json, **rest)


def filled(value: Any, names: Mapping[str, str]) -> Any:
    """A request's parts with their `$words` replaced. Raises KeyError for one nobody has named."""
    if isinstance(value, Mapping):
        return {filled(key, names): filled(part, names) for key, part in value.items()}
    if isinstance(value, list):
        return [filled(part, names) for part in value]
    return Template(value).substitute(names) if isinstance(value, str) else value


def at(answer: Any, place: str) -> str:
    """What stands at `items.0.id` of an answer."""
    for part in place.split("."):
        answer = answer[int(part)] if isinstance(answer, list) else answer[part]
    return str(answer)
