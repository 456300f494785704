"""How many workers a backlog wants."""

import pytest

from locutory.kernel.settings import PipelineSettings
from locutory.products.calls.pipeline.service.workers import desired_workers

MARKS = PipelineSettings()


@pytest.mark.parametrize(
    ("ready", "slots", "mean_s", "wanted"),
    [
        (0, 30, 30, 1),
        (500, 30, 30, 1),
        (600, 30, 30, 1),  # 60 a minute, 600 in ten minutes
        (601, 30, 30, 2),
        (3000, 30, 30, 5),  # the seed's 300 calls a minute
        (1_000_000, 30, 30, 10),
        (1000, 30, 0.0, 1),
    ],
)
def test_a_backlog_wants_the_workers_that_drain_it_in_ten_minutes(
    ready: int, slots: int, mean_s: float, wanted: int
) -> None:
    assert desired_workers(ready, slots, mean_s, MARKS) == wanted
