"""dramatiq on Redis: three actors, each sending the next, worker threads in the same process."""

import argparse
import json
import threading
import time

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from benches.queue_child import cpu_s

left = 0
lock = threading.Lock()
done = threading.Event()
broker = RedisBroker(url="redis://127.0.0.1:6379/13", namespace="locutory_bench")
dramatiq.set_broker(broker)


@dramatiq.actor
def notify(n: int) -> None:
    global left
    with lock:
        left -= 1
        if left == 0:
            done.set()


@dramatiq.actor
def analyze(n: int) -> None:
    notify.send(n)


@dramatiq.actor
def transcribe(n: int) -> None:
    analyze.send(n)


def measure(calls: int, threads: int) -> dict[str, float]:
    global left
    left = calls
    broker.flush_all()
    worker = dramatiq.Worker(broker, worker_threads=threads, worker_timeout=100)
    began_cpu, began = cpu_s(), time.perf_counter()
    for n in range(calls):
        transcribe.send(n)
    worker.start()
    done.wait()
    wall, cpu = time.perf_counter() - began, cpu_s() - began_cpu
    worker.stop()
    return {"wall_s": wall, "cpu_us_per_call": cpu / calls * 1e6, "calls_per_s": calls / wall}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", type=int)
    parser.add_argument("--slots", type=int, default=8)
    asked = parser.parse_args()
    print(json.dumps(measure(asked.calls, min(asked.slots, 8))))
