"""The manifest: all that a module brings, in one place."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from fastapi import APIRouter

from locutory.kernel.events import Subscription
from locutory.kernel.jobs import JobKind
from locutory.kernel.telemetry.health import Check


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A job of nobody in particular that comes round; `cron` has five fields, in UTC."""

    name: str
    cron: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """What a module registers with the composition root.

    `name` is `product.module`; `serve --only` selects by the first part. `roles` maps a role of
    the product to its scopes; routes ask for scopes, never for roles.
    """

    name: str
    router: APIRouter | None = None
    jobs: tuple[JobKind, ...] = ()
    schedules: tuple[Schedule, ...] = ()
    subscriptions: tuple[Subscription, ...] = ()
    roles: Mapping[str, frozenset[str]] = field(default_factory=dict)
    checks: Mapping[str, Check] = field(default_factory=dict)

    @property
    def product(self) -> str:
        """The product that it belongs to, `kernel` or a capability's name."""
        return self.name.partition(".")[0]
