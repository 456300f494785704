"""The runner: interleaved rounds, ratios with their spread, an ours-against-ours line.

A measured thing is a function that runs a child process and returns its figures, so that every
round begins fresh and CPU time is the whole process tree's. Ratios are taken inside a round.
"""

import argparse
import json
import os
import platform
import socket
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Figures = dict[str, Any]
Measure = Callable[[], Figures]
REDIS_PORT = 6379


@dataclass
class Options:
    """How thorough a run is."""

    full: bool
    rounds: int
    scale: float  # of the counts
    seed: int
    only: str | None
    json_path: Path | None


@dataclass
class Report:
    """Collects the lines of a bench and its verdict."""

    bench: str
    options: Options
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    lines: list[dict[str, Any]] = field(default_factory=list)

    def skip(self, id_: str, reason: str) -> None:
        self.skipped += 1
        print(f"{id_} {self.bench} SKIP {reason}", flush=True)

    def value(
        self,
        id_: str,
        case: str,
        values: Sequence[float],
        target: str,
        *,
        peer: str = "",
        aa: Sequence[float] = (),
        note: str = "",
        **more: Any,
    ) -> None:
        """Judge the median of `values` against a target such as `<=0.50`."""
        middle, low, high = statistics.median(values), min(values), max(values)
        bound = float(target.lstrip("<>="))
        good = middle <= bound if target.startswith("<") else middle >= bound
        self.passed, self.failed = self.passed + good, self.failed + (not good)
        spread = f"  A/A {min(aa):.2f}-{max(aa):.2f}" if aa else ""
        against = f" vs {peer}" if peer else ""
        print(
            f"{id_} {self.bench} {case}{against}  {middle:.3g} [{low:.3g}-{high:.3g}]{spread}"
            f"  target {target}  {'PASS' if good else 'FAIL'}"
            f"   rounds={len(values)} load={os.getloadavg()[0]:.1f}{'  ' + note if note else ''}",
            flush=True,
        )
        self.lines.append(
            {
                "id": id_,
                "bench": self.bench,
                "case": case,
                "peer": peer,
                "value": middle,
                "lo": low,
                "hi": high,
                "aa": list(aa),
                "target": target,
                "pass": bool(good),
                "rounds": len(values),
                "load": os.getloadavg()[0],
                "python": platform.python_version(),
                "note": note,
                **more,
            }
        )

    def close(self) -> int:
        if self.options.json_path is not None:
            with self.options.json_path.open("a") as out:
                out.writelines(json.dumps(line) + "\n" for line in self.lines)
        print(f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped", flush=True)
        return 1 if self.failed else 0


Case = Callable[[Report, Options], None]


def options_of(argv: Sequence[str] | None = None) -> Options:
    parser = argparse.ArgumentParser()
    level = parser.add_mutually_exclusive_group()
    level.add_argument("--quick", action="store_true", help="a tenth of the counts, 3 rounds")
    level.add_argument("--full", action="store_true", help="all counts, 5 rounds; judges")
    parser.add_argument("--json", type=Path, dest="json_path")
    parser.add_argument("--only", help="one case, by its id")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args(argv)
    return Options(
        full=asked.full,
        rounds=5 if asked.full else 3,
        scale=1.0 if asked.full else 0.1,
        seed=asked.seed,
        only=asked.only,
        json_path=asked.json_path,
    )


def run_cases(bench: str, cases: Mapping[str, Case]) -> int:
    """Run the cases that were asked for; return the exit code."""
    options = options_of()
    report = Report(bench, options)
    for id_, case in cases.items():
        if options.only in (None, id_):
            case(report, options)
    return report.close()


def answers(port: int) -> bool:
    """Whether a server of this machine takes connections there."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def child(module: str, *arguments: object, timeout_s: float = 300) -> Figures:
    """Run `python -m module arguments`; its last line is JSON. Raises if it failed."""
    done = subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{module} failed:\n{done.stderr[-2000:]}")
    figures: Figures = json.loads(done.stdout.strip().splitlines()[-1])
    return figures


def interleave(
    ours: Measure, peers: dict[str, Measure], rounds: int
) -> tuple[list[Figures], list[Figures], dict[str, list[Figures]]]:
    """Warm up once, then ours, peers, ours again in every round."""
    ours()
    for peer in peers.values():
        peer()
    first, second = [], []
    theirs: dict[str, list[Figures]] = {name: [] for name in peers}
    for _ in range(rounds):
        first.append(ours())
        for name, peer in peers.items():
            theirs[name].append(peer())
        second.append(ours())
    return first, second, theirs


def ratios(numerators: Sequence[Figures], denominators: Sequence[Figures], key: str) -> list[float]:
    """The ratio of each round."""
    return [a[key] / b[key] for a, b in zip(numerators, denominators, strict=True)]
