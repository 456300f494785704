"""How far sources were read, for people, and whether that is long ago."""

from collections.abc import Iterable
from datetime import datetime

from locutory.kernel.clock import utc_now
from locutory.products.calls.pipeline.models import SyncWatermark
from locutory.products.calls.pipeline.schemas import WatermarkRead


def lag_s(mark: SyncWatermark, now: datetime) -> float:
    """Seconds since the source last answered, or since it was made known."""
    return max(0.0, (now - (mark.last_ok_at or mark.created_at)).total_seconds())


def is_stale(mark: SyncWatermark, now: datetime) -> bool:
    """Whether the source should have answered since."""
    return mark.stale_after_s is not None and lag_s(mark, now) > mark.stale_after_s


def shown(marks: Iterable[SyncWatermark]) -> list[WatermarkRead]:
    """The watermarks as they are answered."""
    now = utc_now()
    return [
        WatermarkRead(
            name=mark.name,
            cursor=mark.cursor,
            last_ok_at=mark.last_ok_at,
            last_error=mark.last_error,
            rows_total=mark.rows_total,
            lag_s=None if mark.last_ok_at is None else round(lag_s(mark, now), 1),
            stale=is_stale(mark, now),
        )
        for mark in marks
    ]
