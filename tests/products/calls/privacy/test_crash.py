"""kill -9 in the middle of an erasure: whoever comes next finishes it."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.products.calls.privacy.conftest import House

pytestmark = pytest.mark.both_databases

PHONE, NAME, WORD = "+91 98123 45678", "Quillonia", "zebraquux"
SAID = f"My name is {NAME} and I bought the {WORD}."
DEADLINE_S = 60
DEATHS = ("db.before_commit:3", "db.committed:4", "db.before_commit:6", "db.committed:9")


async def worker(house: "House", log: Path, failpoint: str = "") -> asyncio.subprocess.Process:
    """A process of its own that works the queues of this installation."""
    env = {
        "PATH": os.environ["PATH"],
        "LOCUTORY_DATA_DIR": str(house.server.settings.data_dir),
        "LOCUTORY_DATABASE__URL": house.server.storage.url,
        "LOCUTORY_JOBS__LEASE_S": "1.2",
        "LOCUTORY_JOBS__MAX_LOST": "1000",
        "LOCUTORY_FAILPOINT": failpoint,
    }
    with log.open("ab") as output:
        return await asyncio.create_subprocess_exec(
            *(Path(sys.executable).with_name("locutory"), "worker"),
            env=env,
            stdout=output,
            stderr=output,
        )


async def finished(house: "House", request: dict[str, Any]) -> dict[str, Any]:
    async with asyncio.timeout(DEADLINE_S):
        while (found := await house.receipt(request))["state"] == "running":
            await asyncio.sleep(0.1)
    done: dict[str, Any] = found
    return done


@pytest.mark.chaos
async def test_an_erasure_survives_kill_9_anywhere(house: "House", tmp_path: Path) -> None:
    for number in range(3):
        await house.hear(f"p-{number}", SAID, customer_phone=PHONE)
    await house.told("POST", "/exports/{bid}", 202, json={"kind": "segments", "format": "csv"})
    await house.work()
    assert {NAME, WORD} <= (await house.keeping([NAME, WORD])).keys()
    request = await house.erase(phone=PHONE)
    log = tmp_path.parent / f"{tmp_path.name}.log"

    for failpoint in DEATHS:
        process = await worker(house, log, failpoint)
        async with asyncio.timeout(DEADLINE_S):
            assert await process.wait() == -signal.SIGKILL, log.read_text()
    last = await worker(house, log)
    done = await finished(house, request)
    last.terminate()
    await last.wait()

    assert (done["state"], done["total"], done["done"]) == ("done", 3, 3)
    assert done["counts"]["exports"] == 1
    assert await house.keeping([NAME, WORD]) == {}
