"""Loads the program once, then runs its commands in forked processes: fast, and real processes.

A line of standard input is a JSON object. `{"run": [argument…], "env": {…}, "log": path}` answers
the id of a new process, which may have `errors` and a folder `cwd` of its own; `{"look": id}` its
exit code (negative: the signal), null while it lives.
"""

import ctypes
import json
import os
import signal
import sys
from typing import Any

PR_SET_PDEATHSIG = 1


def load() -> None:
    import aiosqlite  # noqa: F401, PLC0415
    import numpy  # noqa: F401, PLC0415
    import psycopg  # noqa: F401, PLC0415
    import uvloop  # noqa: F401, PLC0415

    import locutory.cli.ingest  # noqa: PLC0415
    import locutory.engines.embeddings.hashed  # noqa: F401, PLC0415
    from locutory.capabilities.analysis.api import prepare_rules  # noqa: PLC0415

    prepare_rules()


def become(task: dict[str, Any]) -> int:
    """Be that command, from here to the exit code."""
    from locutory.cli import main  # noqa: PLC0415

    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    nothing = os.open(os.devnull, os.O_RDONLY)
    log = os.open(task["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    errors = log
    if "errors" in task:
        errors = os.open(task["errors"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for source, target in ((nothing, 0), (log, 1), (errors, 2)):
        os.dup2(source, target)
    os.environ.update(task["env"])
    os.chdir(task.get("cwd", "."))
    sys.argv = ["locutory", *task["run"]]
    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def start(task: dict[str, Any]) -> int:
    process = os.fork()
    if process:
        return process
    code = 70
    try:
        code = become(task)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def look(process: int) -> int | None:
    found, status = os.waitpid(process, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if found else None


if __name__ == "__main__":
    load()
    for line in sys.stdin:
        order = json.loads(line)
        print(json.dumps(start(order) if "run" in order else look(order["look"])), flush=True)
