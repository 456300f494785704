"""Many calls are judged anew by one request."""

from typing import TYPE_CHECKING, Any

import pytest

from locutory.engines.llm.base import LLMRequest
from locutory.engines.llm.scripted import Answer
from locutory.kernel.errors import EngineUnavailable

if TYPE_CHECKING:
    from tests.products.calls.agents.conftest import House

pytestmark = pytest.mark.both_databases


async def bulk(house: "House", action: str, *callids: str, **params: Any) -> dict[str, Any]:
    """What became of a deed on these calls."""
    ask = {"action": action, "callids": callids, "confirm_count": len(callids), "params": params}
    started = await house.told("POST", "/call-records/6004/bulk", 202, json=ask)
    await house.drain()
    path = f"/call-records/6004/bulk/{started['job_id']}"
    ended: dict[str, Any] = await house.told("GET", path)
    return ended


def silent(request: LLMRequest) -> Answer:
    return EngineUnavailable("the model does not answer", engine="scripted")


async def test_calls_are_judged_anew_by_one_request(house: "House") -> None:
    await house.hear("a")
    await house.hear("b", "Hello.", "Hi there.")
    asked = len(house.model.requests)

    ended = await bulk(house, "reanalyze", "a", "b", agents=["summary"], force=True)

    assert (ended["state"], ended["done"], ended["refused"]) == ("done", 2, 0)
    assert len(house.model.requests) == asked + 2
    assert (await house.call("a"))["status"] == "done"


async def test_only_what_is_degraded_is_upgraded(house: "House") -> None:
    whole = await house.hear("whole")
    house.says = silent
    poor = await house.hear("poor", "Good morning.", "Where is my order?", "On its way.")
    house.says = house.plain

    ended = await bulk(house, "upgrade_degraded", "whole", "poor")

    assert (whole["degraded"], poor["degraded"]) == (False, True)
    assert (ended["done"], ended["refused"]) == (1, 1)
    assert ended["refusals"][0]["callid"] == "whole"
    assert (await house.call("poor"))["degraded"] is False
