"""Batches: taken at once, answered later, item by item, with what became of each."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.stubs.models import ModelStub
from tests.stubs.vendor import Answer, Request

from locutory.app import Server

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
