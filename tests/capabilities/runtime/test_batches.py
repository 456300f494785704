"""Batches: taken at once, answered later, item by item, with what became of each."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from sqlalchemy import func, select, update
from tests.stubs.models import ModelStub
from tests.stubs.vendor import Answer, Request, VendorStub, served

from locutory.app import Server
from locutory.capabilities.runtime.api import Runtime
from locutory.capabilities.runtime.contract import FORGET
from locutory.capabilities.runtime.models import Batch, BatchItem, LlmCall
from locutory.kernel.auth.queries import list_tenants
from locutory.kernel.clock import utc_now
from locutory.kernel.db import Session
from locutory.kernel.jobs import JobSpec, enqueue

if TYPE_CHECKING:
    from tests.conftest import Resident

BATCH = "/api/runtime/llm/batch"
JOBS = "/api/runtime/llm/jobs"
PROGRAM = Path(sys.executable).with_name("locutory")


def items(number: int, **rest: Any) -> list[dict[str, Any]]:
    asked = [{"role": "user", "content": "Question {n}?"}]
    return [
        {"id": f"q{n}", "messages": [{**asked[0], "content": f"Question {n}?"}], **rest}
        for n in range(1, number + 1)
    ]


async def taken(resident: "Resident", body: dict[str, Any]) -> str:
    reply = await resident.ask("POST", BATCH, json=body)
    assert reply.status_code == 202, reply.text
    return str(reply.json()["job_id"])


async def state(resident: "Resident", batch_id: str) -> dict[str, Any]:
    body: dict[str, Any] = (await resident.ask("GET", f"{JOBS}/{batch_id}")).json()
    return body


async def lines(resident: "Resident", batch_id: str, **ask: int) -> tuple[list[Any], str | None]:
    reply = await resident.ask("GET", f"{JOBS}/{batch_id}/results", params=ask)
    assert reply.headers["content-type"] == "application/x-ndjson"
    found = [json.loads(line) for line in reply.text.splitlines()]
    return found, reply.headers.get("x-next-after")


async def test_a_batch_is_answered_and_read_in_pages(ours: "Resident", server: Server) -> None:
    batch_id = await taken(ours, {"items": items(5), "max_concurrency": 2})
    assert (await state(ours, batch_id))["state"] == "queued"

    await server.worker().drain()

    told = await state(ours, batch_id)
    assert (told["state"], told["total"], told["done"], told["failed"]) == ("completed", 5, 5, 0)
    first, following = await lines(ours, batch_id, limit=3)
    rest, end = await lines(ours, batch_id, limit=3, after=int(following or 0))
    assert [line["id"] for line in (*first, *rest)] == ["q1", "q2", "q3", "q4", "q5"]
    assert end is None
    assert first[0]["answer"]["text"] == "Good morning, how may I help?"


async def test_an_item_that_fails_for_good_fails_alone(
    ours: "Resident", server: Server, house: ModelStub
) -> None:
    refusal = Answer(400, {"error": {"message": "no such thing"}})
    house.fail("", refusal)

    batch_id = await taken(ours, {"items": items(3), "max_concurrency": 1})
    await server.worker().drain()

    assert (await state(ours, batch_id))["state"] == "partial"
    [failed, *done], _ = await lines(ours, batch_id)
    assert (failed["state"], failed["error_code"], failed["tries"]) == (
        "failed",
        "LLM_REQUEST_REFUSED",
        1,
    )
    assert failed["answer"] is None
    assert [line["state"] for line in done] == ["done", "done"]


async def test_what_passes_is_tried_again_by_the_job(
    ours: "Resident", server: Server, house: ModelStub
) -> None:
    house.fail("", Answer(503, {"error": {"message": "down"}}), times=2)

    batch_id = await taken(ours, {"items": items(1, provider="house")})
    await server.worker().drain(skip_delays=True)

    [line], _ = await lines(ours, batch_id)
    assert (line["state"], line["tries"]) == ("done", 2)
    assert (await state(ours, batch_id))["state"] == "completed"


async def test_what_does_not_pass_fails_after_three_tries(
    ours: "Resident", server: Server, house: ModelStub
) -> None:
    house.fail("", Answer(503, {"error": {"message": "down"}}), times=99)

    batch_id = await taken(ours, {"items": items(1, provider="house")})
    await server.worker().drain(skip_delays=True)

    [line], _ = await lines(ours, batch_id)
    assert (line["state"], line["tries"], line["error_code"]) == ("failed", 3, "LLM_UNAVAILABLE")
    assert (await state(ours, batch_id))["state"] == "failed"


async def test_nothing_of_it_is_stored_in_the_clear(
    ours: "Resident", server: Server, tmp_path: Path, house: ModelStub
) -> None:
    house.text = "An answer that nobody else reads."
    await taken(ours, {"items": items(1)})
    await server.worker().drain()

    stored = content_of(tmp_path)
    for words in (b"Question 1", b"nobody else reads"):
        assert words not in stored


def content_of(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.glob("locutory.db*"))


async def test_another_business_sees_no_batch(ours: "Resident", theirs: "Resident") -> None:
    batch_id = await taken(theirs, {"items": items(1)})

    for path in (f"{JOBS}/{batch_id}", f"{JOBS}/{batch_id}/results"):
        reply = await ours.ask("GET", path)
        assert (reply.status_code, reply.json()["error_code"]) == (404, "LLM_BATCH_NOT_FOUND")


@pytest.mark.parametrize(
    "body",
    [
        {"items": []},
        {"items": items(1) * 2},
        {"items": items(1001)},
        {"items": items(1), "max_concurrency": 17},
    ],
    ids=["none", "twice", "too many", "too wide"],
)
async def test_what_is_no_batch_is_refused(ours: "Resident", body: dict[str, Any]) -> None:
    assert (await ours.ask("POST", BATCH, json=body)).status_code == 422


class Listener(VendorStub):
    """An address of the caller's own."""

    def handle(self, request: Request) -> Answer:
        return Answer(204, b"")


