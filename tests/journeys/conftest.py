"""Real processes of the program, and an outside world for them: recordings by URL, a model."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

CHILD = Path(__file__).with_name("crash_child.py")
DEADLINE_S = 120.0


def wait_until(
    holds: Callable[[], Any], what: str, *, every_s: float = 0.01, within_s: float = DEADLINE_S
) -> Any:
    """What `holds` returns as soon as that is true; fails at the deadline."""
    end = time.monotonic() + within_s
    while True:
        found = holds()
        if found:
            return found
        assert time.monotonic() < end, f"in vain: {what}"
        time.sleep(every_s)


@dataclass(slots=True)
class Process:
    """A running command of the program."""

    forker: "Forker"
    id: int
    log: Path
    code: int | None = None

    def ended(self) -> bool:
        if self.code is None:
            self.code = self.forker.ask({"look": self.id})
        return self.code is not None

    def end(self) -> int:
        """Its exit code, negative for a signal."""
        wait_until(self.ended, f"an end of process {self.id}, see {self.log}")
        assert self.code is not None
        return self.code

    def until_stopped(self) -> None:
        """Wait for the state that SIGSTOP leaves, the third word of proc(5)'s stat."""
        stat = Path(f"/proc/{self.id}/stat")
        wait_until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T", "a stop")

    def send(self, number: int) -> None:
        os.kill(self.id, number)


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that has ended."""

    returncode: int
    stdout: str
    stderr: str


class Forker:
    """Starts commands without loading the program for each."""

    def __init__(self, folder: Path) -> None:
        self._started: list[Process] = []
        env = {k: v for k, v in os.environ.items() if not k.startswith("LOCUTORY_")}
        self._child = subprocess.Popen(
            [sys.executable, CHILD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=folder,
            env={**env, "OPENBLAS_NUM_THREADS": "1", "TERM": "dumb"},
        )

    def ask(self, order: dict[str, Any]) -> Any:
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.write(json.dumps(order) + "\n")
        self._child.stdin.flush()
        return json.loads(self._child.stdout.readline())

    def start(self, *run: str, env: dict[str, str], log: Path) -> Process:
        process = Process(self, self.ask({"run": run, "env": env, "log": str(log)}), log)
        self._started.append(process)
        return process

    def end_all(self) -> None:
        """Kill what a test left running: it would go on working in the next test's database."""
        for process in self._started:
            if not process.ended():
                process.send(signal.SIGKILL)
                process.end()
        self._started.clear()

    def run(self, *run: str, env: dict[str, str], folder: Path) -> Ran:
        """Run a command in a folder to its end."""
        name = uuid4().hex
        out, errors = folder / f"{name}.out", folder / f"{name}.err"
        order = {"run": run, "env": env, "log": str(out), "errors": str(errors)}
        code = Process(self, self.ask({**order, "cwd": str(folder)}), out).end()
        return Ran(code, out.read_text(), errors.read_text())

    def close(self) -> None:
        """Its end is the end of every command that still runs."""
        self._child.kill()
        self._child.communicate()


@pytest.fixture(scope="session")
def one_forker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forker]:
    forker = Forker(tmp_path_factory.mktemp("forker"))
    yield forker
    forker.close()


@pytest.fixture
def forker(one_forker: Forker) -> Iterator[Forker]:
    yield one_forker
    one_forker.end_all()


@dataclass(slots=True)
class Outside:
    """A web server with recordings and an OpenAI-compatible model; `asked` holds its prompts."""

    folder: Path
    address: str = ""
    asked: list[str] = field(default_factory=list)

    def answer(self, body: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(json.dumps(body["messages"]))
        return completion(body)


def completion(body: dict[str, Any]) -> dict[str, Any]:
    """An OpenAI answer: the plainest value of the schema that was asked for."""
    schema = body["response_format"]["json_schema"]["schema"]
    message = {"role": "assistant", "content": json.dumps(example(schema))}
    return {
        "model": "stub",
        "choices": [{"message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1},
    }


def example(schema: dict[str, Any]) -> Any:
    """The plainest value of a JSON schema."""
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema["type"]
    if isinstance(kind, list):
        return None
    if kind == "object":
        return {name: example(part) for name, part in schema["properties"].items()}
    if kind == "array":
        return [example(schema["items"])] * schema.get("minItems", 0)
    return {"string": "", "boolean": False}.get(kind, schema.get("minimum", 0))


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Outside]:
    world = Outside(tmp_path / "web")
    world.folder.mkdir()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.reply((world.folder / Path(self.path).name).read_bytes())

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.reply(json.dumps(world.answer(json.loads(body))).encode())

        def reply(self, content: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing to say."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Clients are killed here: their broken connections are the test's doing."""

    server = Server(("127.0.0.1", 0), Handler)
    world.address = f"127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield world
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def until() -> Callable[[Callable[[], Any], str], Any]:
    return wait_until
