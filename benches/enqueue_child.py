"""One process that puts jobs into the engine, or picks single ones up while it is idle."""

import argparse
import asyncio
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import uvloop
from sqlalchemy import text

import locutory.kernel.audit.models
import locutory.kernel.events.models  # noqa: F401 - every table of the kernel
from locutory.kernel.db import Storage
from locutory.kernel.db.migrate import migrate
from locutory.kernel.jobs import Context, JobKind, JobSpec, Registry, Worker, enqueue

BATCH = 500


def waits(seconds: Sequence[float]) -> dict[str, float]:
    """Median and 99th percentile in milliseconds."""
    ordered = sorted(seconds)
    last = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return {"p50_ms": statistics.median(ordered) * 1000, "p99_ms": last * 1000}


async def bulk(storage: Storage, count: int) -> dict[str, float]:
    """Put so many jobs there, 500 in a commit, each commit synced."""
    db = storage.database(UUID(int=1))
    began = time.perf_counter()
    for first in range(0, count, BATCH):
        numbers = range(first, min(first + BATCH, count))
        specs = [JobSpec(kind="k", payload={"n": n}) for n in numbers]
        await db.write(lambda tx, specs=specs: enqueue(tx, *specs))
    wall = time.perf_counter() - began
    async with storage.read(None) as session:
        stored = await session.scalar(text("SELECT count(*) FROM kernel_job"))
    return {"per_s": count / wall, "lost": count - int(stored or 0)}


async def pickup(
    storage: Storage, registry: Registry, arrived: asyncio.Queue[float], count: int
) -> dict[str, float]:
    """Put single jobs into an idle engine; how long until each begins, its commit included."""
    stop = asyncio.Event()
    running = asyncio.create_task(Worker(storage, registry, {"q": 30}).run(stop))
    db = storage.database(UUID(int=1))
    seconds = []
    for n in range(count + 5):
        await asyncio.sleep(0.02)
        began = time.perf_counter()
        await db.write(lambda tx: enqueue(tx, JobSpec(kind="k")))
        at = await arrived.get()
        if n >= 5:  # the first ones warm up
            seconds.append(at - began)
    stop.set()
    await running
    return {**waits(seconds), "picked": len(seconds)}


async def measure(asked: argparse.Namespace, url: str) -> dict[str, float]:
    storage = Storage(url)
    await storage.open()
    arrived: asyncio.Queue[float] = asyncio.Queue()

    async def arrive(ctx: Context) -> None:
        arrived.put_nowait(time.perf_counter())

    registry = Registry([JobKind(kind="k", queue="q", handler=arrive)])
    storage.shared["registry"] = registry
    if asked.what == "bulk":
        figures = await bulk(storage, asked.count)
    else:
        figures = await pickup(storage, registry, arrived, asked.count)
    await storage.close()
    return figures


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("bulk", "pickup"))
    parser.add_argument("--count", type=int, default=2000)
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="locutory-bench-"))
    try:
        url = f"sqlite+aiosqlite:///{folder / 'bench.db'}"
        migrate(url)
        print(json.dumps(uvloop.run(measure(asked, url))))
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
