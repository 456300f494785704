"""What the stub servers of outside providers share: a real socket, a memory, failures on demand."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came. `headers` has names in lower case, `query` lists of values."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back; `cut` ends the connection in the middle of it.

    `stalls`: nothing more comes after it, and the connection stays until the client hangs up.
    """

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False
    stalls: bool = False

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass(slots=True)
class _Trouble:
    method: str
    where: str
    answer: Answer
    times: int
    after: bool


class VendorStub:
    """Answers by `handle`, unless `fail` was told to do otherwise. `seen` is what came, in order.

    Threads answer, one request at a time, so that a test reads whole states.
    """

    def __init__(self) -> None:
        self.url = ""
        self.seen: list[Request] = []
        self.lock = threading.RLock()
        self._trouble: list[_Trouble] = []

    def fail(
        self, where: str, answer: Answer, *, times: int = 1, method: str = "", after: bool = False
    ) -> None:
        """Give this answer to the next requests whose path ends with `where`.

        `after`: the request takes effect first, and only its answer is another one.
        """
        self._trouble.append(_Trouble(method, where, answer, times, after))

    def heal(self) -> None:
        """Answer everything again."""
        with self.lock:
            self._trouble.clear()

    def asked(self, method: str, where: str) -> list[Request]:
        """The requests with that method whose path ends so."""
        with self.lock:
            return [r for r in self.seen if r.method == method and r.path.endswith(where)]

    def handle(self, request: Request) -> Answer:
        raise NotImplementedError

    def answer(self, request: Request) -> Answer:
        with self.lock:
            self.seen.append(request)
            for trouble in self._trouble:
                fits = request.path.endswith(trouble.where)
                if trouble.times > 0 and fits and request.method.startswith(trouble.method):
                    trouble.times -= 1
                    if trouble.after:
                        self.handle(request)
                    return trouble.answer
            return self.handle(request)


Stub = TypeVar("Stub", bound=VendorStub)


@contextmanager
def served(stub: Stub, port: int = 0) -> Iterator[Stub]:
    """Let the stub answer on a port of its own, or on the one that is told."""

    class Handler(BaseHTTPRequestHandler):
        def serve(self) -> None:
            parts = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            body = (
                self._chunks() if "Transfer-Encoding" in self.headers else self.rfile.read(length)
            )
            answer = stub.answer(
                Request(
                    self.command,
                    parts.path,
                    parse_qs(parts.query, keep_blank_values=True),
                    {name.lower(): value for name, value in self.headers.items()},
                    body,
                )
            )
            self._send(answer)

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = serve  # noqa: N815

        def _chunks(self) -> bytes:
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)

        def _send(self, answer: Answer) -> None:
            content, unfinished = answer.content, answer.cut or answer.stalls
            self.send_response(answer.status)
            headers = {"Content-Type": "application/json", **answer.headers}
            headers.setdefault("Content-Length", str(len(content) + (100 if unfinished else 0)))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)
            self.wfile.flush()
            if answer.stalls:
                self.connection.recv(1)  # returns when the client has gone
            self.close_connection = unfinished or self.close_connection

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing to say."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Clients are killed here: their broken connections are the test's doing."""

    server = Server(("127.0.0.1", port), Handler)
    stub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
