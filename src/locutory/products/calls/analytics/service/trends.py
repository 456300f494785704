"""Metrics over time."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from locutory.kernel.auth.contract import Access, EmbedForbidden
from locutory.kernel.db import Session
from locutory.products.calls.analytics import queries
from locutory.products.calls.analytics.contract import EngineClass, Granularity
from locutory.products.calls.analytics.figures import (
    Sums,
    change,
    columns_of,
    figure,
    total,
)
from locutory.products.calls.analytics.measures import METRICS
from locutory.products.calls.analytics.periods import Span, buckets, lead, place_of
from locutory.products.calls.analytics.schemas import (
    FigureRead,
    PointRead,
    SeriesRead,
    TrendAsk,
    TrendsRead,
)
from locutory.products.calls.analytics.service.asking import (
    Asked,
    asked_of,
    dates_of,
    read_figure,
)
from locutory.products.calls.analytics.statistics import MOVING, moving_mean

_ENGINES = (EngineClass.RULES, EngineClass.MODEL)


class Timeline:
    """Sums per day, ready to be cut into buckets; holds what moving means and changes look back on.

    A bucket is compared with the stretch that lies one whole period before it.
    """

    def __init__(self, asked: Asked, granularity: Granularity, columns: Sequence[str]) -> None:
        self.asked = asked
        self.columns = columns
        span = asked.where.span
        self.span = span
        self.buckets = buckets(span, granularity)
        self.first = lead(span, granularity, MOVING - 1)
        self.leading = buckets(Span(self.first, span.first), granularity)
        self._days: dict[str, dict[int, Sums]] = {}

    async def load(self, db: Session, *, by_engine: bool = False) -> None:
        """Read the days: one statement."""
        first = min(self.first, self.span.previous.first) if self.asked.compare else self.first
        where = replace(self.asked.where, span=Span(first, self.span.end))
        dimensions = ("day", "engine") if by_engine else ("day",)
        rows = await queries.sums(db, where, self.columns, dimensions)
        grouped: dict[str, dict[int, list[Sums]]] = defaultdict(lambda: defaultdict(list))
        for row in rows:
            grouped["all"][row["day"]].append(row)
            if by_engine:
                grouped[row["engine"]][row["day"]].append(row)
        for engine, days in grouped.items():
            self._days[engine] = {n: total(some, self.columns) for n, some in days.items()}

    @property
    def engines(self) -> list[str]:
        """`all`, and rules and model apart where both judged calls of the period."""
        both = [
            engine.value
            for engine in _ENGINES
            if any(self.span.first <= n < self.span.end for n in self._days.get(engine, {}))
        ]
        return ["all", *both] if len(both) > 1 else ["all"]

    def points(self, key: str, engine: str = "all") -> list[PointRead]:
        """The buckets of one metric."""
        looked_at = [*self.leading, *self.buckets]
        now = [figure(key, sums) for sums in self._cut(engine, looked_at)]
        means = moving_mean([one.value for one in now])
        before = None
        if self.asked.compare:
            back = [Span(b.first - self.span.days, b.end - self.span.days) for b in self.buckets]
            before = [figure(key, sums) for sums in self._cut(engine, back)]
        skipped = len(self.leading)
        points = []
        for place, bucket in enumerate(self.buckets):
            one, was = now[skipped + place], None if before is None else before[place]
            changed = None if was is None else change(one, was)
            first, end = dates_of(bucket)
            tested = changed is not None and changed.p_value is not None
            points.append(
                PointRead(
                    from_=first,
                    to=end,
                    n=one.n,
                    value=one.value,
                    moving_mean=means[skipped + place],
                    previous=None if was is None else was.value,
                    delta_pct=None if changed is None else changed.delta_pct,
                    significant=changed.significant if changed is not None and tested else None,
                )
            )
        return points

    def whole(self, key: str, engine: str = "all") -> FigureRead:
        """The metric of the whole period."""
        now = figure(key, self._cut(engine, [self.span])[0])
        if not self.asked.compare:
            return read_figure(now)
        return read_figure(now, figure(key, self._cut(engine, [self.span.previous])[0]))

    def _cut(self, engine: str, spans: Sequence[Span]) -> list[Sums]:
        """The sums of adjoining spans."""
        parts: list[list[Sums]] = [[] for _ in spans]
        for number, sums in self._days.get(engine, {}).items():
            place = place_of(number, spans)
            if place is not None:
                parts[place].append(sums)
        return [total(part, self.columns) for part in parts]


async def trends(access: Access, ask: TrendAsk) -> TrendsRead:
    """Each metric over time, and apart for rules and models where both judged."""
    asked = asked_of(access, ask)
    keys = list(dict.fromkeys(ask.metric))
    if access.principal.embed is not None and any(METRICS[key].costs for key in keys):
        raise EmbedForbidden("what calls cost is not for embedded pages; ask for other metrics")
    timeline = Timeline(asked, ask.granularity, columns_of(keys))
    async with access.db.read() as session:
        await timeline.load(session, by_engine=True)
    return TrendsRead(
        scope=asked.scope(),
        granularity=ask.granularity,
        series=[
            SeriesRead(
                metric=key,
                engine=engine,
                total=timeline.whole(key, engine),
                points=timeline.points(key, engine),
            )
            for key in keys
            for engine in timeline.engines
        ],
    )


async def trend_of(
    db: Session, asked: Asked, granularity: Granularity, key: str
) -> list[PointRead]:
    """One metric over time, for views that show it beside other things."""
    timeline = Timeline(asked, granularity, columns_of([key]))
    await timeline.load(db)
    return timeline.points(key)
