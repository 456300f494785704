"""A business that is deleted leaves nothing but the proof of it."""

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select

from locutory import app
from locutory.engines.blobs import BlobStore
from locutory.kernel.auth import queries
from locutory.kernel.db.tenants import tables_of_tenants
from locutory.products.calls.demo import path

if TYPE_CHECKING:
    from uuid import UUID

    from tests.conftest import Resident

pytestmark = pytest.mark.both_databases


async def tenant_id_of(server: app.Server, bid: str) -> "UUID":
    async with server.storage.read(None) as session:
        tenant = await queries.find_tenant(session, bid)
    assert tenant is not None
    return tenant.id


async def left_of(server: app.Server, tenant_id: "UUID") -> dict[str, int]:
    """How many rows each table has of a business."""
    left = {}
    async with server.storage.read(tenant_id) as session:
        for table in tables_of_tenants():
            count = select(func.count()).where(table.c.tenant_id == tenant_id)
            left[table.name] = await session.scalar(count, execution_options={"fenced": True}) or 0
    return {name: number for name, number in left.items() if number}


async def fill(server: app.Server, resident: "Resident") -> None:
    files = {
        "file": ("a.ogg", path("audio/hc-0003.ogg").read_bytes()),
        "transcript": ("a.json", path("transcripts/hc-0003.json").read_bytes()),
    }
    reply = await resident.ask(
        "POST", f"/ingest/{resident.bid}/audio", files=files, data={"callid": "a"}
    )
    assert reply.status_code == 202
    roster = {"items": [{"external_id": "a-1", "name": "Asha"}]}
    await resident.ask("PUT", f"/businesses/{resident.bid}/floor-agents", json=roster)
    await server.worker().drain(skip_delays=True)
    export = {"kind": "calls", "format": "csv"}
    made = await resident.ask("POST", f"/exports/{resident.bid}", json=export)
    assert made.status_code == 202, made.text
    await server.worker().drain(skip_delays=True)


async def test_rows_files_members_and_keys_go_and_another_business_stays(
    server: app.Server, ours: "Resident", theirs: "Resident"
) -> None:
    for resident in (ours, theirs):
        await fill(server, resident)
    own, others = await tenant_id_of(server, "6004"), await tenant_id_of(server, "7417")
    before = await left_of(server, others)

    reply = await ours.ask("DELETE", "/businesses/6004?confirm=6004")

    assert (reply.status_code, reply.json()) == (202, {"bid": "6004", "status": "deleting"})
    assert (await ours.ask("GET", "/call-records/6004")).status_code == 404
    assert (await ours.ask("GET", "/call-records/6004", token=ours.key)).status_code == 401
    await server.worker().drain(skip_delays=True)
    assert await left_of(server, own) == {}
    assert await left_of(server, others) == before
    blobs = server.services.get(BlobStore)
    for area in ("calls", "exports"):
        assert [key async for key in blobs.keys(f"{area}/{own}")] == []
        assert [key async for key in blobs.keys(f"{area}/{others}")] != []
    async with server.storage.read(None) as session:
        assert await queries.find_tenant(session, "6004") is None
    assert (await theirs.ask("GET", "/call-records/7417/a")).status_code == 200


async def test_nothing_is_deleted_without_the_bid_once_more(
    server: app.Server, ours: "Resident"
) -> None:
    for query in ("", "?confirm=7417"):
        reply = await ours.ask("DELETE", f"/businesses/6004{query}")

        assert (reply.status_code, reply.json()["error_code"]) == (422, "NOT_CONFIRMED")
    await server.worker().drain(skip_delays=True)
    assert (await ours.ask("GET", "/call-records/6004")).status_code == 200
