"""taskiq on a Redis list: three tasks, each sending the next, in one process as ours is."""

import argparse
import asyncio
import json
import time

import uvloop
from taskiq.api import run_receiver_task
from taskiq_redis import ListQueueBroker

from benches.queue_child import cpu_s

left = 0
done = asyncio.Event()
broker = ListQueueBroker("redis://127.0.0.1:6379/13", queue_name="locutory_bench")


@broker.task
async def notify(n: int) -> None:
    global left
    left -= 1
    if left == 0:
        done.set()


@broker.task
async def analyze(n: int) -> None:
    await notify.kiq(n)


@broker.task
async def transcribe(n: int) -> None:
    await analyze.kiq(n)


async def measure(calls: int, slots: int) -> dict[str, float]:
    global left
    left = calls
    await broker.startup()
    stop = asyncio.Event()
    began_cpu, began = cpu_s(), time.perf_counter()
    for n in range(calls):
        await transcribe.kiq(n)
    receiver = asyncio.create_task(run_receiver_task(broker, max_async_tasks=slots))
    await done.wait()
    wall, cpu = time.perf_counter() - began, cpu_s() - began_cpu
    stop.set()
    receiver.cancel()
    await asyncio.gather(receiver, return_exceptions=True)
    await broker.shutdown()
    return {"wall_s": wall, "cpu_us_per_call": cpu / calls * 1e6, "calls_per_s": calls / wall}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", type=int)
    parser.add_argument("--slots", type=int, default=64)
    asked = parser.parse_args()
    print(json.dumps(uvloop.run(measure(asked.calls, asked.slots))))
