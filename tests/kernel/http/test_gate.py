from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locutory.kernel.http.connections import GatedResolver
from locutory.kernel.http.gate import Gate, Origin, UrlBlockedError, is_public

GATE = Gate()

PRIVATE = [
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "169.254.169.254",
    "168.63.129.16",
    "172.31.255.255",
    "192.0.0.192",
    "192.168.0.1",
    "198.18.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:10.0.0.1",
    "::ffff:127.0.0.1",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:db8::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
]
PUBLIC = ["8.8.8.8", "172.32.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]


@pytest.mark.parametrize("address", PRIVATE)
def test_a_private_address_is_blocked_as_a_literal_and_behind_a_name(address: str) -> None:
    literal = f"[{address}]" if ":" in address else address

    with pytest.raises(UrlBlockedError):
        GATE.check_url(f"http://{literal}/a.wav")
    with pytest.raises(UrlBlockedError):
        GATE.check_addresses("files.test", 80, ["8.8.8.8", address])


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_passes(address: str) -> None:
    literal = f"[{address}]" if ":" in address else address

    GATE.check_url(f"https://{literal}/a.wav")
    GATE.check_addresses("files.test", 443, [address])


@given(st.integers(0, 2**32 - 1))
def test_an_embedded_address_is_judged_as_the_plain_one(number: int) -> None:
    plain = is_public(IPv4Address(number))

    assert is_public(IPv6Address(0xFFFF_0000_0000 + number)) == plain
    assert is_public(IPv6Address(int(ip_address("64:ff9b::")) + number)) == plain
    assert is_public(IPv6Address((0x2002 << 112) + (number << 80))) == plain


@given(st.integers(0, 2**32 - 1))
def test_nothing_that_python_calls_unreachable_is_public(number: int) -> None:
    address = IPv4Address(number)

    assert is_public(address) <= (address.is_global and not address.is_multicast)


@pytest.mark.parametrize(
    "url",
    [
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0x7f.1/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://127.0.0.1./",
        "http://\u2460\u2461\u2466.0.0.1/",
        "http://127\u30020\u30020\u30021/",
        "http://[::ffff:7f00:1]/",
        "http://[fe80::1%25eth0]/",
    ],
)
def test_disguised_loopback_is_blocked(url: str) -> None:
    with pytest.raises(UrlBlockedError):
        GATE.check_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "files.test/a.wav",
        "//files.test/a.wav",
        "ftp://files.test/",
        "file:///etc/passwd",
        "gopher://files.test/",
        "http:///a.wav",
        "http://user@files.test/",
        "http://user:word@files.test/",
        "http://:@files.test/",
        "http://files.test:22/",
        "http://files.test:0/",
        "http://files.test:99999/",
        "http://files.test\\@127.0.0.1/",
        "http://files test/",
    ],
)
def test_a_malformed_or_forbidden_address_is_blocked(url: str) -> None:
    with pytest.raises(UrlBlockedError) as caught:
        GATE.check_url(url)

    assert caught.value.error_code == "URL_BLOCKED"


@given(st.text(max_size=60))
def test_any_text_is_judged_without_a_crash(text: str) -> None:
    for url in (text, f"http://{text}", f"http://{text}/a"):
        try:
            origin = GATE.check_url(url)
        except UrlBlockedError:
            continue
        assert origin.scheme in ("http", "https")


def test_an_allowed_address_is_told_as_its_origin() -> None:
    assert GATE.check_url(" HTTPS://Files.Test./a?b=1 ") == Origin("https", "files.test", 443)


@pytest.mark.parametrize(
    ("entry", "passing", "blocked"),
    [
        ("127.0.0.1", "http://127.0.0.1:9000/", "http://127.0.0.2/"),
        ("127.0.0.1:9000", "http://127.0.0.1:9000/", "http://127.0.0.1:9001/"),
        ("PBX.lan:9000", "http://pbx.lan:9000/", "http://pbx.lan:9001/"),
        ("[::1]", "http://[::1]:9000/", "http://[::2]/"),
        ("::1", "http://[::1]:9000/", "http://[::2]/"),
        ("[::1]:9000", "http://[::1]:9000/", "http://[::1]/"),
    ],
)
def test_an_exception_opens_a_host_or_one_port_of_it(
    entry: str, passing: str, blocked: str
) -> None:
    gate = Gate([entry])

    gate.check_url(passing)
    with pytest.raises(UrlBlockedError):
        gate.check_url(blocked)


def test_an_exception_for_a_name_lets_its_private_addresses_pass() -> None:
    gate = Gate(["pbx.lan"])

    gate.check_addresses("pbx.lan", 80, ["10.0.0.7"])
    with pytest.raises(UrlBlockedError):
        gate.check_addresses("other.lan", 80, ["10.0.0.7"])


async def test_a_name_that_rebinds_is_blocked_at_the_second_look() -> None:
    answers = [["8.8.8.8"], ["127.0.0.1"]]

    async def rebinding(host: str, port: int) -> list[str]:
        return answers.pop(0)

    resolver = GatedResolver(Gate(), rebinding)
    first = await resolver.resolve("evil.test", 80)

    assert [result["host"] for result in first] == ["8.8.8.8"]
    with pytest.raises(UrlBlockedError):
        await resolver.resolve("evil.test", 80)


async def test_the_systems_resolver_is_checked_too() -> None:
    resolver = GatedResolver(Gate())

    with pytest.raises(UrlBlockedError):
        await resolver.resolve("localhost", 80)
