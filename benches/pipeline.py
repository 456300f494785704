"""The job engine: how little a call costs, how well slots are used, how flat a claim stays."""

import asyncio
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from uuid import UUID

import uvloop

from benches.common import (
    REDIS_PORT,
    Figures,
    Measure,
    Options,
    Report,
    answers,
    child,
    interleave,
    ratios,
    run_cases,
)
from benches.queue_child import cpu_s
from locutory.kernel.db import Session, Storage
from locutory.kernel.db.migrate import migrate
from locutory.kernel.jobs import JobKind, JobSpec, Registry, Worker, enqueue, queue

DURABILITY = "ours syncs to disk before it answers, the peers' Redis keeps nothing on disk"


def ours(calls: int, slots: int = 64, stt: float = 0.0, llm: float = 0.0) -> Figures:
    figures = child(
        "benches.queue_child", "--calls", calls, "--slots", slots, "--stt", stt, "--llm", llm
    )
    if figures["lost"] or figures["doubled"]:
        raise RuntimeError(f"wrong work: {figures}")
    return figures


def efficiency(report: Report, options: Options) -> None:
    runs = [ours(1000, 64, 0.3, 0.1) for _ in range(options.rounds)]
    values = [run["efficiency"] for run in runs]
    report.value("PA1", "efficiency 1k calls, 64 slots, 300+100 ms", values, ">=0.95")


def against_peers(report: Report, options: Options) -> None:
    if not answers(REDIS_PORT):
        report.skip("PA4", "no Redis at 127.0.0.1:6379 for taskiq and dramatiq")
        report.skip("PA6", "no Redis at 127.0.0.1:6379 for taskiq and dramatiq")
        return
    calls = 3000 if options.full else 600
    peers: dict[str, Measure] = {
        name: lambda name=name: child(f"benches.peers.{name}_chain", "--calls", calls)  # type: ignore[misc]
        for name in ("taskiq", "dramatiq")
    }
    first, second, theirs = interleave(lambda: ours(calls), peers, options.rounds)
    for id_, key, pick, target in (
        ("PA4", "cpu_us_per_call", min, "<=0.5"),
        ("PA6", "calls_per_s", max, ">=3"),
    ):
        best = [pick(runs, key=lambda run: run[key]) for runs in zip(*theirs.values(), strict=True)]
        names = {
            next(name for name, runs in theirs.items() if runs[i] is run)
            for i, run in enumerate(best)
        }
        report.value(
            id_,
            f"no-op three-stage call, {key}",
            ratios(first, best, key),
            target,
            peer="/".join(sorted(names)),
            aa=ratios(second, first, key),
            note=f"ours {first[-1][key]:.0f}, peer {best[-1][key]:.0f}; {DURABILITY}",
        )


def bulk_enqueue(report: Report, options: Options) -> None:
    if not answers(REDIS_PORT):
        report.skip("PA7", "no Redis at 127.0.0.1:6379 for dramatiq")
        return
    count = 20_000 if options.full else 4000

    def peer() -> Figures:
        return child("benches.peers.dramatiq_queue", "bulk", "--count", count)

    first, second, theirs = interleave(lambda: enqueued(count), {"dramatiq": peer}, options.rounds)
    report.value(
        "PA7",
        f"bulk enqueue of {count}, per second",
        ratios(first, theirs["dramatiq"], "per_s"),
        ">=10",
        peer="dramatiq",
        aa=ratios(second, first, "per_s"),
        note=f"ours {first[-1]['per_s']:.0f}; {DURABILITY}",
    )


def enqueued(count: int) -> Figures:
    """Ours; every job must be there."""
    figures = child("benches.enqueue_child", "bulk", "--count", count)
    if figures["lost"]:
        raise RuntimeError(f"wrong work: {figures}")
    return figures


