import asyncio
import ssl
import sys
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from subprocess import run

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from locutory.kernel.errors import (
    EngineAuthError,
    EngineError,
    EngineThrottled,
    EngineUnavailable,
    InputError,
    InvalidOutput,
    LocutoryError,
)
from locutory.kernel.http.breaker import BreakerOpenError
from locutory.kernel.http.client import HttpClient
from locutory.kernel.http.gate import UrlBlockedError
from locutory.kernel.http.replies import (
    EngineRejectedError,
    RemoteThrottledError,
    RemoteUnavailableError,
    retry_after,
)
from locutory.kernel.settings import HttpSettings
from locutory.kernel.telemetry.metrics import Metrics

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
async def client() -> AsyncIterator[HttpClient]:
    http = HttpClient(HttpSettings(allow_private_hosts=("127.0.0.1",)), clock=lambda: NOW)
    yield http
    await http.close()


async def test_json_goes_out_and_comes_back(client: HttpClient, server, reply: Callable) -> None:
    server.answer = reply(200, b'{"ok": [1, 2]}')

    answer = await client.post_json(
        server.url("/v1"), {"a": 1}, engine="stub", params={"q": "x y"}, headers={"X-Key": "k"}
    )

    asked = server.asked[0]
    assert answer == {"ok": [1, 2]}
    assert (asked.method, asked.path, asked.body) == ("POST", "/v1?q=x+y", b'{"a":1}')
    assert (asked.headers["x-key"], asked.headers["content-type"]) == ("k", "application/json")


async def test_proxy_variables_are_not_honoured(
    client: HttpClient, server, reply: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answer = reply(200, b"1")
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    assert await client.get_json(server.url(), engine="stub") == 1
    assert await client.deliver(server.url(), b"") == 200


async def test_a_file_is_uploaded_in_a_form(
    client: HttpClient, server, reply: Callable, tmp_path: Path
) -> None:
    server.answer = reply(200, b"{}")
    (tmp_path / "a.wav").write_bytes(b"RIFFdata")

    await client.request(
        "POST", server.url(), engine="stub", form={"model": "m", "file": tmp_path / "a.wav"}
    )

    body = server.asked[0].body
    assert b'name="model"' in body
    assert b'filename="a.wav"' in body
    assert b"RIFFdata" in body


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, EngineAuthError),
        (402, EngineAuthError),
        (403, EngineAuthError),
        (429, EngineThrottled),
        (408, EngineUnavailable),
        (500, EngineUnavailable),
        (503, EngineUnavailable),
        (400, EngineRejectedError),
        (302, EngineRejectedError),
    ],
)
async def test_a_status_tells_what_went_wrong(
    client: HttpClient, server, reply: Callable, status: int, error: type[EngineError]
) -> None:
    server.answer = reply(status, b"no luck", Retry_After="7", Location="http://10.0.0.1/")

    with pytest.raises(error, match=f"stub answered {status}: no luck") as caught:
        await client.get_json(server.url(), engine="stub")

    assert caught.value.retry_after == (7.0 if status in (408, 429, 500, 503) else None)
    assert len(server.asked) == 1


async def test_the_providers_words_are_kept_short_and_without_our_secret(
    client: HttpClient, server, reply: Callable
) -> None:
    server.answer = reply(400, b"bad key sk-12345678 of ana@example.org " + b"x" * 5000)

    with pytest.raises(EngineRejectedError) as caught:
        await client.get_json(server.url(), engine="stub", headers={"X-Key": "sk-12345678"})

    assert "bad key [secret] of [email]" in caught.value.detail
    assert len(caught.value.detail) < 600


async def test_a_part_of_a_header_is_a_secret_too(
    client: HttpClient, server, reply: Callable
) -> None:
    server.answer = reply(400, b"no such key: 12345678")

    with pytest.raises(EngineRejectedError, match=r"no such key: \[secret\]"):
        await client.get_json(
            server.url(), engine="stub", headers={"Authorization": "Token 12345678"}
        )


