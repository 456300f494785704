"""dramatiq on Redis: bulk sends, pickup on an idle queue, and two tenants in one queue."""

import argparse
import json
import queue
import threading
import time

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from benches.enqueue_child import waits

broker = RedisBroker(url="redis://127.0.0.1:6379/13", namespace="locutory_bench")
dramatiq.set_broker(broker)
arrived: queue.SimpleQueue[float] = queue.SimpleQueue()
ended: dict[int, float] = {}
left: dict[int, int] = {}
lock = threading.Lock()
done = threading.Event()


@dramatiq.actor
def arrive() -> None:
    arrived.put(time.perf_counter())


@dramatiq.actor
def hear(tenant: int, seconds: float) -> None:
    time.sleep(seconds)
    with lock:
        left[tenant] -= 1
        ended[tenant] = time.perf_counter()
        if not any(left.values()):
            done.set()


def bulk(count: int) -> dict[str, float]:
    began = time.perf_counter()
    for _ in range(count):
        arrive.send()
    wall = time.perf_counter() - began
    stored = broker.client.hlen(f"locutory_bench:{arrive.queue_name}.msgs")
    return {"per_s": count / wall, "lost": count - stored}


def pickup(count: int) -> dict[str, float]:
    worker = dramatiq.Worker(broker, worker_threads=8, worker_timeout=100)
    worker.start()
    seconds = []
    for n in range(count + 5):
        time.sleep(0.02)
        began = time.perf_counter()
        arrive.send()
        at = arrived.get(timeout=30)
        if n >= 5:
            seconds.append(at - began)
    worker.stop()
    return {**waits(seconds), "picked": len(seconds)}


def fifo(backlogs: list[int], slots: int, seconds: float) -> dict[str, float]:
    """Each tenant's end after all was sent, where the first come is the first served."""
    left.update(enumerate(backlogs, start=1))
    for tenant, count in enumerate(backlogs, start=1):
        for _ in range(count):
            hear.send(tenant, seconds)
    began = time.perf_counter()
    worker = dramatiq.Worker(broker, worker_threads=slots, worker_timeout=100)
    worker.start()
    done.wait()
    worker.stop()
    return {f"end_{tenant}": at - began for tenant, at in ended.items()}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("bulk", "pickup", "fifo"))
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--calls", default="2000,20", help="backlog of each tenant, by commas")
    parser.add_argument("--slots", type=int, default=50)
    parser.add_argument("--stt", type=float, default=0.1)
    asked = parser.parse_args()
    broker.flush_all()
    if asked.what == "bulk":
        figures = bulk(asked.count)
    elif asked.what == "pickup":
        figures = pickup(asked.count)
    else:
        figures = fifo([int(part) for part in asked.calls.split(",")], asked.slots, asked.stt)
    broker.flush_all()
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
