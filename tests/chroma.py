"""A real Chroma server for tests: the program in its wheel, without what its Python half needs.

It is fetched once into the test environment; where that is not possible its tests skip and say so.
"""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

VERSION = "1.5.9"
_HOME = Path(sys.prefix) / f"chroma-server-{VERSION}"
_START_S = 30.0
_RUN = """
import sys
sys.path.insert(0, sys.argv[1])
import chromadb_rust_bindings
chromadb_rust_bindings.cli(["chroma", "run", *sys.argv[2:]])
"""


def need_chroma() -> Path:
    """Where the server's program lies."""
    if not (_HOME / "chromadb_rust_bindings").is_dir():
        wanted = f"chromadb=={VERSION}"
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target"]
        made = subprocess.run([*pip, str(_HOME), wanted], capture_output=True, text=True)
        if made.returncode != 0:
            pytest.skip(f"the Chroma server could not be installed: {made.stderr[-200:]}")
    return _HOME


@contextmanager
def chroma_server(folder: Path) -> Iterator[str]:
    """The address of a server that keeps its data in `folder`."""
    home = need_chroma()
    with socket.socket() as finder:
        finder.bind(("127.0.0.1", 0))
        port = finder.getsockname()[1]
    where = ["--path", str(folder), "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(
        [sys.executable, "-c", _RUN, str(home), *where],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{url}/api/v2/heartbeat", process)
        yield url
    finally:
        process.kill()
        process.wait()


def _wait_for(url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + _START_S
    while True:
        try:
            with urlopen(url, timeout=1):
                return
        except (URLError, OSError) as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the Chroma server did not start") from error
            time.sleep(0.05)
