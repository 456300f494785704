"""The part that touches aiohttp: sessions, one plain, one behind the gate.

Imported at the first call, not at start: aiohttp takes a quarter of a second to load.
"""

import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from locutory.kernel.errors import LocutoryError
from locutory.kernel.http.gate import Gate

Resolve = Callable[[str, int], Awaitable[list[str]]]


class GatedResolver(AbstractResolver):
    """Resolves a name once per connection and hands on only what the gate let through.

    aiohttp connects to the addresses that it is given here, so none is looked up a second time.
    """

    def __init__(self, gate: Gate, resolve: Resolve | None = None) -> None:
        """`resolve` replaces the system's name service: `(host, port) -> addresses`."""
        self._gate = gate
        self._resolve = resolve
        self._system = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Addresses of a host. Raises UrlBlockedError when one of them is not public."""
        if self._resolve is None:
            found = await self._system.resolve(host, port, family)
        else:
            found = [_as_result(host, port, text) for text in await self._resolve(host, port)]
        self._gate.check_addresses(host, port, (result["host"] for result in found))
        return found

    async def close(self) -> None:
        """Release the system's resolver."""
        await self._system.close()


def _as_result(host: str, port: int, address: str) -> ResolveResult:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return ResolveResult(
        hostname=host,
        host=address,
        port=port,
        family=family,
        proto=0,
        flags=socket.AI_NUMERICHOST,
    )


def plain_session(*, connect_s: float) -> aiohttp.ClientSession:
    """A session for base URLs from the server's settings."""
    return _session(aiohttp.TCPConnector(limit=0), connect_s=connect_s, decompress=True)


def gated_session(
    gate: Gate, *, connect_s: float, resolve: Resolve | None = None
) -> aiohttp.ClientSession:
    """A session for addresses that tenants gave.

    Bodies stay as sent: a few compressed bytes that unfold to gigabytes would pass any byte count.
    """
    connector = aiohttp.TCPConnector(
        resolver=GatedResolver(gate, resolve), use_dns_cache=False, limit=0
    )
    return _session(connector, connect_s=connect_s, decompress=False)


def _session(
    connector: aiohttp.TCPConnector, *, connect_s: float, decompress: bool
) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=connector,
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=connect_s),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=decompress,
        trust_env=False,
        raise_for_status=False,
    )


def as_written(url: str) -> URL | str:
    """The address without the rewriting of escapes, which a signature over it may not survive.

    One with blanks, control characters or letters beyond ASCII is left to be escaped.
    """
    return URL(url, encoded=True) if all("!" <= sign <= "~" for sign in url) else url


@contextmanager
def network_errors(failure: Callable[[str], LocutoryError]) -> Iterator[None]:
    """Turn what the network does into `failure(reason)`; reasons quote no address and no body."""
    try:
        yield
    except aiohttp.ClientConnectorDNSError as error:
        raise failure("its name does not resolve") from error
    except TimeoutError as error:
        raise failure("it took too long") from error
    except aiohttp.ClientSSLError as error:
        raise failure("its certificate does not hold") from error
    except (aiohttp.ClientError, OSError) as error:
        raise failure(f"the connection broke ({type(error).__name__})") from error


@contextmanager
def form_body(
    fields: Mapping[str, str | Path] | Sequence[tuple[str, str | Path]],
) -> Iterator[aiohttp.FormData]:
    """A multipart body; a Path is sent as a file under its name, and closed afterwards."""
    form = aiohttp.FormData()
    with ExitStack() as files:
        for name, value in fields.items() if isinstance(fields, Mapping) else fields:
            if isinstance(value, Path):
                form.add_field(name, files.enter_context(value.open("rb")), filename=value.name)
            else:
                form.add_field(name, value)
        yield form


async def read_capped(response: aiohttp.ClientResponse, max_bytes: int) -> bytes | None:
    """The body, None when it is longer than `max_bytes`."""
    parts: list[bytes] = []
    size = 0
    async for chunk in response.content.iter_any():
        size += len(chunk)
        if size > max_bytes:
            return None
        parts.append(chunk)
    return b"".join(parts)