async def test_a_file_is_the_body_and_is_sent_anew_with_every_attempt(
    client: HttpClient, server, reply: Callable, tmp_path: Path
) -> None:
    content = bytes(range(256)) * 4096
    (tmp_path / "a.wav").write_bytes(content)
    server.answer = reply(503, b"later", Retry_After="0")

    with pytest.raises(EngineUnavailable):
        await client.request(
            "PUT", server.url(), engine="stub", data=tmp_path / "a.wav", attempts=2
        )

    assert [(a.method, a.body) for a in server.asked] == [("PUT", content)] * 2


async def test_an_address_that_an_engine_names_must_be_public(
    client: HttpClient, server, reply: Callable
) -> None:
    server.answer = reply(200, b"1")
    strict = HttpClient(HttpSettings())

    with pytest.raises(UrlBlockedError):
        await strict.request("GET", server.url(), engine="stub", gated=True)
    allowed = await client.request("GET", server.url(), engine="stub", gated=True)

    assert allowed.body == b"1"
    assert [asked.headers["accept-encoding"] for asked in server.asked] == ["identity"]
    await strict.close()


async def test_a_signed_address_goes_out_as_it_was_written(
    client: HttpClient, server, reply: Callable
) -> None:
    server.answer = reply(200, b"1")
    signed = "/in%2Fputs/a%20b.wav?st=09%3A00%3A00Z&sig=ab%2Bcd%2Fef%3D%3D"

    await client.request("GET", server.url(signed), engine="stub", gated=True)
    await client.request("GET", server.url("/a b"), engine="stub", gated=True)

    assert [asked.path for asked in server.asked] == [signed, "/a%20b"]


async def test_a_body_may_tell_a_failure_better_than_its_status(
    client: HttpClient, server, reply: Callable
) -> None:
    server.answer = reply(429, b"out of credit")

    with pytest.raises(EngineAuthError, match="stub answered 429: out of credit"):
        await client.get_json(
            server.url(),
            engine="stub",
            refine=lambda reply, error: EngineAuthError(error.detail, engine="stub"),
        )


async def test_an_answer_that_is_no_json_is_invalid_output(
    client: HttpClient, server, reply: Callable
) -> None:
    server.answer = reply(200, b"<html>")

    with pytest.raises(InvalidOutput):
        await client.get_json(server.url(), engine="stub")


async def test_an_endless_answer_is_cut(client: HttpClient, server, reply: Callable) -> None:
    server.answer = reply(200, b"x" * 2000)

    with pytest.raises(EngineUnavailable, match="too large"):
        await client.request("GET", server.url(), engine="stub", max_bytes=1000)


async def test_a_silent_engine_is_given_up(client: HttpClient, server) -> None:
    async def silence(asked) -> None:
        await asyncio.Event().wait()

    server.answer = silence

    with pytest.raises(EngineUnavailable, match="took too long"):
        await client.get_json(server.url(), engine="stub", timeout_s=0.05)


async def test_a_refused_connection_and_a_reset_are_unavailable(client: HttpClient, server) -> None:
    async def reset(asked) -> None:
        asked.writer.transport.abort()

    server.answer = reset

    with pytest.raises(EngineUnavailable, match="broke"):
        await client.get_json(server.url(), engine="stub")
    with pytest.raises(EngineUnavailable, match="broke"):
        await client.get_json("http://127.0.0.1:1/", engine="stub")


async def test_an_engine_that_keeps_failing_is_left_alone(
    client: HttpClient, server, reply: Callable
) -> None:
    server.answer = reply(503)
    for _ in range(5):
        with pytest.raises(EngineUnavailable):
            await client.get_json(server.url(), engine="stub")

    with pytest.raises(BreakerOpenError):
        await client.get_json(server.url(), engine="stub")

    assert len(server.asked) == 5
    server.answer = reply(200, b"1")
    assert await client.get_json(server.url(), engine="other") == 1


async def test_a_second_attempt_is_made_where_allowed(
    client: HttpClient, server, reply: Callable
) -> None:
    answers = [reply(503, Retry_After="0"), reply(200, b"1")]

    async def next_answer(asked) -> None:
        await answers.pop(0)(asked)

    server.answer = next_answer

    assert await client.get_json(server.url(), engine="stub", attempts=2) == 1


