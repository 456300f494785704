"""Servers as children of a bench, and the load that wrk puts on them.

A server is pinned to the first core and its load to the last, so that neither slows the other.
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from benches.common import Figures

LOAD = Path(__file__).with_name("load.lua")
_START_S = 60.0


@dataclass(frozen=True, slots=True)
class Served:
    """A server that answers."""

    pid: int
    port: int
    started_s: float  # from the start of the process to the first 200

    def cpu_s(self) -> float:
        """User and system time of the process and all that it started."""
        process = psutil.Process(self.pid)
        return sum(
            times.user + times.system + times.children_user + times.children_system
            for times in (p.cpu_times() for p in (process, *process.children(recursive=True)))
        )

    def rss_mb(self) -> float:
        """Resident memory of the process tree."""
        process = psutil.Process(self.pid)
        tree = (process, *process.children(recursive=True))
        return float(sum(p.memory_info().rss for p in tree)) / 2**20


def free_port() -> int:
    """A port on loopback that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A folder for one bench's data, gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="locutory-bench-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextlib.contextmanager
def served(
    *command: object,
    wrapped_in: Sequence[str] = (),
    environment: dict[str, str] | None = None,
    log: Path | None = None,
) -> Iterator[Served]:
    """Run `python command --port P` until the block ends; it must answer `/healthz`.

    Its output goes to `log`, else nowhere. Raises RuntimeError if it stops or stays silent.
    """
    port = free_port()
    words = [*wrapped_in, sys.executable, *map(str, command), "--port", str(port)]
    out = open(log, "ab") if log is not None else open(os.devnull, "ab")  # noqa: PTH123, SIM115
    began = time.perf_counter()
    with out:
        process = subprocess.Popen(
            [*pinned(0), *words],
            stdout=out,
            stderr=out,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
        try:
            _await_health(process, port)
            yield Served(process.pid, port, time.perf_counter() - began)
        finally:
            _stop(process)


def _await_health(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.perf_counter() + _START_S
    while time.perf_counter() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the server stopped with {process.returncode}")
        with contextlib.suppress(OSError):
            if get(port, "/healthz")[0] == 200:
                return
        time.sleep(0.005)
    raise RuntimeError(f"the server said nothing for {_START_S:.0f} s")


def _stop(process: subprocess.Popen[bytes]) -> None:
    # the group: a tracer must not leave the server behind
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def pinned(core: int) -> list[str]:
    """The words that bind a command to a core, counted from the first or the last."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2 or shutil.which("taskset") is None:
        return []
    return ["taskset", "-c", str(cores[core])]


def get(port: int, path: str, key: str = "", method: str = "GET") -> tuple[int, bytes]:
    """Status and body of one request."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n"
        connection.sendall(f"{head}Content-Length: 0\r\nConnection: close\r\n\r\n".encode())
        answer = bytearray()
        while part := connection.recv(65536):
            answer += part
    if not answer:
        raise ConnectionResetError("no answer")
    first, _, body = bytes(answer).partition(b"\r\n\r\n")
    return int(first.split(b" ", 2)[1]), body


def wrk_is_here() -> bool:
    """Whether the load generator is installed."""
    return shutil.which("wrk") is not None


def load(
    server: Served,
    path: str,
    *,
    seconds: float,
    connections: int,
    key: str = "",
    method: str = "GET",
    body: str = "",
) -> Figures:
    """Put load on one path; the CPU is the server's. Raises RuntimeError on a failed request."""
    before = server.cpu_s()
    done = subprocess.run(
        [
            *pinned(-1),
            *("wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--latency"),
            *("-s", str(LOAD), f"http://127.0.0.1:{server.port}{path}"),
        ],
        env={**os.environ, "BENCH_METHOD": method, "BENCH_KEY": key, "BENCH_BODY": body},
        capture_output=True,
        text=True,
        check=True,
    )
    cpu_s = server.cpu_s() - before
    figures: Figures = json.loads(done.stdout.strip().splitlines()[-1])
    if figures["refused"] or figures["broken"] or not figures["requests"]:
        raise RuntimeError(f"{path}: {figures}")
    figures["rps"] = figures["requests"] / figures["seconds"]
    figures["cpu_us"] = cpu_s / figures["requests"] * 1e6
    return figures
