"""The address gate: where an address that a tenant gave may lead.

`Gate.check_url` looks at the address as written, `Gate.check_addresses` at what its name resolved
to. The second runs when the connection is made, and the connection goes to the checked addresses
(see `connections.py`): a name that resolves differently a moment later gains nothing.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

from yarl import URL

from locutory.kernel.errors import InputError

PORTS: Final = frozenset({80, 443, 8080, 8443})

# IANA special-purpose registries (RFC 6890 and later), multicast, reserved; the last one is the
# metadata and agent address of Azure, which lies in public space.
_BLOCKED_V4: Final = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "168.63.129.16/32",
    )
)
_GLOBAL_V6: Final = IPv6Network("2000::/3")
_BLOCKED_V6: Final = tuple(
    IPv6Network(network) for network in ("2001::/23", "2001:db8::/32", "3fff::/20")
)
_NAT64: Final = IPv6Network("64:ff9b::/96")

_NAME = re.compile(r"[a-z0-9_]([a-z0-9._-]*[a-z0-9_])?")
_NUMERIC_PART = re.compile(r"0x[0-9a-f]*|[0-9]+")


class UrlBlockedError(InputError):
    """This address may not be called from here."""

    code = "URL_BLOCKED"


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port: what credentials belong to."""

    scheme: str
    host: str
    port: int


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address is reachable on the open internet and nothing but that.

    An IPv6 address that carries an IPv4 one (mapped, NAT64, 6to4) is judged by what it carries.
    """
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _BLOCKED_V4)
    carried = address.ipv4_mapped or address.sixtofour
    if address in _NAT64:
        carried = IPv4Address(int(address) & 0xFFFF_FFFF)
    if carried is not None:
        return is_public(carried)
    return address in _GLOBAL_V6 and not any(address in network for network in _BLOCKED_V6)


class Gate:
    """The rules, with the exceptions of this server's operator."""

    def __init__(self, allow_private_hosts: Iterable[str] = ()) -> None:
        """`host` opens every port of a host, `host:port` one; IPv6 as `[::1]` or `[::1]:8080`."""
        self._allowed = frozenset(_split(entry) for entry in allow_private_hosts)

    def check_url(self, url: str) -> Origin:
        """Check an address as written. Raises UrlBlockedError."""
        try:
            parsed = URL(url.strip())
            host, port = parsed.host, parsed.port
        except ValueError as error:
            raise UrlBlockedError("this is not a web address") from error
        if parsed.scheme not in ("http", "https") or not host or port is None:
            raise UrlBlockedError("only http and https addresses are called")
        if parsed.user is not None or parsed.password is not None:
            raise UrlBlockedError("an address may not carry credentials")
        host = host.rstrip(".").lower()
        if not self.is_allowed(host, port):
            if port not in PORTS:
                raise UrlBlockedError(f"port {port} is not called")
            _check_host(host)
        return Origin(parsed.scheme, host, port)

    def check_host(self, host: str, port: int) -> str:
        """Check a host that is no web server's; return it in lower case. Raises UrlBlockedError.

        Which ports are called is for whoever asks: 3306 is none of the web's.
        """
        host = host.strip().rstrip(".").lower()
        if not self.is_allowed(host, port):
            _check_host(host)
        return host

    def check_addresses(self, host: str, port: int, addresses: Iterable[str]) -> None:
        """Check everything that a name resolved to. Raises UrlBlockedError if one is not public."""
        if self.is_allowed(host.rstrip(".").lower(), port):
            return
        for text in addresses:
            if not is_public(ip_address(text.partition("%")[0])):
                raise UrlBlockedError

    def is_allowed(self, host: str, port: int) -> bool:
        """Whether the operator made an exception for a host at a port."""
        return (host, None) in self._allowed or (host, port) in self._allowed


def _check_host(host: str) -> None:
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        # inet_aton reads 2130706433, 0x7f.1 and 0177.0.0.1 as 127.0.0.1; no honest name is so.
        if _NUMERIC_PART.fullmatch(host.rpartition(".")[2]):
            raise UrlBlockedError("an address in numbers is written with four parts") from None
        if not _NAME.fullmatch(host):
            raise UrlBlockedError("this is not a host name") from None
        return
    if not is_public(address):
        raise UrlBlockedError


def _split(entry: str) -> tuple[str, int | None]:
    """`(host, port or None)` of an exception. Raises ValueError on a port that is no number."""
    text = entry.strip().lower()
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        return host, int(rest[1:]) if rest else None
    if text.count(":") != 1:
        return text.rstrip("."), None
    host, _, port = text.partition(":")
    return host.rstrip("."), int(port)
