"""What a business looks for in its calls: types of objections and moment rules."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from locutory.capabilities.analysis.api import OBJECTION_TYPES, ObjectionType
from locutory.capabilities.interactions.contract import Role
from locutory.kernel.db import Session
from locutory.products.calls.findings import queries
from locutory.products.calls.findings.models import MomentRule, ObjectionTypeRow
from locutory.products.calls.findings.moments import Rule, Watched

BUILT_IN: Mapping[str, ObjectionType] = {one.key: one for one in OBJECTION_TYPES}


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The types and rules that are on."""

    types: tuple[ObjectionType, ...]
    moments: tuple[Watched, ...]

    @property
    def prompt_types(self) -> list[dict[str, Any]]:
        """The value of the variable `objection_types`."""
        return [one.as_dict() for one in self.types]


@dataclass(frozen=True, slots=True)
class KnownType:
    """A type of a business; `row` is None for a built-in one as it came."""

    type: ObjectionType
    row: ObjectionTypeRow | None

    @property
    def enabled(self) -> bool:
        """Whether it is looked for."""
        return self.row is None or self.row.enabled


async def vocabulary(session: Session) -> Vocabulary:
    """What is looked for in a business's calls."""
    types = known_types(await queries.type_rows(session))
    rules = await queries.moment_rules(session)
    return Vocabulary(
        types=tuple(one.type for one in types if one.enabled),
        moments=tuple(watched(row) for row in rules if row.enabled),
    )


def known_types(rows: Sequence[ObjectionTypeRow]) -> list[KnownType]:
    """All types: the built-in ones, each in the business's form of it, then its own by key."""
    own = {row.key: row for row in rows}
    built_in = [resolved(BUILT_IN[key], own.get(key)) for key in BUILT_IN]
    return built_in + [resolved(None, row) for row in rows if row.key not in BUILT_IN]


def resolved(built_in: ObjectionType | None, row: ObjectionTypeRow | None) -> KnownType:
    """One type out of its built-in form and the business's."""
    if row is None:
        if built_in is None:
            raise ValueError("a type needs one of both")
        return KnownType(built_in, None)
    type_ = ObjectionType(
        key=row.key, label=row.label, synonyms=row.synonyms, playbook=row.playbook
    )
    return KnownType(type_, row)


def watched(row: MomentRule) -> Watched:
    """A stored rule as it is evaluated."""
    return Watched(row.key, row.name, rule_of(row.rule))


def rule_of(stored: Mapping[str, Any]) -> Rule:
    """A rule out of its stored form."""
    values = {name: value for name, value in stored.items() if value is not None}
    role = values.pop("role", None)
    phrases = tuple(values.pop("phrases", ()))
    return Rule(**values, phrases=phrases, role=None if role is None else Role(role))
