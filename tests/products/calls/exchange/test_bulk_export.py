"""Chosen calls become an export by one request."""

from typing import Any

import pytest
from tests.conftest import Resident
from tests.products.calls.exchange.test_exports import hear, settle, table

from locutory.app import Server

pytestmark = pytest.mark.both_databases


async def start(ours: Resident, callids: list[str], **params: Any) -> Any:
    ask = {"action": "export", "params": params, "callids": callids, "confirm_count": len(callids)}
    return await ours.ask("POST", f"/call-records/{ours.bid}/bulk", json=ask)


async def test_the_chosen_calls_are_exported(server: Server, ours: Resident) -> None:
    await hear(server, ours, "a", "b", "c")

    started = await start(ours, ["a", "c"], kind="calls", format="csv", columns=["callid"])
    await settle(server)
    path = f"/call-records/{ours.bid}/bulk/{started.json()['job_id']}"
    ended = (await ours.ask("GET", path)).json()
    made = (await ours.ask("GET", f"/exports/{ours.bid}")).json()["items"]
    file = await ours.ask("GET", f"/exports/{ours.bid}/{made[0]['id']}/download")

    assert (ended["state"], ended["done"]) == ("done", 2)
    assert [(one["state"], one["rows"]) for one in made] == [("done", 2)]
    assert made[0]["filter"] == {"callids": ["a", "c"]}
    assert sorted(row["callid"] for row in table(file.content)) == ["a", "c"]


@pytest.mark.parametrize(
    "params",
    [
        {"kind": "audit", "format": "csv"},
        {"kind": "calls", "format": "csv", "filter": {"status": "done"}},
        {"kind": "calls", "format": "stone"},
        {"format": "csv"},
    ],
)
async def test_what_is_no_export_of_these_calls_is_refused(
    server: Server, ours: Resident, params: dict[str, Any]
) -> None:
    reply = await start(ours, ["a"], **params)

    assert reply.status_code == 422
    assert reply.json()["errors"][0]["field"].startswith("params")


async def test_whoever_may_not_export_may_not_do_so_by_bulk(server: Server, ours: Resident) -> None:
    ask = {"name": "no exports", "scopes": ["calls:read", "calls:write"]}
    key = (await ours.ask("POST", "/api/auth/keys", json=ask)).json()["key"]
    body = {"action": "export", "params": {"kind": "calls", "format": "csv"}}
    body |= {"callids": ["a"], "confirm_count": 0}

    reply = await ours.ask("POST", f"/call-records/{ours.bid}/bulk", json=body, token=key)

    assert reply.json()["error_code"] == "SCOPE_MISSING"
