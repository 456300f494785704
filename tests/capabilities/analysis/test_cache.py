import asyncio

import pytest

from locutory.capabilities.analysis.cache import MemoryCache, SingleFlight, cache_key
from locutory.capabilities.analysis.contract import CachedAnswer

BASE = {
    "tenant": "t",
    "model": "m",
    "params": {"temperature": 0.0},
    "schema": {"type": "object"},
    "system": "s",
    "user": "u",
}


@pytest.mark.parametrize(
    "change",
    [
        {"tenant": "other"},
        {"model": "m2"},
        {"params": {"temperature": 0.1}},
        {"schema": {"type": "object", "properties": {}}},
        {"system": "su", "user": ""},
        {"user": "u2"},
    ],
)
def test_whatever_an_answer_depends_on_changes_the_key(change: dict[str, object]) -> None:
    assert cache_key(**{**BASE, **change}) != cache_key(**BASE)  # type: ignore[arg-type]


def test_the_order_of_keys_does_not_change_the_key() -> None:
    one = cache_key("t", "m", {"a": 1, "b": 2}, {}, "s", "u")
    two = cache_key("t", "m", {"b": 2, "a": 1}, {}, "s", "u")

    assert one == two
    assert len(one) == 64


async def test_the_least_used_answer_falls_out() -> None:
    cache = MemoryCache(capacity=2)
    answers = {name: CachedAnswer(value={"n": name}, engine="e") for name in "abc"}
    await cache.put("a", answers["a"])
    await cache.put("b", answers["b"])
    await cache.get("a")

    await cache.put("c", answers["c"])

    assert [await cache.get(name) for name in "abc"] == [answers["a"], None, answers["c"]]


async def test_a_cancelled_caller_leaves_the_question_to_the_others() -> None:
    flights, go, asked = SingleFlight[str](), asyncio.Event(), []

    async def ask() -> str:
        asked.append(1)
        await go.wait()
        return "answer"

    first = asyncio.create_task(flights.once("k", ask))
    second = asyncio.create_task(flights.once("k", ask))
    await asyncio.sleep(0)
    first.cancel()
    go.set()

    assert await second == ("answer", False)
    assert asked == [1]


async def test_a_failure_reaches_all_and_the_next_question_is_asked_anew() -> None:
    flights, asked = SingleFlight[str](), []

    async def fails() -> str:
        asked.append(1)
        raise ConnectionError

    outcomes = await asyncio.gather(
        flights.once("k", fails), flights.once("k", fails), return_exceptions=True
    )
    with pytest.raises(ConnectionError):
        await flights.once("k", fails)

    assert [type(outcome) for outcome in outcomes] == [ConnectionError, ConnectionError]
    assert len(asked) == 2
