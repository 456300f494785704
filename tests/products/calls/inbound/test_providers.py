"""Providers that sign in other ways, or not at all, and the secrets of a business."""

import base64
import json
import time
from typing import Any

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import func, select
from tests.conftest import Resident
from tests.products.calls.inbound.conftest import AUTH_TOKEN, PHONE, Exchange

from locutory.kernel.audit.models import AuditRow
from locutory.products.calls.inbound.models import CallHook, HookDelivery
from locutory.products.calls.pipeline.addresses import audio_url

pytestmark = pytest.mark.both_databases

HOOKS = "/pipeline/6004/webhooks-in"
GENERIC = "/ingest/6004/webhooks/generic"
TELNYX = "/ingest/6004/webhooks/telnyx"
CALL = {"callid": "g-1", "recording_url": "https://example.org/g-1.wav", "campaign": "spring"}
SAVED = {
    "data": {
        "event_type": "call.recording.saved",
        "id": "0ccc7b54-4df3-4bca-a65a-3da1ecc777f0",
        "payload": {
            "call_leg_id": "428c31b6-7af4-4bcb-b7f5-5013ef9657c1",
            "call_session_id": "428c31b6-abf3-3bc1-b7f4-5013ef9657c1",
            "channels": "dual",
            "recording_started_at": "2026-01-05T12:00:00.5Z",
            "recording_ended_at": "2026-01-05T12:05:00Z",
            "recording_urls": {
                "mp3": "https://recordings.example.org/1.mp3?signature=planted",
                "wav": "https://recordings.example.org/1.wav?signature=planted",
            },
        },
    }
}
HANGUP = {
    "data": {
        "event_type": "call.hangup",
        "occurred_at": "2026-01-05T12:05:01Z",
        "payload": {
            "call_leg_id": "428c31b6-7af4-4bcb-b7f5-5013ef9657c1",
            "from": "+15550100",
            "to": PHONE,
            "start_time": "2026-01-05T11:59:59Z",
            "hangup_cause": "normal_clearing",
            "state": "hangup",
        },
    }
}
EXOTEL = {
    "CallSid": "e-1",
    "DateUpdated": "2026-01-05 17:32:00",
    "Status": "completed",
    "RecordingUrl": "https://recordings.example.org/e-1.mp3",
    "EventType": "terminal",
    "To": PHONE,
    "From": "+919800000001",
    "StartTime": "2026-01-05 17:30:00",
    "EndTime": "2026-01-05 17:31:40",
    "ConversationDuration": "90",
    "Direction": "outbound-api",
    "CustomField": "order 7",
}


async def telnyx(
    exchange: Exchange, said: dict[str, Any], *, path: str = TELNYX, at: int | None = None
) -> httpx2.Response:
    body = json.dumps(said).encode()
    unix = str(int(time.time()) if at is None else at)
    signature = base64.b64encode(exchange.telnyx_key.sign(unix.encode() + b"|" + body)).decode()
    headers = {"telnyx-signature-ed25519": signature, "telnyx-timestamp": unix}
    return await exchange.send(path, content=body, headers=headers)


async def with_telnyx(exchange: Exchange) -> None:
    raw = exchange.telnyx_key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    await exchange.hook("telnyx", secret=base64.b64encode(raw).decode())


async def test_telnyx_tells_of_a_recording_and_of_the_end(exchange: Exchange) -> None:
    await with_telnyx(exchange)

    results = [
        (await telnyx(exchange, said, path=f"{TELNYX}?direction=outbound")).json()["result"]
        for said in (SAVED, HANGUP, {"data": {"event_type": "call.answered", "payload": {}}})
    ]

    (call,) = (await exchange.calls()).values()
    assert results == ["created", "updated", "acknowledged"]
    assert audio_url(call, exchange.server.secrets).endswith("1.wav?signature=planted")
    assert (call.direction, call.disposition) == ("outbound", "normal_clearing")
    assert (call.phone_last4, str(call.started_at)[:19]) == ("2001", "2026-01-05 11:59:59")
    assert "planted" not in str(call.custom)
    assert PHONE not in str(call.custom)


