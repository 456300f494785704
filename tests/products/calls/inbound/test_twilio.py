"""Twilio and its relatives: signatures by Twilio's own library, and what their callbacks say."""

import hashlib
import hmac
from urllib.parse import urlencode

import httpx2
import pytest
from tests.products.calls.inbound.conftest import AUTH_TOKEN, PHONE, Exchange
from twilio.request_validator import HMAC_SHA256, RequestValidator

from locutory.products.calls.pipeline.addresses import audio_url

pytestmark = pytest.mark.both_databases

PATH = "/ingest/6004/webhooks/twilio"
RECORDED = {
    "AccountSid": "AC1",
    "CallSid": "CA1",
    "RecordingSid": "RE1",
    "RecordingUrl": "https://api.twilio.com/2010-04-01/Accounts/AC1/Recordings/RE1",
    "RecordingStatus": "completed",
    "RecordingDuration": "62",
    "RecordingChannels": "2",
    "RecordingStartTime": "Mon, 05 Jan 2026 12:00:03 +0000",
    "RecordingSource": "DialVerb",
}
ENDED = {
    "AccountSid": "AC1",
    "CallSid": "CA1",
    "CallStatus": "completed",
    "CallDuration": "65",
    "Direction": "inbound",
    "From": PHONE,
    "To": "+15550100",
    "Caller": PHONE,
    "Called": "+15550100",
    "Timestamp": "Mon, 05 Jan 2026 12:01:05 +0000",
    "SequenceNumber": "0",
}


async def deliver(
    exchange: Exchange, fields: dict[str, str], *, path: str = PATH, token: str = AUTH_TOKEN
) -> httpx2.Response:
    signature = RequestValidator(token).compute_signature(exchange.base + path, fields)
    return await exchange.send_form(path, fields, **{"x-twilio-signature": signature})


async def test_a_recording_becomes_a_call_with_a_channel_for_each_party(exchange: Exchange) -> None:
    await exchange.hook("twilio", secret=AUTH_TOKEN)

    reply = await deliver(exchange, RECORDED)

    assert (reply.status_code, reply.json()["result"]) == (200, "created")
    call = (await exchange.calls())["CA1"]
    url = audio_url(call, exchange.server.secrets)
    assert url == f"{RECORDED['RecordingUrl']}.wav?RequestedChannels=2"
    assert call.status == "pending"
    assert call.custom["RecordingSource"] == "DialVerb"
    assert "RecordingUrl" not in call.custom
    assert str(call.started_at) == "2026-01-05 12:00:03+00:00"
    assert await exchange.counted("twilio", "created") == 1


async def test_two_channels_are_not_asked_of_a_recording_of_one(exchange: Exchange) -> None:
    await exchange.hook("twilio", secret=AUTH_TOKEN)

    await deliver(exchange, {**RECORDED, "RecordingChannels": "1"})

    url = audio_url((await exchange.calls())["CA1"], exchange.server.secrets)
    assert url == f"{RECORDED['RecordingUrl']}.wav"


@pytest.mark.parametrize("order", [(ENDED, RECORDED), (RECORDED, ENDED)])
async def test_the_parts_of_a_call_may_come_in_any_order(
    exchange: Exchange, order: tuple[dict[str, str], ...]
) -> None:
    await exchange.hook("twilio", secret=AUTH_TOKEN)

    results = [(await deliver(exchange, part)).json()["result"] for part in order]

    call = (await exchange.calls())["CA1"]
    assert results == ["created", "updated"]
    assert (call.status, call.direction, call.disposition) == ("pending", "inbound", "completed")
    assert (call.phone_last4, call.custom["our_number"]) == ("2001", "+15550100")
    assert str(call.started_at) == "2026-01-05 12:00:00+00:00"
    assert str(call.ended_at) == "2026-01-05 12:01:05+00:00"
    assert call.audio_url_enc is not None
    assert PHONE not in str(call.custom)


async def test_a_delivery_that_comes_again_changes_nothing(exchange: Exchange) -> None:
    await exchange.hook("twilio", secret=AUTH_TOKEN)
    for part in (ENDED, RECORDED):
        await deliver(exchange, part)
    before = vars((await exchange.calls())["CA1"]).copy()

    again = [(await deliver(exchange, part)).json()["result"] for part in (RECORDED, ENDED)]

    after = vars((await exchange.calls())["CA1"]).copy()
    assert again == ["duplicate", "duplicate"]
    assert {**before, "_sa_instance_state": None} == {**after, "_sa_instance_state": None}


@pytest.mark.parametrize(
    "fields",
    [
        {"CallSid": "CA1", "CallStatus": "ringing"},
        {"CallSid": "CA1", "CallStatus": "in-progress"},
        {"CallSid": "CA1", "RecordingStatus": "in-progress", "RecordingUrl": "https://x.example"},
    ],
)
async def test_what_goes_on_still_is_acknowledged_and_not_stored(
    exchange: Exchange, fields: dict[str, str]
) -> None:
    await exchange.hook("twilio", secret=AUTH_TOKEN)

    reply = await deliver(exchange, fields)

    assert reply.json() == {"callid": None, "id": None, "result": "acknowledged"}
    assert await exchange.calls() == {}