async def test_a_delivery_arrives(client: HttpClient, server, reply: Callable) -> None:
    server.answer = reply(202)

    status = await client.deliver(server.url("/hook"), b"{}", headers={"X-Signature": "s"})

    assert status == 202
    assert (server.asked[0].body, server.asked[0].headers["x-signature"]) == (b"{}", "s")


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [
        (410, InputError, "URL_GONE"),
        (422, InputError, "URL_REFUSED"),
        (307, InputError, "URL_REFUSED"),
        (429, RemoteThrottledError, "URL_THROTTLED"),
        (500, RemoteUnavailableError, "URL_UNAVAILABLE"),
    ],
)
async def test_a_failed_delivery_says_whether_to_try_again(
    client: HttpClient, server, reply: Callable, status: int, error: type[LocutoryError], code: str
) -> None:
    server.answer = reply(status, Location="http://127.0.0.1:1/")

    with pytest.raises(error) as caught:
        await client.deliver(server.url(), b"{}")

    assert caught.value.error_code == code
    assert len(server.asked) == 1


async def test_a_delivery_into_the_private_network_is_blocked() -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return ["10.0.0.1"]

    client = HttpClient(HttpSettings(), resolve=resolve)

    with pytest.raises(UrlBlockedError):
        await client.deliver("http://127.0.0.1/", b"")
    with pytest.raises(UrlBlockedError):
        await client.deliver("http://hook.test/", b"")

    await client.close()


async def test_calls_are_counted_by_provider_and_result(server, reply: Callable) -> None:
    metrics = Metrics()
    client = HttpClient(HttpSettings(), metrics=metrics)
    server.answer = reply(200, b"1")
    await client.get_json(server.url(), engine="stub")
    server.answer = reply(503)
    for _ in range(5):
        with pytest.raises(EngineUnavailable):
            await client.get_json(server.url(), engine="stub")

    text = metrics.render().decode()

    assert 'outbound_requests_total{provider="stub",result="ok"} 1.0' in text
    assert 'outbound_requests_total{provider="stub",result="transient_network"} 5.0' in text
    assert 'provider_inflight{provider="stub"} 0.0' in text
    assert 'provider_breaker_state{provider="stub"} 2.0' in text
    await client.close()


async def test_five_hundred_calls_run_at_once(client: HttpClient, server, reply: Callable) -> None:
    all_here = asyncio.Event()

    async def when_all_here(asked) -> None:
        if len(server.asked) == 500:
            all_here.set()
        await all_here.wait()
        await reply(200, b"1")(asked)

    server.answer = when_all_here

    answers = await asyncio.gather(
        *(client.get_json(server.url(), engine="stub") for _ in range(500))
    )

    assert answers == [1] * 500


@pytest.fixture
def self_signed(tmp_path: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    made = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2100, 1, 1, tzinfo=UTC))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / "both.pem"
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem)
    return context


async def test_a_certificate_that_nobody_vouches_for_is_refused(
    client: HttpClient, server, self_signed: ssl.SSLContext
) -> None:
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=self_signed)
    url = f"https://127.0.0.1:{listener.sockets[0].getsockname()[1]}/"

    with pytest.raises(EngineUnavailable, match="certificate"):
        await client.get_json(url, engine="stub")
    with pytest.raises(RemoteUnavailableError, match="certificate"):
        await client.deliver(url, b"{}")

    assert server.asked == []
    listener.close()


def test_a_stated_wait_is_read_as_seconds_or_as_a_date() -> None:
    assert retry_after("120", NOW) == 120
    assert retry_after("Thu, 01 Jan 2026 00:00:30 GMT", NOW) == 30
    assert retry_after("Thu, 01 Jan 2026 00:00:30 GMT", NOW + timedelta(minutes=1)) == 0
    assert retry_after("99999999999", NOW) == 3600
    assert [retry_after(text, NOW) for text in (None, "", "soon", "-1", "\u0663")] == [None] * 5


def test_importing_the_client_does_not_load_aiohttp() -> None:
    code = "import sys, locutory.kernel.http.client; sys.exit('aiohttp' in sys.modules)"

    assert run([sys.executable, "-c", code], check=False).returncode == 0