async def test_an_address_is_told_of_the_end(ours: "Resident", server: Server) -> None:
    with served(Listener()) as listener:
        listener.fail("/done", Answer(503, {}))
        address = f"{listener.url}/done?key=secret-of-the-caller"
        batch_id = await taken(ours, {"items": items(2), "callback_url": address})
        before = await state(ours, batch_id)
        await server.worker().drain(skip_delays=True)
        first, second = listener.asked("POST", "/done")

    told = await state(ours, batch_id)
    assert (before["callback"], told["callback"]) == ("waiting", "told")
    assert first.json() == second.json() == {k: v for k, v in told.items() if k != "callback"}
    assert (second.json()["state"], second.json()["done"]) == ("completed", 2)
    assert second.headers["x-locutory-batch-id"] == batch_id
    assert second.query == {"key": ["secret-of-the-caller"]}


async def test_an_address_that_never_answers_is_given_up(ours: "Resident", server: Server) -> None:
    with served(Listener()) as listener:
        listener.fail("/done", Answer(500, {}), times=99)
        body = {"items": items(1), "callback_url": f"{listener.url}/done"}
        batch_id = await taken(ours, body)
        await server.worker().drain(skip_delays=True)

    told = await state(ours, batch_id)
    assert (told["state"], told["callback"]) == ("completed", "failed")


async def test_an_address_is_not_stored_in_the_clear(ours: "Resident", tmp_path: Path) -> None:
    body = {"items": items(1), "callback_url": "http://127.0.0.1:9/?key=secret-of-the-caller"}
    await taken(ours, body)

    assert b"secret-of-the-caller" not in content_of(tmp_path)


async def test_an_address_inside_the_house_is_refused(ours: "Resident") -> None:
    body = {"items": items(1), "callback_url": "http://169.254.169.254/latest"}

    reply = await ours.ask("POST", BATCH, json=body)

    assert (reply.status_code, reply.json()["error_code"]) == (422, "URL_BLOCKED")


async def test_a_batch_that_is_cancelled_asks_nothing_more(
    ours: "Resident", server: Server, house: ModelStub
) -> None:
    with served(Listener()) as listener:
        body = {"items": items(3), "callback_url": f"{listener.url}/done"}
        batch_id = await taken(ours, body)

        cancelled = await ours.ask("POST", f"{JOBS}/{batch_id}/cancel")
        again = await ours.ask("POST", f"{JOBS}/{batch_id}/cancel")
        await server.worker().drain()
        [told] = listener.asked("POST", "/done")

    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
    assert again.json() == cancelled.json()
    assert house.seen == []
    assert (told.json()["state"], told.json()["cancelled"]) == ("cancelled", 3)
    assert [line["state"] for line in (await lines(ours, batch_id))[0]] == ["cancelled"] * 3