async def test_nobody_is_a_customer_where_the_direction_is_not_known(exchange: Exchange) -> None:
    await with_telnyx(exchange)

    await telnyx(exchange, HANGUP)

    (call,) = (await exchange.calls()).values()
    assert (call.direction, call.phone_last4) == ("unknown", None)
    assert "+1555" not in str(call.custom)


async def test_telnyx_is_not_believed_later_or_by_another_key(exchange: Exchange) -> None:
    await with_telnyx(exchange)
    late = await telnyx(exchange, SAVED, at=int(time.time()) - 301)
    exchange.telnyx_key = Ed25519PrivateKey.generate()
    other = await telnyx(exchange, SAVED)
    odd = await exchange.send(
        TELNYX, json=SAVED, headers={"telnyx-timestamp": "9" * 400, "telnyx-signature-ed25519": "="}
    )

    assert [r.status_code for r in (late, other, odd)] == [401, 401, 401]
    assert await exchange.calls() == {}


async def test_texml_of_telnyx_is_a_form_with_the_same_signature(exchange: Exchange) -> None:
    await with_telnyx(exchange)
    body = (
        b"CallSid=v3%3AabC-_1&RecordingStatus=completed&RecordingUrl=https%3A%2F%2Fexample.org%2F1"
    )
    unix = str(int(time.time()))
    signature = base64.b64encode(exchange.telnyx_key.sign(unix.encode() + b"|" + body)).decode()
    headers = {
        "telnyx-signature-ed25519": signature,
        "telnyx-timestamp": unix,
        "content-type": "application/x-www-form-urlencoded",
    }

    reply = await exchange.send(TELNYX, content=body, headers=headers)

    assert reply.json()["result"] == "created"
    assert list(await exchange.calls()) == ["v3:abC-_1"]


async def test_generic_calls_are_signed_as_our_own_webhooks(exchange: Exchange) -> None:
    secret = (await exchange.hook("generic"))["secret"]

    made = await exchange.send_signed(GENERIC, CALL, secret)
    late = await exchange.send_signed(GENERIC, CALL, secret, at=int(time.time()) - 301)
    forged = await exchange.send_signed(GENERIC, CALL, "whsec_" + "x" * 40)
    endless = await exchange.send(
        GENERIC, json=CALL, headers={"x-locutory-signature": f"t={'9' * 5000},v1=0"}
    )
    again = await exchange.send_signed(GENERIC, CALL, secret)
    changed = await exchange.send_signed(GENERIC, {"callid": "g-1", "status": "SALE"}, secret)

    assert secret.startswith("whsec_")
    assert [r.status_code for r in (late, forged, endless)] == [401, 401, 401]
    assert [r.json()["result"] for r in (made, again, changed)] == [
        "created",
        "duplicate",
        "updated",
    ]
    call = (await exchange.calls())["g-1"]
    assert (call.custom, call.disposition) == ({"campaign": "spring"}, "SALE")
    assert call.audio_url_enc is not None


async def test_a_provider_that_cannot_sign_has_a_token_in_its_address(exchange: Exchange) -> None:
    shown = await exchange.hook("exotel")
    path, token = shown["path"], shown["token"]
    bare = path.removesuffix(f"/{token}")

    by_path = await exchange.send(path, data=EXOTEL)
    by_query = await exchange.send(f"{bare}?token={token}", json={**EXOTEL, "CallSid": "e-2"})
    parts = {name: (None, value) for name, value in {**EXOTEL, "CallSid": "e-3"}.items()}
    in_parts = await exchange.send(path, files=parts)
    wrong = [
        await exchange.send(where, data=EXOTEL)
        for where in (bare, f"{bare}/{token[:-1]}", f"{bare}?token=", f"{bare}?token=é")
    ]

    assert [r.json()["result"] for r in (by_path, by_query, in_parts)] == ["created"] * 3
    assert {r.status_code for r in wrong} == {401}
    call = (await exchange.calls())["e-1"]
    assert (call.direction, call.disposition, call.agent_id) == (
        "outbound",
        "completed",
        "+919800000001",
    )
    assert (call.phone_last4, call.custom["CustomField"]) == ("2001", "order 7")
    assert str(call.ended_at - call.started_at) == "0:01:40"


