"""Metrics in Prometheus' form. Each is declared where it is counted, with the seed's name."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.metrics import MetricWrapperBase

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
BIDS: Final = 200
OTHER: Final = "other"
SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900)

M = TypeVar("M", bound=MetricWrapperBase)

disable_created_metrics()  # type: ignore[no-untyped-call]  # the library has no types here


class LabelCap:
    """Keeps a label from growing without bound: the first values stay, later ones are `other`."""

    def __init__(self, limit: int = BIDS) -> None:
        self._limit = limit
        self._seen: set[str] = set()

    def value(self, label: str) -> str:
        """The label itself, or `other` once `limit` different ones are known."""
        if label in self._seen:
            return label
        if len(self._seen) >= self._limit:
            return OTHER
        self._seen.add(label)
        return label


@dataclass(frozen=True, slots=True)
class Described:
    """A metric as it was declared; `kind` is counter, gauge or histogram."""

    name: str
    kind: str
    labels: tuple[str, ...]
    text: str


class Metrics:
    """One registry per app, so that two apps in one process do not count for each other.

    Declaring a name again gives the same metric. Raises ValueError when kind or labels differ.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._declared: dict[str, tuple[MetricWrapperBase, Described]] = {}
        self._bids = LabelCap()

    def counter(self, name: str, text: str, labels: Sequence[str] = ()) -> Counter:
        """A count that only grows; `name` ends in `_total`."""
        if not name.endswith("_total"):
            raise ValueError(f"counter {name!r} does not end in _total")
        make = partial(Counter, name, text, labels, registry=self.registry)
        return self._declare(Counter, Described(name, "counter", tuple(labels), text), make)

    def gauge(self, name: str, text: str, labels: Sequence[str] = ()) -> Gauge:
        """A value that goes up and down."""
        make = partial(Gauge, name, text, labels, registry=self.registry)
        return self._declare(Gauge, Described(name, "gauge", tuple(labels), text), make)

    def histogram(
        self,
        name: str,
        text: str,
        labels: Sequence[str] = (),
        *,
        buckets: Sequence[float] = SECONDS,
    ) -> Histogram:
        """A distribution; `name` ends in its unit, seconds mostly."""
        make = partial(Histogram, name, text, labels, registry=self.registry, buckets=buckets)
        return self._declare(Histogram, Described(name, "histogram", tuple(labels), text), make)

    def bid(self, bid: str) -> str:
        """The value of a `bid` label: a business, or `other` beyond the first 200."""
        return self._bids.value(bid)

    def watch_process(self) -> None:
        """Add what the system says of this process: `process_*`, such as its memory."""
        ProcessCollector(registry=self.registry)

    def described(self) -> list[Described]:
        """What is declared so far, by name."""
        return [self._declared[name][1] for name in sorted(self._declared)]

    def render(self) -> bytes:
        """All metrics in the text format, for `GET /metrics` with CONTENT_TYPE."""
        return generate_latest(self.registry)

    def _declare(self, kind: type[M], as_: Described, make: Callable[[], M]) -> M:
        known = self._declared.get(as_.name)
        if known is None:
            metric = make()
            self._declared[as_.name] = (metric, as_)
            return metric
        found, described = known
        if not isinstance(found, kind) or described.labels != as_.labels:
            raise ValueError(f"metric {as_.name!r} is declared in another form elsewhere")
        return found
