"""Figures on pages of other sites: no more calls are counted than the key shows."""

from typing import Any

import httpx2
import pytest
from tests.products.calls.analytics.conftest import House, figure
from tests.products.calls.analytics.conftest import house as house
from tests.products.calls.embeds.test_embed_keys import SITE, Page, key_of, page_of

pytestmark = pytest.mark.both_databases


async def view(page: Page, name: str, query: str = "") -> httpx2.Response:
    path = f"/analytics/{page.bid}/{name}?from=2026-01-05&to=2026-01-12&{query}"
    return await page.ask("GET", path)


async def page_with(house: House, **filters: Any) -> Page:
    return await page_of(house.resident, scopes=["analytics:read"], filters=filters)


async def counted(page: Page, query: str = "") -> dict[str, Any]:
    reply = await view(page, "overview", query)
    assert reply.status_code == 200, reply.text
    return figure(reply.json()["tiles"], "calls")


async def fill(house: House) -> None:
    for callid, day, agent, way in (
        ("before", "2026-01-02 10:00", "a-1", "inbound"),
        ("first", "2026-01-05 10:00", "a-1", "inbound"),
        ("second", "2026-01-07 10:00", "a-1", "outbound"),
        ("third", "2026-01-07 11:00", "a-2", "inbound"),
        ("last", "2026-01-10 10:00", "a-2", "inbound"),
    ):
        topics = [(f"topic {agent}", 0.5)]
        await house.call(
            callid, day, agent_id=agent, agent_name=agent, direction=way, topics=topics
        )
    await house.keeper.catch_up()


async def test_an_agents_page_counts_that_agents_calls_only(house: House) -> None:
    await fill(house)
    page = await page_with(house, agent="a-1")

    topics = (await view(page, "topics")).json()
    other = await view(page, "overview", "agent=a-2")

    assert (await counted(page))["value"] == 2
    assert (await counted(page, "agent=a-1"))["value"] == 2
    assert [topic["key"] for topic in topics["items"]] == ["topic a-1"]
    assert (other.status_code, other.json()["error_code"]) == (404, "BEYOND_KEY")


async def test_a_direction_is_fixed_as_well(house: House) -> None:
    await fill(house)
    page = await page_with(house, direction="inbound")

    other = await view(page, "overview", "direction=outbound")

    assert (await counted(page))["value"] == 3
    assert other.json()["error_code"] == "BEYOND_KEY"


async def test_days_outside_are_counted_neither_now_nor_before(house: House) -> None:
    await fill(house)
    all_ = await page_with(house)
    page = await page_with(house, **{"from": "2026-01-05T12:00:00Z", "to": "2026-01-10T12:00:00Z"})

    whole, part = await counted(all_), await counted(page)
    series = (await view(page, "trends", "metric=calls")).json()["series"][0]["points"]

    assert (whole["value"], whole["previous"]) == (4, 1)
    # the fifth and the tenth are shown in part only, so these days are left out
    assert (part["value"], part["previous"]) == (2, 0)
    assert sum(point["value"] for point in series) == 2


async def test_what_calls_cost_is_not_for_pages(house: House) -> None:
    await fill(house)
    page = await page_with(house)

    overview = (await view(page, "overview")).json()
    trend = await view(page, "trends", "metric=cost_total")
    cost = await view(page, "cost")

    assert not any("cost" in tile["key"] for tile in overview["tiles"])
    assert (trend.status_code, cost.status_code) == (403, 403)


async def test_a_key_for_figures_is_narrowed_by_what_figures_know(house: House) -> None:
    ask = {"name": "x", "scopes": ["analytics:read"], "origins": [SITE]}
    path = f"/businesses/{house.resident.bid}/embed-keys"

    refused = await house.resident.ask("POST", path, json={**ask, "filters": {"tag": "portal"}})
    fits = await key_of(house.resident, scopes=["analytics:read"], filters={"agent": "a-1"})

    assert refused.status_code == 422
    assert refused.json()["error_code"] == "FILTER_NOT_IN_FIGURES"
    assert refused.json()["errors"][0]["field"] == "filters.tag"
    assert fits["filters"] == {"agent": "a-1"}
