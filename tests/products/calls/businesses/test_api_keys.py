"""API keys below a business: the one key handler, with names for groups of scopes."""

import pytest
from tests.conftest import Resident

pytestmark = pytest.mark.both_databases


async def test_groups_stand_for_scopes_and_both_routes_show_the_same_keys(ours: Resident) -> None:
    path = f"/businesses/{ours.bid}/api-keys"

    made = await ours.ask("POST", path, json={"name": "Dialler", "scopes": ["ingest", "read"]})
    here = (await ours.ask("GET", path)).json()
    there = (await ours.ask("GET", "/api/auth/keys")).json()

    assert made.status_code == 201
    assert made.json()["scopes"] == ["calls:ingest", "calls:read"]
    assert here == there
    assert made.json()["id"] in [key["id"] for key in here["items"]]


async def test_a_managing_key_configures_but_reads_no_raw_words(ours: Resident) -> None:
    path = f"/businesses/{ours.bid}/api-keys"
    made = (await ours.ask("POST", path, json={"name": "Ops", "scopes": ["manage"]})).json()

    config = await ours.ask("GET", f"/pipeline/{ours.bid}/config", token=made["key"])
    raw = f"/call-records/{ours.bid}/any/transcript?raw=true"
    refused = await ours.ask("GET", raw, token=made["key"])
    more = await ours.ask("POST", path, json={"name": "x", "scopes": ["read"]}, token=made["key"])

    assert config.status_code == 200
    assert (refused.status_code, more.status_code) == (403, 403)


async def test_a_key_is_made_for_the_business_of_the_path(ours: Resident, theirs: Resident) -> None:
    path = f"/businesses/{theirs.bid}/api-keys"
    key_id = f"{path}/{theirs.key_id}"

    foreign = await ours.ask("POST", path, json={"name": "x", "scopes": ["read"]})
    taken = await ours.ask("DELETE", key_id)
    own = await theirs.ask("DELETE", key_id)
    again = await theirs.ask("DELETE", key_id)

    assert (foreign.status_code, taken.status_code) == (404, 404)
    assert (own.status_code, again.status_code) == (204, 404)


async def test_an_unknown_group_is_named(ours: Resident) -> None:
    ask = {"name": "x", "scopes": ["everything"]}

    reply = await ours.ask("POST", f"/businesses/{ours.bid}/api-keys", json=ask)

    assert reply.status_code == 422
    assert reply.json()["errors"][0]["code"] == "SCOPE_UNKNOWN"
