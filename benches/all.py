"""Every bench, one after the other, each in a process of its own.

`--full` judges the cases that a release stands on at full length and the rest as `--quick` does.
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

BENCHES = (
    "limits",
    "pipeline",
    "agents",
    "fairness",
    "flood",
    "webhook",
    "reads",
    "growth",
    "fanout",
    "stt",
    "footprint",
    "rag",
    "bus",
)
# cases that --full runs at length; PG1 comes with PG2 and PK1 with PK2, which share their runs
AT_LENGTH = {"pipeline": ("PA1", "PA4"), "webhook": ("PG1",), "footprint": ("PK1",)}
CASES = {
    "pipeline": ("PA1", "PA4", "PA7", "PA8", "PA9", "PA14"),
    "webhook": ("PG1", "PG5"),
    "footprint": ("PK1", "PK3"),
}
_VERDICT = re.compile(r"(\d+) passed, (\d+) failed, (\d+) skipped")
_TIME_LIMIT_S = 1800.0


def runs(full: bool) -> list[tuple[str, list[str]]]:
    """The benches to run and how: a bench with cases at length is run case by case."""
    planned: list[tuple[str, list[str]]] = []
    for bench in BENCHES:
        if not full or bench not in AT_LENGTH:
            planned.append((bench, ["--quick"]))
            continue
        for case in CASES[bench]:
            level = "--full" if case in AT_LENGTH[bench] else "--quick"
            planned.append((bench, [level, "--only", case]))
    return planned


def run(bench: str, arguments: list[str]) -> tuple[int, int, int]:
    """Run one bench, show its lines, return its counts; a bench that breaks is one failure."""
    process = subprocess.Popen(
        [sys.executable, "-m", f"benches.{bench}", *arguments], stdout=subprocess.PIPE, text=True
    )
    counts = None
    assert process.stdout is not None
    for line in process.stdout:
        found = _VERDICT.fullmatch(line.strip())
        if found is None:
            print(line, end="", flush=True)
        else:
            counts = (int(found[1]), int(found[2]), int(found[3]))
    process.wait(_TIME_LIMIT_S)
    if counts is None:
        print(f"{bench} {' '.join(arguments)} broke with status {process.returncode}", flush=True)
        return 0, 1, 0
    return counts


def main() -> int:
    parser = argparse.ArgumentParser()
    level = parser.add_mutually_exclusive_group()
    level.add_argument("--quick", action="store_true", help="a tenth of the counts, 3 rounds")
    level.add_argument("--full", action="store_true", help="judges PA1, PA4, PG1, PK1 and PK2")
    parser.add_argument("--json", type=Path, dest="json_path")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    more = ["--seed", str(asked.seed)]
    if asked.json_path is not None:
        more += ["--json", str(asked.json_path)]
    passed = failed = skipped = 0
    for bench, arguments in runs(asked.full):
        good, bad, absent = run(bench, arguments + more)
        passed, failed, skipped = passed + good, failed + bad, skipped + absent
    print(f"{passed} passed, {failed} failed, {skipped} skipped", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
