"""One process that works a three-stage call through the job engine and prints its figures."""

import argparse
import asyncio
import json
import resource
import shutil
import tempfile
import time
from pathlib import Path
from uuid import UUID

import uvloop

import locutory.kernel.audit.models
import locutory.kernel.events.models  # noqa: F401 - every table of the kernel
from locutory.kernel.db import Storage
from locutory.kernel.db.migrate import migrate
from locutory.kernel.jobs import Context, JobKind, JobSpec, Registry, Worker, enqueue

STAGES = ("transcribe", "analyze", "notify")


def cpu_s() -> float:
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in (
            resource.getrusage(resource.RUSAGE_SELF),
            resource.getrusage(resource.RUSAGE_CHILDREN),
        )
    )


class Pipeline:
    """Three stages that wait as long as a provider would and hand on."""

    def __init__(self, latencies: tuple[float, float], total: int) -> None:
        self.latencies = latencies
        self.left = total
        self.done = asyncio.Event()
        self.ended: list[tuple[int, float]] = []
        self.seen: set[str] = set()
        self.doubled = 0

    async def transcribe(self, ctx: Context) -> JobSpec:
        if self.latencies[0]:
            await asyncio.sleep(self.latencies[0])
        return JobSpec(kind="analyze", payload=ctx.payload)

    async def analyze(self, ctx: Context) -> JobSpec:
        if self.latencies[1]:
            await asyncio.sleep(self.latencies[1])
        return JobSpec(kind="notify", payload=ctx.payload)

    async def notify(self, ctx: Context) -> None:
        key = f"{ctx.job.tenant_id}:{ctx.payload['n']}"
        self.doubled += key in self.seen
        self.seen.add(key)
        self.ended.append((ctx.job.tenant_id.int, time.perf_counter()))
        self.left -= 1
        if self.left == 0:
            self.done.set()


async def measure(asked: argparse.Namespace, url: str) -> dict[str, float]:
    storage = Storage(url)
    await storage.open()
    backlogs = [int(part) for part in asked.calls.split(",")]
    pipeline = Pipeline((asked.stt, asked.llm), sum(backlogs))
    registry = Registry(
        JobKind(kind=stage, queue=stage, handler=getattr(pipeline, stage)) for stage in STAGES
    )
    storage.shared["registry"] = registry
    worker = Worker(storage, registry, dict.fromkeys(STAGES, asked.slots))
    stop = asyncio.Event()

    began_cpu, began = cpu_s(), time.perf_counter()
    for tenant, count in enumerate(backlogs, start=1):
        db = storage.database(UUID(int=tenant))
        for start in range(0, count, 100):
            specs = [
                JobSpec(kind="transcribe", payload={"n": n})
                for n in range(start, min(count, start + 100))
            ]
            await db.write(lambda tx, specs=specs: enqueue(tx, *specs))
    enqueued = time.perf_counter()
    running = asyncio.create_task(worker.run(stop))
    await pipeline.done.wait()
    wall, cpu = time.perf_counter() - began, cpu_s() - began_cpu
    stop.set()
    await running
    await storage.close()

    total = sum(backlogs)
    ends = {
        f"end_{tenant}": max(t for who, t in pipeline.ended if who == tenant) - enqueued
        for tenant in range(1, len(backlogs) + 1)
    }
    waves = -(-total // asked.slots)
    ideal = waves * max(asked.stt, asked.llm) + min(asked.stt, asked.llm)
    return {
        "wall_s": wall,
        "cpu_us_per_call": cpu / total * 1e6,
        "calls_per_s": total / wall,
        "efficiency": ideal / wall,
        "doubled": pipeline.doubled,
        "lost": total - len(pipeline.seen),
        **ends,
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", default="1000", help="backlog of each tenant, by commas")
    parser.add_argument("--slots", type=int, default=64)
    parser.add_argument("--stt", type=float, default=0.0)
    parser.add_argument("--llm", type=float, default=0.0)
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
