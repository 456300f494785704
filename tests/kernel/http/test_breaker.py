import asyncio

import pytest

from locutory.kernel.errors import EngineAuthError, EngineThrottled, EngineUnavailable
from locutory.kernel.http.breaker import Breaker, BreakerOpenError, BreakerState


class Seconds:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Seconds:
    return Seconds()


@pytest.fixture
def breaker(clock: Seconds) -> Breaker:
    return Breaker("stub", open_s=30, clock=clock)


def fail(breaker: Breaker, error: BaseException | None = None) -> None:
    raised = error or EngineUnavailable(engine="stub")
    with pytest.raises(type(raised)), breaker.guard():
        raise raised


def succeed(breaker: Breaker) -> None:
    with breaker.guard():
        pass


def trip(breaker: Breaker) -> None:
    for _ in range(5):
        fail(breaker)


def test_five_failures_in_a_row_open_it_and_four_do_not(breaker: Breaker) -> None:
    for _ in range(4):
        fail(breaker)
    before = breaker.state
    fail(breaker)

    assert (before, breaker.state) == (BreakerState.CLOSED, BreakerState.OPEN)
    with pytest.raises(BreakerOpenError) as caught, breaker.guard():
        pytest.fail("entered")
    assert caught.value.retry_after == 30


def test_more_than_half_of_twenty_opens_it(breaker: Breaker) -> None:
    for _ in range(9):
        fail(breaker)
        succeed(breaker)
    fail(breaker)
    before = breaker.state
    fail(breaker)

    assert (before, breaker.state) == (BreakerState.CLOSED, BreakerState.OPEN)


def test_exactly_half_of_twenty_leaves_it_closed(breaker: Breaker) -> None:
    for _ in range(40):
        fail(breaker)
        succeed(breaker)

    assert breaker.state is BreakerState.CLOSED


@pytest.mark.parametrize("error", [EngineAuthError(engine="stub"), EngineThrottled(engine="stub")])
def test_refused_keys_and_throttling_are_no_outage(breaker: Breaker, error: Exception) -> None:
    for _ in range(30):
        fail(breaker, error)

    assert breaker.state is BreakerState.CLOSED


def test_one_probe_is_let_through_and_closes_it(breaker: Breaker, clock: Seconds) -> None:
    trip(breaker)
    clock.now += 30

    with breaker.guard():
        state_during = breaker.state
        with pytest.raises(BreakerOpenError), breaker.guard():
            pytest.fail("a second probe")

    assert (state_during, breaker.state) == (BreakerState.HALF_OPEN, BreakerState.CLOSED)
    fail(breaker)
    assert breaker.state is BreakerState.CLOSED


def test_a_failed_probe_opens_it_anew(breaker: Breaker, clock: Seconds) -> None:
    trip(breaker)
    clock.now += 30
    fail(breaker)
    clock.now += 29
    still = breaker.state
    clock.now += 1

    assert (still, breaker.state) == (BreakerState.OPEN, BreakerState.HALF_OPEN)


def test_a_cancelled_probe_leaves_room_for_another(breaker: Breaker, clock: Seconds) -> None:
    trip(breaker)
    clock.now += 30

    fail(breaker, asyncio.CancelledError())
    succeed(breaker)

    assert breaker.state is BreakerState.CLOSED


def test_a_late_answer_from_before_the_outage_changes_nothing(breaker: Breaker) -> None:
    with breaker.guard():
        trip(breaker)

    assert breaker.state is BreakerState.OPEN