async def test_times_without_an_offset_are_in_the_zone_of_the_business(exchange: Exchange) -> None:
    await exchange.resident.ask("PATCH", "/businesses/6004", json={"timezone": "Asia/Kolkata"})
    exotel, mcube = [await exchange.hook(name) for name in ("exotel", "mcube")]
    told = {
        "callid": "m-1",
        "callfrom": PHONE,
        "callto": "a-1",
        "starttime": "2026-01-05 17:30:00",
        "endtime": "0000-00-00 00:00:00",
        "dialstatus": "ANSWER",
        "direction": "Incoming",
        "filename": "https://example.org/m-1.wav",
        "groupname": "north",
    }

    await exchange.send(exotel["path"], data=EXOTEL)
    await exchange.send(mcube["path"], data=told)

    calls = await exchange.calls()
    for call in calls.values():
        assert str(call.started_at) == "2026-01-05 12:00:00+00:00"
    assert (calls["m-1"].direction, calls["m-1"].custom) == ("inbound", {"groupname": "north"})
    assert calls["m-1"].flags == ["time_suspect"]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "PAYLOAD_INVALID"),
        (b"[1]", "PAYLOAD_INVALID"),
        (b"{", "PAYLOAD_INVALID"),
        (b"{}", "INVALID"),
        (b'{"callid": "a b"}', "CALLID_INVALID"),
        (b'{"callid": "stream"}', "CALLID_INVALID"),
        (b'{"callid": "x", "started_at": "soon"}', "INVALID"),
        (b'{"callid": "x", "note": "a\\u0000b"}', "INVALID"),
        (b'{"callid": "x", "audio_url": "http://169.254.169.254/"}', "URL_BLOCKED"),
    ],
)
async def test_what_is_no_call_is_refused_and_counted(
    exchange: Exchange, content: bytes, code: str
) -> None:
    shown = await exchange.hook("generic", scheme="token")

    reply = await exchange.send(shown["path"], content=content)

    assert (reply.status_code, reply.json()["error_code"]) == (422, code)
    assert await exchange.calls() == {}


async def test_a_body_beyond_a_megabyte_is_not_read(exchange: Exchange) -> None:
    shown = await exchange.hook("generic", scheme="token")

    reply = await exchange.send(shown["path"], content=b" " * (1024 * 1024 + 1))

    assert reply.status_code == 413


async def test_secrets_are_shown_once_and_kept_unreadable(exchange: Exchange) -> None:
    twilio = await exchange.hook("twilio", secret=AUTH_TOKEN)
    exotel = await exchange.hook("exotel")
    listed = (await exchange.resident.ask("GET", HOOKS)).json()["items"]
    async with exchange.db.read() as session:
        rows = [vars(row) for row in await session.scalars(select(CallHook))]
        audited = [vars(row) for row in await session.scalars(select(AuditRow))]

    assert (twilio["secret"], twilio["token"]) == (None, None)
    assert [one["provider"] for one in listed] == ["exotel", "twilio"]
    assert listed[0]["path"] == "/ingest/6004/webhooks/exotel"
    for hidden in (AUTH_TOKEN, exotel["token"]):
        assert hidden not in str([listed, rows, audited])


