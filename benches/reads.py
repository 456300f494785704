"""Reading calls: what login, tenants, limits, metrics and logs add to the same SQL."""

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benches.api_child import BID
from benches.common import Options, Report, child, interleave, options_of, ratios
from benches.serving import Served, get, load, scratch, served, wrk_is_here

CALLS = 5000
CONNECTIONS = 16
LIST = f"/call-records/{BID}?limit=50"


@dataclass(frozen=True, slots=True)
class Both:
    """Our server and the bare one on the same data directory."""

    ours: Served
    bare: Served
    key: str
    folder: Path


@contextmanager
def both(calls: int) -> Iterator[Both]:
    """Both servers over so many calls, after they were found to answer alike."""
    with ExitStack() as stack:
        folder = stack.enter_context(scratch())
        key = child("benches.api_child", "prepare", "--data", folder, "--calls", calls)["key"]
        data = ("--data", folder)
        ours = stack.enter_context(
            served("-m", "benches.api_child", "serve", *data, log=folder / "server.log")
        )
        bare = stack.enter_context(served("-m", "benches.peers.bare_reads", *data))
        pair = Both(ours, bare, key, folder)
        for path in (LIST, detail(calls)):
            check_alike(pair, path)
        yield pair


def detail(calls: int) -> str:
    """The path of a call in the middle."""
    return f"/call-records/{BID}/call-{calls // 2:05d}"


def check_alike(pair: Both, path: str) -> None:
    """Raise RuntimeError unless both answer 200 with the same content."""
    answers = [get(server.port, path, pair.key) for server in (pair.ours, pair.bare)]
    bodies = [json.loads(body) for _, body in answers]
    for body in bodies:
        body.pop("next_cursor", None)  # the bare server has none to give
    if [status for status, _ in answers] != [200, 200] or bodies[0] != bodies[1]:
        raise RuntimeError(f"{path}: the two servers do not answer alike")


def cost(report: Report, options: Options) -> None:
    if not wrk_is_here():
        report.skip("PH1", "no wrk")
        report.skip("PH2", "no wrk")
        return
    seconds = 5.0 if options.full else 2.0
    with both(CALLS) as pair:
        for id_, case, path, target in (
            ("PH1", "list of 50, CPU", LIST, "<=2.0"),
            ("PH2", "detail, CPU", detail(CALLS), "<=3.0"),
        ):
            if options.only not in (None, id_):
                continue
            asked = {"seconds": seconds, "connections": CONNECTIONS}
            first, second, theirs = interleave(
                lambda path=path, asked=asked: load(pair.ours, path, key=pair.key, **asked),
                {"bare": lambda path=path, asked=asked: load(pair.bare, path, **asked)},
                options.rounds,
            )
            bare = theirs["bare"]
            report.value(
                id_,
                case,
                ratios(first, bare, "cpu_us"),
                target,
                peer="bare FastAPI, same SQL",
                aa=ratios(second, first, "cpu_us"),
                note=f"ours {first[-1]['cpu_us']:.0f} us, bare {bare[-1]['cpu_us']:.0f} us;"
                f" login, tenant, limit, metrics and log are in ours only",
            )


def main() -> int:
    options = options_of()
    report = Report("reads", options)
    cost(report, options)
    return report.close()


if __name__ == "__main__":
    sys.exit(main())
