"""What the server weighs before anybody uses it."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benches.common import Figures, Options, Report, child, interleave, options_of, ratios
from benches.serving import get, scratch, served

HEAVY = (
    *("sklearn", "scipy", "numpy", "faiss", "hnswlib", "usearch", "boto3", "obstore"),
    *("chromadb", "qdrant_client", "pocketsphinx", "soundfile", "soxr", "openai", "pandas"),
)
_SETTLE_S = 2.0


@contextmanager
def data_directory() -> Iterator[Path]:
    """A data directory that a server has used before."""
    with scratch() as folder:
        child("benches.api_child", "prepare", "--data", folder)
        yield folder


def started(folder: Path | None) -> Figures:
    """Start a server (ours on a folder, else the bare one) and let it settle."""
    if folder is None:
        command: tuple[object, ...] = ("-m", "benches.peers.bare_app")
        environment = None
    else:
        command = ("-c", _SERVE, "serve")
        environment = {"LOCUTORY_DATA_DIR": str(folder), "LOCUTORY_PRODUCTION": "true"}
    with served(*command, environment=environment) as server:
        time.sleep(_SETTLE_S)
        return {"start_s": server.started_s, "rss_mb": server.rss_mb()}


# what the console script does
_SERVE = "from locutory.cli import main; main()"


def weight(report: Report, options: Options) -> None:
    with data_directory() as folder:
        first, second, theirs = interleave(
            lambda: started(folder), {"bare": lambda: started(None)}, options.rounds
        )
    for id_, case, key, target, unit in (
        ("PK1", "cold start to the first 200", "start_s", "<=4", "s"),
        ("PK2", "idle resident memory", "rss_mb", "<=2.5", "MB"),
    ):
        bare = theirs["bare"]
        report.value(
            id_,
            case,
            ratios(first, bare, key),
            target,
            peer="bare FastAPI",
            aa=ratios(second, first, key),
            note=f"ours {first[-1][key]:.2f} {unit}, bare {bare[-1][key]:.2f} {unit}",
        )


def loaded_early(port: int) -> list[str]:
    """Heavy modules that our server on that port has loaded."""
    status, body = get(port, "/bench/modules")
    if status != 200 or "locutory" not in (modules := json.loads(body)):
        raise RuntimeError(f"no list of modules: {status}")
    return sorted(set(HEAVY) & set(modules))


def heavy_modules(report: Report, options: Options) -> None:
    with data_directory() as folder:
        command = ("-m", "benches.api_child", "serve", "--data", folder)
        with served(*command, log=folder / "server.log") as server:
            early = loaded_early(server.port)
    report.value(
        "PK3",
        "heavy modules loaded before first use",
        [len(early)],
        "<=0",
        note=", ".join(early),
    )


def main() -> int:
    options = options_of()
    report = Report("footprint", options)
    for ids, case in ((("PK1", "PK2"), weight), (("PK3",), heavy_modules)):
        if options.only is None or options.only in ids:
            case(report, options)
    return report.close()


if __name__ == "__main__":
    sys.exit(main())
