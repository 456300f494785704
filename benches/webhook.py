"""Calls pushed over HTTP: what an answer costs that comes only after the sync to disk."""

import asyncio
import re
import shutil
import sqlite3
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benches.api_child import BID
from benches.common import Figures, Options, Report, child, interleave, options_of, ratios
from benches.limits import syncs_per_s
from benches.serving import Served, load, scratch, served, wrk_is_here

CONNECTIONS = 64
ORDER = "trace=pwrite64,fdatasync,fsync,write,writev,sendto,sendmsg"
_CALL = (
    '{"callid": "%s", "direction": "inbound", "agent_id": "a7", "agent_name": "Agent 7", '
    '"customer_phone": "+4915112345678", "started_at": "2026-05-04T09:00:00Z", '
    '"audio_url": "https://recordings.example/%s.wav"}'
)


def push_body(callid: str) -> str:
    """A push of one call."""
    return '{"calls": [' + _CALL % (callid, callid) + "]}"


@contextmanager
def our_server(
    *more: object, wrapped_in: tuple[str, ...] = ()
) -> Iterator[tuple[Served, str, Path]]:
    """A fresh server, the key of its business and its data directory."""
    with scratch() as folder:
        key = child("benches.api_child", "prepare", "--data", folder)["key"]
        command = ("-m", "benches.api_child", "serve", "--data", folder, *more)
        with served(*command, wrapped_in=wrapped_in, log=folder / "server.log") as server:
            yield server, key, folder


def stored(folder: Path) -> tuple[int, int, int]:
    """Calls, jobs and audit rows of pushes in a data directory."""
    connection = sqlite3.connect(folder / "locutory.db")
    counts = connection.execute(
        "SELECT (SELECT count(*) FROM calls_record), (SELECT count(*) FROM kernel_job),"
        " (SELECT count(*) FROM kernel_audit WHERE action = 'calls.ingest')"
    ).fetchone()
    connection.close()
    return int(counts[0]), int(counts[1]), int(counts[2])


def pushes(seconds: float, *more: object) -> Figures:
    """The load of 64 connections that push; every answer must have its rows."""
    with our_server(*more) as (server, key, folder):
        asyncio.run(push_each(server.port, key, [f"warm-{n}" for n in range(20)], 4))
        figures = load(
            server,
            f"/ingest/{BID}/calls",
            seconds=seconds,
            connections=CONNECTIONS,
            key=key,
            method="POST",
            body=push_body("load-@N@"),
        )
        syncs = syncs_per_s(folder, 0.3)
        # what was on its way when the load ended may or may not have been stored
        check_stored(folder, figures["requests"] + 20, CONNECTIONS)
    return {**figures, "syncs_per_s": syncs}


def check_stored(folder: Path, answered: int, in_flight: int) -> None:
    """Raise RuntimeError unless there is a call, a job and an audit row for each answer."""
    for name, count in zip(("calls", "jobs", "audit rows"), stored(folder), strict=True):
        if not answered <= count <= answered + in_flight:
            raise RuntimeError(f"{answered} answers, {count} {name}")


def no_write(seconds: float) -> Figures:
    """The same load on the same way in without its write."""
    with our_server() as (server, key, _):
        return load(
            server,
            f"/bench/no-write/{BID}",
            seconds=seconds,
            connections=CONNECTIONS,
            key=key,
            method="POST",
            body=push_body("load-@N@"),
        )


async def push_each(port: int, key: str, callids: Iterable[str], connections: int) -> int:
    """Push each call once; returns how many were created. Raises RuntimeError on another answer."""
    waiting = iter(callids)
    created = 0

    async def worker() -> None:
        nonlocal created
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for callid in waiting:
            body = push_body(callid).encode()
            head = (
                f"POST /ingest/{BID}/calls HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                f"Authorization: Bearer {key}\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\n\r\n"
            )
            writer.write(head.encode() + body)
            answer = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", answer, re.IGNORECASE)
            content = await reader.readexactly(int(length[1])) if length else b""
            if not answer.startswith(b"HTTP/1.1 200") or b'"result":"created"' not in content:
                raise RuntimeError((answer + content).decode())
            created += 1
        writer.close()

    await asyncio.gather(*(worker() for _ in range(connections)))
    return created


