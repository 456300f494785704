"""Metrics in Prometheus' form. Each is declared where it is counted, with the seed's name."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, TypeVar

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
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


class Metrics:
    """One registry per app, so that two apps in one process do not count for each other.

    Declaring a name again gives the same metric. Raises ValueError when kind or labels differ.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._declared: dict[str, tuple[MetricWrapperBase, tuple[str, ...]]] = {}
        self._bids = LabelCap()

    def counter(self, name: str, text: str, labels: Sequence[str] = ()) -> Counter:
        """A count that only grows; `name` ends in `_total`."""
        if not name.endswith("_total"):
            raise ValueError(f"counter {name!r} does not end in _total")
        make = partial(Counter, name, text, labels, registry=self.registry)
        return self._declare(Counter, name, labels, make)

    def gauge(self, name: str, text: str, labels: Sequence[str] = ()) -> Gauge:
        """A value that goes up and down."""
        make = partial(Gauge, name, text, labels, registry=self.registry)
        return self._declare(Gauge, name, labels, make)

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
        return self._declare(Histogram, name, labels, make)

    def bid(self, bid: str) -> str:
        """The value of a `bid` label: a business, or `other` beyond the first 200."""
        return self._bids.value(bid)

    def render(self) -> bytes:
        """All metrics in the text format, for `GET /metrics` with CONTENT_TYPE."""
        return generate_latest(self.registry)

    def _declare(self, kind: type[M], name: str, labels: Sequence[str], make: Callable[[], M]) -> M:
        known = self._declared.get(name)
        if known is None:
            metric = make()
            self._declared[name] = (metric, tuple(labels))
            return metric
        found, found_labels = known
        if not isinstance(found, kind) or found_labels != tuple(labels):
            raise ValueError(f"metric {name!r} is declared in another form elsewhere")
        return found
