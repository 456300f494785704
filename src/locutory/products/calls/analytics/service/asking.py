"""What was asked: the calls of a view, those of the period before, and figures of both."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, time
from functools import cached_property
from zoneinfo import ZoneInfo

from locutory.kernel.auth.contract import Access, EmbedForbidden, EmbedTerms, Tenant
from locutory.kernel.clock import utc_now
from locutory.kernel.db import Session
from locutory.products.calls.analytics import queries
from locutory.products.calls.analytics.contract import FIXED, Basis, BeyondKey
from locutory.products.calls.analytics.figures import (
    Change,
    Figure,
    Sums,
    change,
    columns_of,
    figure,
    first_or_zero,
)
from locutory.products.calls.analytics.periods import Span, span_of
from locutory.products.calls.analytics.queries import NOT_RULES, Slice
from locutory.products.calls.analytics.schemas import Ask, FigureRead, KeyRead, ScopeRead
from locutory.products.calls.analytics.statistics import change_pct
from locutory.products.calls.records.schemas import CallNarrowing


@dataclass(frozen=True)
class Asked:
    """The calls that a view is about; `compare` whether with the period before."""

    tenant: Tenant
    where: Slice
    compare: bool

    @cached_property
    def before(self) -> Slice:
        """The same of as many days just before."""
        return replace(self.where, span=self.where.span.previous)

    def scope(self, basis: Basis = Basis.ROLLUP) -> ScopeRead:
        """What a reply says of it."""
        where = self.where
        return ScopeRead(
            from_=date.fromordinal(where.span.first),
            to=date.fromordinal(where.span.end),
            days=where.span.days,
            timezone=self.tenant.timezone,
            agent=where.agents[0] if len(where.agents) == 1 else None,
            direction=where.direction,
            template=where.template,
            include_rules=where.engines != NOT_RULES,
            basis=basis,
        )


def asked_of(access: Access, ask: Ask) -> Asked:
    """What a request means. Raises RangeInvalid."""
    zone = ZoneInfo(access.tenant.timezone)
    where = Slice(
        span=span_of(ask.from_, ask.to, utc_now(), zone),
        agents=() if ask.agent is None else (ask.agent,),
        direction=None if ask.direction is None else ask.direction.value,
        template=ask.template,
        engines=() if ask.include_rules else NOT_RULES,
    )
    terms = access.principal.embed
    if terms is not None:
        where = _narrowed(where, terms, zone)
    return Asked(tenant=access.tenant, where=where, compare=ask.compare == "previous")


def _narrowed(where: Slice, terms: EmbedTerms, zone: ZoneInfo) -> Slice:
    """What a page's key shows of it. Raises BeyondKey, EmbedForbidden.

    A day that the key shows in part only is left out: the figures are by day.
    """
    fixed = CallNarrowing.model_validate(terms.filters)
    if not terms.filters.keys() <= FIXED:
        raise EmbedForbidden
    if fixed.agent is not None:
        if where.agents not in ((), (fixed.agent,)):
            raise BeyondKey
        where = replace(where, agents=(fixed.agent,))
    if fixed.direction is not None:
        if where.direction not in (None, fixed.direction):
            raise BeyondKey
        where = replace(where, direction=fixed.direction.value)
    if fixed.from_ is None and fixed.to is None:
        return where
    first, end = date.min.toordinal(), date.max.toordinal()
    if fixed.from_ is not None:
        local = fixed.from_.astimezone(zone)
        first = local.toordinal() + (local.time() > time.min)
    if fixed.to is not None:
        end = fixed.to.astimezone(zone).toordinal()
    return replace(where, within=Span(first, end))


@dataclass(frozen=True, slots=True)
class Pair:
    """Sums of the period and, where asked for, of the one before."""

    now: Sums
    before: Sums | None

    def read(self, key: str) -> FigureRead:
        """A metric with its change."""
        was = None if self.before is None else figure(key, self.before)
        return read_figure(figure(key, self.now), was)


async def pair_of(db: Session, asked: Asked, keys: Sequence[str], *more: str) -> Pair:
    """Sums of what these metrics (and the columns in `more`) need, a statement for each period."""
    columns = columns_of(keys, *more)
    now = first_or_zero(await queries.sums(db, asked.where, columns), columns)
    if not asked.compare:
        return Pair(now, None)
    return Pair(now, first_or_zero(await queries.sums(db, asked.before, columns), columns))


def read_figure(now: Figure, before: Figure | None = None) -> FigureRead:
    """The wire shape of a figure, with its change where there is something to compare with."""
    changed = None if before is None else change(now, before)
    return FigureRead(
        key=now.metric.key,
        label=now.metric.label,
        unit=now.metric.unit,
        better=now.metric.better,
        n=now.n,
        value=now.value,
        sd=now.sd,
        previous=None if before is None else before.value,
        previous_n=None if before is None else before.n,
        delta_pct=None if changed is None else changed.delta_pct,
        p_value=None if changed is None else changed.p_value,
        significant=_verdict(changed),
    )


def _verdict(changed: Change | None) -> bool | None:
    return None if changed is None or changed.p_value is None else changed.significant


async def key_pairs(
    db: Session, asked: Asked, kind: str, *, limit: int
) -> list[tuple[queries.KeyRow, queries.KeyRow | None]]:
    """Named things of the period, each with the same of the period before."""
    now = await queries.keys(db, asked.where, kind, limit=limit)
    before: dict[str, queries.KeyRow] = {}
    if asked.compare and now:
        names = [row.key for row in now]
        found = await queries.keys(db, asked.before, kind, only=names, limit=limit)
        before = {row.key: row for row in found}
    return [(row, before.get(row.key)) for row in now]


def read_key(
    row: queries.KeyRow, before: queries.KeyRow | None, *, of: int, of_before: int | None
) -> KeyRead:
    """The share of calls with it, now and before; `of` is what the shares are taken of."""
    share = 100 * row.calls / of if of else None
    was = None
    if of_before:
        was = 100 * (0 if before is None else before.calls) / of_before
    return KeyRead(
        key=row.key,
        label=row.label,
        calls=row.calls,
        share_pct=share,
        previous_share_pct=was,
        delta_pct=change_pct(share, was),
    )


def day_of(number: int) -> date:
    """The date of a day's number."""
    return date.fromordinal(number)


def dates_of(span: Span) -> tuple[date, date]:
    """First day and the day after the last."""
    return day_of(span.first), day_of(span.end)
