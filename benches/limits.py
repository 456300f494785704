"""What this machine gives now: a sync to disk, a SQLite commit, a trivial HTTP route."""

import json
import os
import sqlite3
import sys
import time
from pathlib import Path

from benches.common import Options, options_of
from benches.serving import load, scratch, served, wrk_is_here


def syncs_per_s(folder: Path, seconds: float = 0.5) -> float:
    """Appends of 4 KiB, each synced."""
    block, count = b"\0" * 4096, 0
    out = os.open(folder / "syncs", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        began = time.perf_counter()
        while (took := time.perf_counter() - began) < seconds:
            os.write(out, block)
            os.fdatasync(out)
            count += 1
    finally:
        os.close(out)
    return count / took


def commits_per_s(folder: Path, seconds: float = 0.5) -> float:
    """Inserts of one row, each committed with our pragmas (WAL, synchronous=FULL)."""
    connection = sqlite3.connect(folder / "commits.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, body TEXT)")
    count, began = 0, time.perf_counter()
    while (took := time.perf_counter() - began) < seconds:
        connection.execute("INSERT INTO t (body) VALUES (?)", ("x" * 500,))
        count += 1
    connection.close()
    return count / took


def trivial_rps(seconds: float) -> float:
    """Requests to a route of a bare FastAPI app."""
    with served("-m", "benches.peers.bare_app") as server:
        return float(load(server, "/healthz", seconds=seconds, connections=64)["rps"])


def measured(options: Options) -> dict[str, float]:
    seconds = 2.0 if options.full else 0.5
    with scratch() as folder:
        limits = {
            "fdatasync_per_s": syncs_per_s(folder, seconds),
            "sqlite_commits_per_s": commits_per_s(folder, seconds),
        }
    if wrk_is_here():
        limits["trivial_http_rps"] = trivial_rps(4 * seconds)
    return limits


def main() -> int:
    options = options_of()
    limits = measured(options)
    for name, value in limits.items():
        print(f"limits {name}  {value:.0f}", flush=True)
    if options.json_path is not None:
        with options.json_path.open("a") as out:
            out.write(json.dumps({"bench": "limits", **limits}) + "\n")
    print("0 passed, 0 failed, 0 skipped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