async def test_cancelling_keeps_what_was_answered(
    ours: "Resident", server: Server, house: ModelStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, answering = asyncio.get_running_loop(), house.handle
    batch_id = await taken(ours, {"items": items(4), "max_concurrency": 1})

    def handle(request: Request) -> Answer:
        if len(house.seen) == 2:
            asked = ours.ask("POST", f"{JOBS}/{batch_id}/cancel")
            asyncio.run_coroutine_threadsafe(asked, loop).result(30)
        return answering(request)

    monkeypatch.setattr(house, "handle", handle)
    await server.worker().drain()

    states = [line["state"] for line in (await lines(ours, batch_id))[0]]
    assert states == ["done", "cancelled", "cancelled", "cancelled"]
    assert len(house.seen) == 2
    assert (await state(ours, batch_id))["state"] == "cancelled"


async def test_what_has_ended_is_not_cancelled(
    ours: "Resident", theirs: "Resident", server: Server
) -> None:
    batch_id = await taken(ours, {"items": items(1)})
    await server.worker().drain()

    over = await ours.ask("POST", f"{JOBS}/{batch_id}/cancel")
    foreign = await theirs.ask("POST", f"{JOBS}/{batch_id}/cancel")

    assert (over.status_code, over.json()["error_code"]) == (409, "LLM_BATCH_OVER")
    assert (foreign.status_code, foreign.json()["error_code"]) == (404, "LLM_BATCH_NOT_FOUND")


async def test_what_is_past_its_days_goes(ours: "Resident", server: Server) -> None:
    old = await taken(ours, {"items": items(2)})
    await server.worker().drain()
    new = await taken(ours, {"items": items(1)})
    await server.worker().drain()
    await server.services.get(Runtime).ledger.flush()
    async with server.storage.read(None) as session:
        found = await list_tenants(session, after=None, limit=10)
    [tenant] = [one for one in found if one.slug == ours.bid]
    db = server.storage.database(tenant.id)

    async def age(tx: Session) -> None:
        ended = utc_now() - timedelta(days=31)
        await tx.execute(update(Batch).where(Batch.id == UUID(old)).values(finished_at=ended))
        first = select(LlmCall.id).order_by(LlmCall.id).limit(1).scalar_subquery()
        long_ago = utc_now() - timedelta(days=401)
        await tx.execute(update(LlmCall).where(LlmCall.id == first).values(created_at=long_ago))

    await db.write(age)
    await server.storage.database().write(lambda tx: enqueue(tx, JobSpec(kind=FORGET)))
    await server.worker().drain()

    async with db.read() as session:
        left = [await session.scalar(select(func.count(m.id))) for m in (Batch, BatchItem, LlmCall)]
    assert left == [1, 1, 2]
    assert (await ours.ask("GET", f"{JOBS}/{old}")).status_code == 404
    assert (await ours.ask("GET", f"{JOBS}/{new}")).status_code == 200


async def test_a_batch_goes_on_after_its_worker_was_killed(
    ours: "Resident",
    server: Server,
    house: ModelStub,
    models_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    silent, answering = True, house.handle

    def handle(request: Request) -> Answer:
        if silent and len(house.seen) > 6:
            return Answer(body=b"{", stalls=True)
        return answering(request)

    monkeypatch.setattr(house, "handle", handle)
    environment = {
        **os.environ,
        "LOCUTORY_DATA_DIR": str(server.settings.data_dir),
        "LOCUTORY_DATABASE__URL": str(server.settings.database.url),
        "LOCUTORY_LLM__CONFIG": str(models_file),
        "LOCUTORY_JOBS__LEASE_S": "4",
    }
    command = [str(PROGRAM), "worker", "--queue", "runtime"]

    def start() -> "subprocess.Popen[bytes]":
        with (tmp_path / "worker.log").open("ab") as log:
            return subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=tmp_path)

    batch_id = await taken(ours, {"items": items(12), "max_concurrency": 2})
    first = start()
    try:
        async with asyncio.timeout(60):
            while (await state(ours, batch_id))["done"] < 6:
                await asyncio.sleep(0.05)
        before = {line["id"] for line in (await lines(ours, batch_id))[0] if line["answer"]}
    finally:
        first.send_signal(signal.SIGKILL)
        first.wait()
    asked_before = len(house.seen)
    silent = False

    second = start()
    try:
        async with asyncio.timeout(60):
            while (await state(ours, batch_id))["finished_at"] is None:
                await asyncio.sleep(0.05)
    finally:
        second.terminate()
        second.wait()

    assert (await state(ours, batch_id))["state"] == "completed"
    again = [request.json()["messages"][-1]["content"] for request in house.seen[asked_before:]]
    assert sorted(again) == sorted(f"Question {n}?" for n in range(1, 13) if f"q{n}" not in before)