def idle_pickup(report: Report, options: Options) -> None:
    count = 500 if options.full else 100

    def mine() -> Figures:
        return child("benches.enqueue_child", "pickup", "--count", count)

    if not answers(REDIS_PORT):
        report.skip("PA9", "no Redis at 127.0.0.1:6379 for dramatiq")
        return

    def peer() -> Figures:
        return child("benches.peers.dramatiq_queue", "pickup", "--count", count)

    first, second, theirs = interleave(mine, {"dramatiq": peer}, options.rounds)
    report.value(
        "PA9",
        "pickup on an idle queue, p50",
        ratios(first, theirs["dramatiq"], "p50_ms"),
        "<=1.0",
        peer="dramatiq",
        aa=ratios(second, first, "p50_ms"),
        note=f"ours {first[-1]['p50_ms']:.2f} ms; {DURABILITY}",
    )
    slowest = [run["p99_ms"] for run in (*first, *second)]
    report.value("PA9", "pickup on an idle queue, p99 in ms", slowest, "<=50")


async def claim_cost_us(url: str, queued: int, claims: int = 400) -> float:
    """CPU of claiming one job with so many queued, in a transaction each."""
    storage = Storage(url)
    await storage.open()

    async def never(ctx: object) -> None: ...

    registry = Registry([JobKind(kind="n", queue="q", handler=never)])
    storage.shared["registry"] = registry
    for tenant in range(1, 11):
        db = storage.database(UUID(int=tenant))
        for start in range(0, queued // 10, 2000):
            count = min(2000, queued // 10 - start)
            await db.write(
                lambda tx, count=count: enqueue(tx, *(JobSpec(kind="n") for _ in range(count)))
            )
    worker = Worker(storage, registry, {"q": 10_000})

    async def one(tx: Session) -> None:
        at_ms = await queue.clock_ms(tx)
        if len(await worker._claim_fairly(tx, "q", 1, at_ms)) != 1:
            raise RuntimeError("nothing was claimed")

    db = storage.database()
    for _ in range(20):
        await db.write(one)
    began = time.process_time()
    for _ in range(claims):
        await db.write(one)
    cost = (time.process_time() - began) / claims * 1e6
    await storage.close()
    return cost


def claim_flatness(report: Report, options: Options) -> None:
    large = 1_000_000 if options.full else 100_000
    folder = Path(tempfile.mkdtemp(prefix="locutory-bench-"))
    try:
        costs: dict[int, list[float]] = {1000: [], large: []}
        for round_ in range(options.rounds if not options.full else 3):
            for size, values in costs.items():
                url = f"sqlite+aiosqlite:///{folder / f'{size}-{round_}.db'}"
                migrate(url)
                values.append(uvloop.run(claim_cost_us(url, size)))
        values = [big / small for small, big in zip(*costs.values(), strict=True)]
        report.value("PA8", f"CPU of a claim with {large} queued vs 1000", values, "<=1.3")
    finally:
        shutil.rmtree(folder)


async def _idle(url: str, seconds: float) -> float:
    storage = Storage(url)
    await storage.open()

    async def never(ctx: object) -> None: ...

    registry = Registry(JobKind(kind=f"n{i}", queue=f"q{i}", handler=never) for i in range(5))
    storage.shared["registry"] = registry
    worker = Worker(storage, registry, {f"q{i}": 30 for i in range(5)})
    stop = asyncio.Event()
    running = asyncio.create_task(worker.run(stop))
    await asyncio.sleep(2)
    began, at = cpu_s(), time.perf_counter()
    await asyncio.sleep(seconds)
    share = (cpu_s() - began) / (time.perf_counter() - at)
    stop.set()
    await running
    await storage.close()
    return share * 100


def idle(report: Report, options: Options) -> None:
    folder = Path(tempfile.mkdtemp(prefix="locutory-bench-"))
    try:
        url = f"sqlite+aiosqlite:///{folder / 'idle.db'}"
        migrate(url)
        values = [
            child("benches.pipeline", "--child-idle", url)["percent"] for _ in range(options.rounds)
        ]
        report.value("PA14", "idle worker, per cent of a core", values, "<=0.5")
    finally:
        shutil.rmtree(folder)


CASES = {
    "PA1": efficiency,
    "PA4": against_peers,
    "PA7": bulk_enqueue,
    "PA9": idle_pickup,
    "PA8": claim_flatness,
    "PA14": idle,
}


def main() -> int:
    if sys.argv[1:2] == ["--child-idle"]:
        print(json.dumps({"percent": uvloop.run(_idle(sys.argv[2], 10))}))
        return 0
    return run_cases("pipeline", CASES)


if __name__ == "__main__":
    sys.exit(main())
