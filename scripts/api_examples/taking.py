"""What a walk brings home, and the file that is made of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from api_examples.disguise import Disguise, told_times
from api_examples.shortening import shortened, shortened_text
from api_examples.steps import Step
from locutory.reference import has_example


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A request that was sent and what came back; `got` is None for nothing or for bytes."""

    step: Step
    sent: Any
    status: int
    media_type: str
    got: Any
    asked_at: datetime


def written(
    taken: Sequence[Taken],
    document: Mapping[str, Any],
    words: Mapping[str, str],
    began: datetime,
) -> dict[str, dict[str, Any]]:
    """The examples by route, short and disguised; without those that stand in models by hand."""
    given = frozenset(time for one in taken for time in told_times([one.sent, _texts(one)]))
    disguise = Disguise(began=began, given=given, words=words)
    found: dict[str, dict[str, Any]] = {}
    for one in taken:
        if one.step.silent:
            continue
        line, name = one.step.line, one.step.name
        method, _, path = line.partition(" ")
        operation = document["paths"][path][method.lower()]
        route = found.setdefault(line, {})
        if one.sent is not None:
            content = operation["requestBody"]["content"]
            media_type = next(iter(content))
            if not has_example(document, content[media_type]):
                value = disguise.put_on(shortened(one.sent), f"{line} request", one.asked_at)
                media = route.setdefault("request", {}).setdefault(media_type, {})
                media[name] = {"summary": one.step.summary, "value": value}
        status = str(one.status)
        content = operation["responses"].get(status, {}).get("content", {})
        if one.got is None or one.media_type not in content:
            continue
        if has_example(document, content[one.media_type]):
            continue
        short = (
            shortened_text(one.got, one.media_type)
            if isinstance(one.got, str)
            else shortened(one.got)
        )
        value = disguise.put_on(short, f"{line} {status}", one.asked_at)
        media = route.setdefault("responses", {}).setdefault(status, {})
        media.setdefault(one.media_type, {})[name] = {"summary": one.step.summary, "value": value}
    return {line: found[line] for line in sorted(found) if found[line]}


def _texts(one: Taken) -> list[str]:
    return [str(part) for part in (one.step.params or {}).values()]