def against_no_write(report: Report, options: Options) -> None:
    if not wrk_is_here():
        report.skip("PG1", "no wrk")
        report.skip("PG2", "no wrk")
        return
    seconds = 5.0 if options.full else 2.0
    peers = {
        "no_write": lambda: no_write(seconds),
        "alone": lambda: pushes(seconds, "--most-per-commit", 1),
    }
    first, second, theirs = interleave(lambda: pushes(seconds), peers, options.rounds)
    last = first[-1]
    report.value(
        "PG1",
        "acknowledged after the sync, rps",
        ratios(first, theirs["no_write"], "rps"),
        ">=0.35",
        peer="our route without its write",
        aa=ratios(second, first, "rps"),
        note=f"{last['rps']:.0f} vs {theirs['no_write'][-1]['rps']:.0f}/s;"
        f" {last['rps'] / last['syncs_per_s']:.2f} of the raw syncs; p99 {last['p99_ms']:.0f} ms",
    )
    report.value(
        "PG2",
        "acknowledged after the sync, rps",
        ratios(first, theirs["alone"], "rps"),
        ">=2",
        peer="one function per commit",
        aa=ratios(second, first, "rps"),
        note=f"{last['rps']:.0f} vs {theirs['alone'][-1]['rps']:.0f}/s",
    )


def answers_before_sync(trace: Iterable[str]) -> tuple[int, int]:
    """Answers in a trace, and those among them whose call no finished sync had covered.

    A call is safe once a sync of the log has returned that began after the log got its row.
    """
    written: set[str] = set()
    safe: set[str] = set()
    syncing: dict[str, set[str]] = {}
    answered: set[str] = set()
    early = 0
    for line in trace:
        pid = line.partition(" ")[0]
        if "-wal>" in line and "pwrite64(" in line:
            written.update(_TRACED.findall(line))
        elif re.search(r"f(data)?sync\(\d+<[^>]*-wal>", line):
            if "unfinished" in line:
                syncing[pid] = set(written)
            elif line.rstrip().endswith("= 0"):
                safe |= written
        elif "sync resumed>" in line and pid in syncing:
            covered = syncing.pop(pid)
            if line.rstrip().endswith("= 0"):
                safe |= covered
        elif "result" in line and "pwrite64(" not in line:
            sent = set(_TRACED.findall(line))
            early += len(sent - safe - answered)
            answered |= sent
    return len(answered), early


_TRACED = re.compile(r"traced-\d{6}")


def traced(requests: int) -> tuple[int, int]:
    """Push so many calls to a server under strace; answers seen, and answers too early."""
    with scratch() as outside:
        trace = outside / "trace"
        tracer = ("strace", "-f", "-y", "-s", "8192", "-e", ORDER, "-o", str(trace))
        with our_server(wrapped_in=tracer) as (server, key, _):
            callids = [f"traced-{n:06d}" for n in range(requests)]
            asyncio.run(push_each(server.port, key, callids, 16))
        with trace.open(errors="replace") as lines:
            return answers_before_sync(lines)


def order(report: Report, options: Options) -> None:
    if shutil.which("strace") is None:
        report.skip("PG5", "no strace")
        return
    answered, early = traced(1000)
    if answered != 1000:
        raise RuntimeError(f"{answered} of 1000 answers are in the trace")
    report.value("PG5", "answers sent before the sync, of 1000 traced", [early], "<=0")


def main() -> int:
    options = options_of()
    report = Report("webhook", options)
    for ids, case in ((("PG1", "PG2"), against_no_write), (("PG5",), order)):
        if options.only is None or options.only in ids:
            case(report, options)
    return report.close()


if __name__ == "__main__":
    sys.exit(main())