async def test_a_missed_call_is_noted_without_a_recording(exchange: Exchange) -> None:
    await exchange.hook("twilio", secret=AUTH_TOKEN)

    await deliver(exchange, {**ENDED, "CallStatus": "no-answer"})

    call = (await exchange.calls())["CA1"]
    assert (call.status, call.status_reason) == ("skipped", "no_recording")


async def test_filters_hold_for_a_recording_that_comes_after_its_call(exchange: Exchange) -> None:
    await exchange.hook("twilio", secret=AUTH_TOKEN)
    config = {"filters": {"min_duration_s": 3600}}
    await exchange.resident.ask("PATCH", "/pipeline/6004/config", json=config)

    for part in (ENDED, RECORDED):
        await deliver(exchange, part)

    call = (await exchange.calls())["CA1"]
    assert (call.status, call.status_reason) == ("skipped", "filtered_too_short")


async def test_without_the_right_signature_nothing_is_stored(exchange: Exchange) -> None:
    await exchange.hook("twilio", secret=AUTH_TOKEN)
    right = RequestValidator(AUTH_TOKEN).compute_signature(exchange.base + PATH, RECORDED)
    header = {"x-twilio-signature": right}

    replies = [
        await exchange.send_form(PATH, RECORDED),
        await exchange.send_form(PATH, {**RECORDED, "CallSid": "CA2"}, **header),
        await exchange.send_form(f"{PATH}?direction=inbound", RECORDED, **header),
        await deliver(exchange, RECORDED, token="f" * 32),
        await exchange.send(PATH, json=RECORDED, headers=header),
        await exchange.send_form(f"{PATH}/{AUTH_TOKEN}", RECORDED),
    ]

    assert {r.status_code for r in replies} == {401}
    assert {r.json()["error_code"] for r in replies} == {"BAD_SIGNATURE"}
    assert await exchange.calls() == {}
    assert await exchange.counted("twilio", "unsigned") == 6


async def test_json_is_believed_by_its_hash_in_the_address(exchange: Exchange) -> None:
    await exchange.hook("twilio", secret=AUTH_TOKEN)
    body = b'{"CallSid": "CA9", "CallStatus": "completed"}'
    path = f"{PATH}?bodySHA256={hashlib.sha256(body).hexdigest()}"
    validator = RequestValidator(AUTH_TOKEN)
    signature = validator.compute_signature(exchange.base + path, {})
    headers = {"x-twilio-signature": signature, "content-type": "application/json"}
    assert validator.validate(exchange.base + path, body.decode(), signature)

    other = await exchange.send(path, content=body.replace(b"CA9", b"CA8"), headers=headers)
    taken = await exchange.send(path, content=body, headers=headers)

    assert (other.status_code, taken.status_code) == (401, 200)
    assert list(await exchange.calls()) == ["CA9"]


async def test_a_shared_key_signs_with_the_stronger_hash(exchange: Exchange) -> None:
    await exchange.hook("twilio", secret=AUTH_TOKEN)
    url = exchange.base + PATH
    signature = RequestValidator(AUTH_TOKEN).compute_signature(url, RECORDED, HMAC_SHA256)
    named = {"x-twilio-webhooks-signature-settings": f"key=k1,algorithm={HMAC_SHA256}"}

    bare = await exchange.send_form(PATH, RECORDED, **{"x-twilio-signature": signature})
    taken = await exchange.send_form(PATH, RECORDED, **{"x-twilio-signature": signature}, **named)

    assert (bare.status_code, taken.status_code) == (401, 200)


@pytest.mark.parametrize("signed", ["https://calls.example.org", "https://calls.example.org:443"])
async def test_behind_a_proxy_the_public_address_is_what_was_signed(
    exchange: Exchange, signed: str
) -> None:
    exchange.server.settings.server.public_url = "https://calls.example.org/"
    shown = await exchange.hook("twilio", secret=AUTH_TOKEN)
    signature = RequestValidator(AUTH_TOKEN).compute_signature(signed + PATH, RECORDED)

    reply = await exchange.send_form(PATH, RECORDED, **{"x-twilio-signature": signature})

    assert shown["url"] == f"https://calls.example.org{PATH}"
    assert reply.json()["result"] == "created"


async def test_signalwire_signs_as_twilio_does_or_over_the_bytes(exchange: Exchange) -> None:
    await exchange.hook("signalwire", secret="PSK_0123456789abcdef")
    path = "/ingest/6004/webhooks/signalwire"
    recorded = {**RECORDED, "RecordingUrl": "https://acme.signalwire.example/RE1.wav"}
    key, url = "PSK_0123456789abcdef", exchange.base + path
    as_twilio = RequestValidator(key).compute_signature(url, recorded)
    over_bytes = hmac.new(
        key.encode(), (url + urlencode({**recorded, "CallSid": "CA2"})).encode(), hashlib.sha1
    ).hexdigest()

    for fields, header, signature in (
        (recorded, "x-twilio-signature", as_twilio),
        ({**recorded, "CallSid": "CA2"}, "x-signalwire-signature", over_bytes),
    ):
        reply = await exchange.send_form(path, fields, **{header: signature})
        assert reply.status_code == 200, reply.text
    refused = await exchange.send_form(path, recorded, **{"x-signalwire-signature": over_bytes})

    assert refused.status_code == 401
    calls = await exchange.calls()
    assert sorted(calls) == ["CA1", "CA2"]
    assert audio_url(calls["CA1"], exchange.server.secrets) == recorded["RecordingUrl"]
