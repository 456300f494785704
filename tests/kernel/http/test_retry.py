from collections.abc import Awaitable, Callable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locutory.kernel.errors import EngineAuthError, EngineThrottled, EngineUnavailable
from locutory.kernel.http.retry import full_jitter, retrying


@given(st.floats(0.001, 60), st.integers(0, 5000), st.floats(0.001, 3600), st.integers(0, 2**32))
def test_a_wait_lies_between_zero_and_the_grown_base_or_the_cap(
    base_s: float, attempt: int, cap_s: float, seed: int
) -> None:
    wait_s = full_jitter(base_s, attempt, cap_s, Random(seed))

    assert 0 <= wait_s <= min(cap_s, base_s * 2.0 ** min(attempt, 64))


def test_waits_are_spread_over_the_whole_range() -> None:
    rng = Random(7)

    waits = [full_jitter(1.0, 3, 60.0, rng) for _ in range(500)]

    assert min(waits) < 0.5
    assert max(waits) > 7.5
    assert 3.6 < sum(waits) / len(waits) < 4.4


class Flaky:
    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.waits: list[float] = []

    async def call(self) -> str:
        if self.failures:
            raise self.failures.pop(0)
        return "done"

    async def sleep(self, wait_s: float) -> None:
        self.waits.append(wait_s)


def run(flaky: Flaky, attempts: int = 3) -> Awaitable[str]:
    return retrying(flaky.call, attempts=attempts, rng=Random(1), sleep=flaky.sleep)


def down() -> Exception:
    return EngineUnavailable(engine="x")


async def test_a_passing_outage_is_bridged() -> None:
    flaky = Flaky(down(), down())

    assert await run(flaky) == "done"
    assert len(flaky.waits) == 2


async def test_the_last_failure_is_raised() -> None:
    flaky = Flaky(down(), down(), down())

    with pytest.raises(EngineUnavailable):
        await run(flaky)

    assert len(flaky.waits) == 2


async def test_a_stated_wait_is_kept() -> None:
    flaky = Flaky(EngineThrottled(engine="x", retry_after=3.0))

    assert await run(flaky) == "done"
    assert flaky.waits == [3.0]


@pytest.mark.parametrize(
    "failure",
    [
        lambda: EngineAuthError(engine="x"),
        lambda: EngineThrottled(engine="x", retry_after=600.0),
        lambda: ValueError("a bug"),
    ],
)
async def test_what_a_retry_cannot_mend_is_raised_at_once(failure: Callable[[], Exception]) -> None:
    error = failure()
    flaky = Flaky(error)

    with pytest.raises(type(error)):
        await run(flaky)

    assert flaky.waits == []