async def test_the_former_secret_holds_as_long_as_was_asked(exchange: Exchange) -> None:
    first = (await exchange.hook("generic"))["secret"]
    second = (await exchange.hook("generic", keep_former_s=3600))["secret"]
    statuses = [
        (await exchange.send_signed(GENERIC, {"callid": f"g-{n}"}, secret)).status_code
        for n, secret in enumerate((first, second))
    ]

    third = (await exchange.hook("generic"))["secret"]
    after = [
        (await exchange.send_signed(GENERIC, {"callid": f"h-{n}"}, secret)).status_code
        for n, secret in enumerate((first, second, third))
    ]

    assert statuses == [200, 200]
    assert after == [401, 401, 200]


async def test_a_provider_that_is_taken_away_is_a_stranger_again(exchange: Exchange) -> None:
    shown = await exchange.hook("exotel")
    await exchange.send(shown["path"], data=EXOTEL)

    gone = await exchange.resident.ask("DELETE", f"{HOOKS}/exotel")
    twice = await exchange.resident.ask("DELETE", f"{HOOKS}/exotel")
    reply = await exchange.send(shown["path"], data=EXOTEL)

    assert (gone.status_code, twice.status_code, reply.status_code) == (204, 404, 401)
    async with exchange.db.read() as session:
        assert await session.scalar(select(func.count(HookDelivery.id))) == 0


@pytest.mark.parametrize(
    ("provider", "body"),
    [
        ("twilio", {}),
        ("twilio", {"scheme": "token"}),
        ("twilio", {"secret": "short"}),
        ("exotel", {"secret": AUTH_TOKEN}),
        ("telnyx", {"secret": AUTH_TOKEN}),
        ("generic", {"scheme": "ed25519", "secret": AUTH_TOKEN}),
        ("generic", {"keep_former_s": 604_801}),
        ("generic", {"other": 1}),
    ],
)
async def test_a_secret_that_does_not_fit_is_refused(
    exchange: Exchange, provider: str, body: dict[str, Any]
) -> None:
    reply = await exchange.resident.ask("PUT", f"{HOOKS}/{provider}", json=body)

    assert reply.status_code == 422, reply.text
    assert AUTH_TOKEN not in reply.text


async def test_no_other_provider_is_known(exchange: Exchange) -> None:
    for method, path in (("POST", "/ingest/6004/webhooks/acme"), ("DELETE", f"{HOOKS}/acme")):
        reply = await exchange.resident.ask(method, path)
        assert (reply.status_code, reply.json()["error_code"]) == (404, "PROVIDER_UNKNOWN")


async def test_a_secret_proves_nothing_in_another_business(
    exchange: Exchange, theirs: Resident
) -> None:
    token = (await exchange.hook("exotel"))["token"]
    ask = await theirs.ask("PUT", f"/pipeline/{theirs.bid}/webhooks-in/exotel", json={})
    secret = (await exchange.hook("generic"))["secret"]

    replies = [
        await exchange.send(f"/ingest/{bid}/webhooks/exotel/{token}", data=EXOTEL)
        for bid in (theirs.bid, "nobody", "a%00b")
    ]
    replies.append(
        await exchange.send_signed(f"/ingest/{theirs.bid}/webhooks/generic", CALL, secret)
    )

    assert ask.status_code == 200
    assert {(r.status_code, r.json()["error_code"]) for r in replies} == {(401, "BAD_SIGNATURE")}
    assert (await theirs.ask("GET", f"/call-records/{theirs.bid}")).json()["items"] == []


async def test_only_who_manages_the_business_sets_secrets(exchange: Exchange) -> None:
    ask = {"name": "reader", "scopes": ["calls:read", "calls:ingest"]}
    key = (await exchange.resident.ask("POST", "/api/auth/keys", json=ask)).json()["key"]

    for method in ("GET", "PUT"):
        path = HOOKS if method == "GET" else f"{HOOKS}/exotel"
        rest = {} if method == "GET" else {"json": {}}
        reply = await exchange.resident.ask(method, path, token=key, **rest)
        assert (reply.status_code, reply.json()["error_code"]) == (403, "SCOPE_MISSING")
