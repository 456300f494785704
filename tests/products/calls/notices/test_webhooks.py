"""Webhooks and notices through HTTP: calls come in, a receiver on this machine is told."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest
from sqlalchemy import select
from tests.conftest import Resident, settle_down

from locutory import app
from locutory.kernel.auth.models import TenantRow
from locutory.kernel.events import emit
from locutory.kernel.settings import DatabaseSettings, HttpSettings, LimitSettings, Settings
from locutory.products.calls.notices.contract import PAUSE_AFTER
from locutory.products.calls.notices.signing import holds, signature
from locutory.products.calls.records.contract import DeadLetterAdded

pytestmark = pytest.mark.both_databases

SRT = b"""1
00:00:00,000 --> 00:00:03,000
Agent: Good morning, this is Asha, how may I help you?

2
00:00:03,500 --> 00:00:07,000
Customer: My card is 4111 1111 1111 1111 and my internet is slow.
"""


@dataclass
class Receiver:
    """An HTTP endpoint that keeps what it is sent and answers as told, then with 200."""

    port: int = 0
    answers: list[int] = field(default_factory=list)
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook/path-is-secret"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                lines = head.split("\r\n")[1:]
                headers = dict(line.lower().split(": ", 1) for line in lines if ": " in line)
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                self.got.append((headers, body))
                status = self.answers.pop(0) if self.answers else 200
                extra = "Location: http://10.0.0.1/\r\n" if status == 302 else ""
                writer.write(f"HTTP/1.1 {status} X\r\n{extra}Content-Length: 0\r\n\r\n".encode())
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def told(self) -> list[str]:
        return [orjson.loads(body)["type"] for _, body in self.got]


@dataclass
class House:
    """A server with one business, and a receiver that may be reached."""

    server: app.Server
    admin: Resident
    receiver: Receiver

    async def hook(self, *events: str) -> dict[str, Any]:
        ask = {"name": "Tickets", "url": self.receiver.url, "events": list(events)}
        reply = await self.admin.ask("POST", f"/webhooks/{self.admin.bid}", json=ask)
        assert reply.status_code == 201, reply.text
        made: dict[str, Any] = reply.json()
        return made

    async def call(self, callid: str, transcript: bytes | None = SRT) -> None:
        files: dict[str, Any] = {"file": ("a.wav", wav()[:44])}
        if transcript is not None:
            files = {"file": ("a.wav", wav()), "transcript": ("a.srt", transcript)}
        reply = await self.admin.ask(
            "POST", f"/ingest/{self.admin.bid}/audio", data={"callid": callid}, files=files
        )
        assert reply.status_code == 202, reply.text

    async def settle(self) -> None:
        """Number what happened and run every job, until nothing new happens."""
        while await self.server.sealer.seal() or await self.server.worker().drain(skip_delays=True):
            pass

    async def get(self, path: str, **query: Any) -> dict[str, Any]:
        reply = await self.admin.ask("GET", path, params=query)
        assert reply.status_code == 200, reply.text
        found: dict[str, Any] = reply.json()
        return found

    async def log(self, hook: dict[str, Any], **query: Any) -> list[dict[str, Any]]:
        path = f"/webhooks/{self.admin.bid}/{hook['id']}/deliveries"
        items: list[dict[str, Any]] = (await self.get(path, **query))["items"]
        return items


def wav() -> bytes:
    """Eight seconds of a quiet hum at 8 kHz."""
    samples = bytes((128 + (i * 7 % 11)) % 256 for i in range(64_000))
    head = b"RIFF" + (36 + len(samples)).to_bytes(4, "little") + b"WAVEfmt "
    form = (
        (16).to_bytes(4, "little") + b"\1\0\1\0" + (8000).to_bytes(4, "little") * 2 + b"\1\0\x08\0"
    )
    return head + form + b"data" + len(samples).to_bytes(4, "little") + samples


@pytest.fixture
async def house(tmp_path: Path, database_url: str, password_hash: str) -> AsyncIterator[House]:
    receiver = Receiver()
    listener = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.port = listener.sockets[0].getsockname()[1]
    settings = Settings(
        data_dir=tmp_path / "data",
        database=DatabaseSettings(url=database_url),
        limits=LimitSettings(default="1000000/minute", login="1000000/minute"),
        http=HttpSettings(allow_private_hosts=(f"127.0.0.1:{receiver.port}",)),
    )
    async with app.compose(settings).running(work=False) as server:
        transport = httpx2.ASGITransport(app.create_app(server, work=False))
        async with httpx2.AsyncClient(transport=transport, base_url="http://t.test") as client:
            admin = await settle_down(server, client, "6004", password_hash)
            yield House(server, admin, receiver)
    listener.close()


async def test_a_finished_call_is_told_once_signed_and_without_secrets(house: House) -> None:
    hook = await house.hook("call.done", "call.transcribed")

    await house.call("c-1")
    await house.settle()
    await house.settle()

    assert sorted(house.receiver.told()) == ["call.done", "call.transcribed"]
    for headers, body in house.receiver.got:
        now = int(time.time())
        assert holds(hook["secret"], body, headers["x-locutory-signature"], now=now)
        assert not holds("whsec_other", body, headers["x-locutory-signature"], now=now)
        assert orjson.loads(body)["id"] == headers["x-locutory-event-id"]
        assert orjson.loads(body)["data"]["callid"] == "c-1"
        assert b"4111" not in body
    log = await house.log(hook)
    assert [(row["state"], row["status"], row["attempts"]) for row in log] == [("ok", 200, 1)] * 2
    bodies = {hashlib.sha256(body).hexdigest() for _, body in house.receiver.got}
    assert {row["body_sha256"] for row in log} == bodies


async def test_a_call_that_is_judged_anew_is_told_when_it_is_done_again(house: House) -> None:
    await house.hook("call.done")
    await house.call("c-1")
    await house.settle()

    path = f"/call-records/{house.admin.bid}/c-1/reanalyze"
    asked = await house.admin.ask("POST", path, json={})
    await house.server.sealer.seal()
    told_before = house.receiver.told()
    await house.settle()

    assert asked.status_code == 202
    assert (told_before, house.receiver.told()) == (["call.done"], ["call.done"] * 2)


async def test_a_matched_moment_is_told(house: House) -> None:
    await house.hook("moment.matched")
    rule = {
        "key": "slow",
        "name": "Says that it is slow",
        "rule": {"kind": "phrase", "phrases": ["internet is slow"]},
    }
    made = await house.admin.ask("POST", f"/moments/{house.admin.bid}", json=rule)

    await house.call("c-1")
    await house.settle()

    assert made.status_code == 201, made.text
    assert house.receiver.told() == ["moment.matched"]
    assert orjson.loads(house.receiver.got[0][1])["data"]["rule"] == "slow"


async def test_deliveries_are_counted_by_how_they_ended(house: House) -> None:
    await house.hook("call.done")
    house.receiver.answers += [500]

    await house.call("c-1")
    await house.settle()
    page = (await house.admin.client.get("/metrics")).text

    assert 'notify_deliveries_total{result="failed"} 1.0' in page
    assert 'notify_deliveries_total{result="ok"} 1.0' in page


async def test_a_receiver_that_fails_is_tried_again_with_the_same_bytes(house: House) -> None:
    hook = await house.hook("call.done")
    house.receiver.answers += [500, 503]

    await house.call("c-1")
    await house.settle()

    assert len({body for _, body in house.receiver.got}) == 1
    (row,) = await house.log(hook)
    assert (row["state"], row["attempts"], row["status"]) == ("ok", 3, 200)


async def test_a_receiver_that_never_answers_well_is_given_up_and_can_be_replayed(
    house: House,
) -> None:
    hook = await house.hook("call.done")
    house.receiver.answers += [500] * 10

    await house.call("c-1")
    await house.settle()
    (dead,) = await house.log(hook, state="dead")
    path = f"/webhooks/{house.admin.bid}/{hook['id']}/deliveries/{dead['id']}/replay"
    replayed = await house.admin.ask("POST", path)
    again = await house.admin.ask("POST", path)
    await house.settle()

    assert dead["attempts"] == 10
    assert "500" in dead["error"]
    assert replayed.status_code == 202
    assert (again.status_code, again.json()["error_code"]) == (409, "DELIVERY_PENDING")
    (row,) = await house.log(hook)
    assert row["state"] == "ok"


async def test_a_redirect_to_a_private_address_is_not_followed(house: House) -> None:
    hook = await house.hook("call.done")
    house.receiver.answers += [302] * 20

    await house.call("c-1")
    await house.settle()

    (row,) = await house.log(hook)
    assert row["state"] == "dead"
    assert len({headers["host"] for headers, _ in house.receiver.got}) == 1


async def test_an_address_inside_the_network_is_refused(house: House) -> None:
    ask = {"name": "x", "url": "http://169.254.169.254/latest", "events": ["call.done"]}

    reply = await house.admin.ask("POST", f"/webhooks/{house.admin.bid}", json=ask)

    assert (reply.status_code, reply.json()["error_code"]) == (422, "URL_BLOCKED")


async def test_an_address_that_fails_a_hundred_times_is_paused_and_goes_on_when_told_to(
    house: House,
) -> None:
    hook = await house.hook("dlq.added")
    house.receiver.answers += [500] * (2 * PAUSE_AFTER)
    path = f"/webhooks/{house.admin.bid}"

    for number in range(PAUSE_AFTER // 10 + 1):
        await dead_letter(house, f"d-{number}")
    await house.settle()

    (paused,) = (await house.get(path))["items"]
    assert not paused["active"]
    assert paused["failures"] >= PAUSE_AFTER  # those that were on their way count too
    assert "100 deliveries failed in a row" in paused["paused_reason"]
    assert {row["state"] for row in await house.log(hook)} == {"dead", "skipped"}
    reply = await house.admin.ask("PATCH", f"{path}/{hook['id']}", json={"active": True})
    assert (reply.json()["active"], reply.json()["failures"]) == (True, 0)


async def dead_letter(house: House, callid: str) -> None:
    event = DeadLetterAdded(
        callid=callid,
        stage="transcribe",
        error_class="permanent_input",
        error_code="AUDIO_EMPTY",
        detail="no samples",
    )
    storage = house.server.storage
    async with storage.read(None) as session:
        tenant = await session.scalar(select(TenantRow.id).where(TenantRow.slug == "6004"))
    assert tenant is not None
    await storage.database(tenant).write(lambda tx: emit(tx, event))


async def test_the_test_button_says_what_came_back(house: House) -> None:
    hook = await house.hook("call.done")
    path = f"/webhooks/{house.admin.bid}/{hook['id']}/test"
    house.receiver.answers += [204, 418]

    good, bad = await house.admin.ask("POST", path), await house.admin.ask("POST", path)

    assert (good.json()["ok"], good.json()["status"]) == (True, 204)
    assert bad.json()["ok"] is False
    assert "418" in bad.json()["error"]
    assert house.receiver.told() == ["ping", "ping"]
    assert await house.log(hook) == []


async def test_address_and_secret_are_shown_nowhere_again(house: House) -> None:
    hook = await house.hook("call.done")

    listed = await house.admin.ask("GET", f"/webhooks/{house.admin.bid}")

    assert "path-is-secret" not in listed.text
    assert hook["secret"] not in listed.text


async def test_a_deleted_webhook_is_told_nothing_more(house: House) -> None:
    hook = await house.hook("call.done")

    reply = await house.admin.ask("DELETE", f"/webhooks/{house.admin.bid}/{hook['id']}")
    await house.call("c-1")
    await house.settle()

    assert reply.status_code == 204
    assert house.receiver.got == []


async def test_failed_calls_become_notices_that_are_read_once(house: House) -> None:
    path = f"/notices/{house.admin.bid}"

    await house.call("broken", None)
    await house.settle()
    before = await house.get(path)
    seen = await house.admin.ask("POST", f"{path}/seen")
    after = await house.get(path)

    assert {(n["news"], n["callid"]) for n in before["items"]} == {
        ("call.failed", "broken"),
        ("dlq.added", "broken"),
    }
    assert (before["unread"], seen.status_code, after["unread"]) == (2, 204, 0)
    assert not any(notice["unread"] for notice in after["items"])


async def test_a_business_says_what_it_wants_to_hear_and_what_a_low_score_is(
    house: House,
) -> None:
    path = f"/notices/{house.admin.bid}"
    wanted = {"news": ["score.low"], "score_below": 100}

    reply = await house.admin.ask("PUT", f"{path}/settings", json=wanted)
    await house.call("c-1")
    await house.call("broken", None)
    await house.settle()

    assert reply.json() == await house.get(f"{path}/settings") == wanted
    call = await house.get(f"/call-records/{house.admin.bid}/c-1")
    expected = [] if call["score"] is None else [("score.low", "c-1")]
    notices = (await house.get(path))["items"]
    assert [(n["news"], n["callid"]) for n in notices] == expected
    assert expected, "the sample call has a score"


def test_a_signature_is_bound_to_body_time_and_secret() -> None:
    given = signature("s", b"{}", at=1_000)

    assert holds("s", b"{}", given, now=1_200)
    assert not holds("s", b"{} ", given, now=1_200)
    assert not holds("s", b"{}", given, now=1_400)
    assert not holds("s", b"{}", "t=x,v1=y", now=1_000)
    assert not holds("s", b"{}", "", now=1_000)
