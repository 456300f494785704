"""Addresses of hosts that tenants named and that are not reached by HTTP."""

import asyncio
import socket

from locutory.kernel.http.gate import Gate


async def gated_addresses(gate: Gate, host: str, port: int) -> tuple[str, ...]:
    """What a host resolves to, each once; connect to one of these and resolve no second time.

    Raises UrlBlockedError where one may not be called, OSError where the name has none.
    """
    host = gate.check_host(host, port)
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = tuple(dict.fromkeys(str(entry[4][0]) for entry in found))
    gate.check_addresses(host, port, addresses)
    return addresses
