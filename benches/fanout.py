"""One event to many open pages: how late it comes, whether it comes, what a return finds."""

import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from benches.common import (
    Figures,
    Options,
    Report,
    child,
    interleave,
    ratios,
    run_cases,
)
from benches.serving import Served, scratch, served
from benches.stream_clients import raise_file_limit

SPARE = 200  # descriptors of a server besides its clients


@contextmanager
def our_server() -> Iterator[tuple[Served, str]]:
    """A fresh server and the key of its business."""
    with scratch() as folder:
        key = child("benches.api_child", "prepare", "--data", folder)["key"]
        command = ("-m", "benches.api_child", "serve", "--data", folder)
        with served(*command, log=folder / "server.log") as server:
            yield server, key


def listened(port: int, key: str, clients: int, events: int, per_s: float) -> Figures:
    """What so many clients saw; raises RuntimeError unless all saw everything once."""
    figures = child(
        "benches.stream_clients",
        *("listen", "--port", port, "--key", key, "--clients", clients),
        *("--events", events, "--per-s", per_s),
    )
    if figures["delivered"] != figures["expected"] or figures["repeated"]:
        raise RuntimeError(f"not every event once: {figures}")
    return figures


def ours(clients: int, events: int, per_s: float) -> Figures:
    with our_server() as (server, key):
        return listened(server.port, key, clients, events, per_s)


def queues(clients: int, events: int, per_s: float) -> Figures:
    with served("-m", "benches.peers.queue_streams") as server:
        return listened(server.port, "-", clients, events, per_s)


def returned(port: int, key: str, returns: int, seed: int) -> Figures:
    """Clients that come back while events flow."""
    events = max(20, returns // 20 * 5)
    return child(
        "benches.stream_clients",
        *("return", "--port", port, "--key", key, "--returns", returns),
        *("--events", events, "--per-s", 100, "--seed", seed),
    )


def many_clients(report: Report, options: Options) -> None:
    clients, events = (10_000, 20) if options.full else (1000, 8)
    raise_file_limit()
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < clients + SPARE:
        report.skip("PI1", f"fewer than {clients + SPARE} files may be open")
        return
    lag(report, options, "PI1", (clients, events, 1.0), "<=0.6")


def busy_stream(report: Report, options: Options) -> None:
    seconds = 10 if options.full else 3
    lag(report, options, "PI3", (1000, 20 * seconds, 20.0), "<=1.0")


def lag(
    report: Report, options: Options, id_: str, shape: tuple[int, int, float], target: str
) -> None:
    clients, _, per_s = shape
    first, second, theirs = interleave(
        lambda: ours(*shape), {"queues": lambda: queues(*shape)}, options.rounds
    )
    last, plain = first[-1], theirs["queues"][-1]
    report.value(
        id_,
        f"{clients} clients, {per_s:g} events/s, all delivered, lag p99",
        ratios(first, theirs["queues"], "p99_ms"),
        target,
        peer="Starlette, queue per client",
        aa=ratios(second, first, "p99_ms"),
        note=f"p99 {last['p99_ms']:.0f} vs {plain['p99_ms']:.0f} ms,"
        f" p50 {last['p50_ms']:.0f} vs {plain['p50_ms']:.0f} ms;"
        " ours stores and numbers each event first",
    )


def returns(report: Report, options: Options) -> None:
    with our_server() as (server, key):
        figures = returned(server.port, key, 1000, options.seed)
    if figures["returns"] != 1000:
        raise RuntimeError(f"not 1000 returns: {figures}")
    for kind in ("missed", "repeated"):
        case = f"{kind} in 1000 returns with Last-Event-ID"
        report.value("PI5", case, [figures[kind]], "<=0")


CASES = {"PI1": many_clients, "PI3": busy_stream, "PI5": returns}


def main() -> int:
    return run_cases("fanout", CASES)


if __name__ == "__main__":
    sys.exit(main())
