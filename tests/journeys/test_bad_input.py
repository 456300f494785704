"""Bad input, row by row: each has a clear answer, and nothing is lost by it."""

import asyncio
import hashlib
import io
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import httpx2
import numpy as np
import pytest
import pytest_asyncio
import soundfile
from sqlalchemy import select, text

from locutory.app import Server, compose, create_app
from locutory.capabilities.analysis.api import Analyst
from locutory.engines.blobs import BlobStore
from locutory.engines.llm.base import LLM
from locutory.engines.llm.scripted import ScriptedLLM
from locutory.kernel.audit.models import AuditRow
from locutory.kernel.settings import Settings
from locutory.products.calls.demo import path
from locutory.products.calls.sources import operator
from locutory.products.calls.sources.folder import callid_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

RATE = 8000
LARGEST = 1_000_000
UNLIMITED_PAGES = 1_073_741_823
Say = Callable[[asyncio.StreamWriter], Awaitable[None]]


def speech(seconds: float = 5.0, *, seed: int = 0) -> np.ndarray:
    """The first seconds of a demo call, with a grain of noise that makes each its own."""
    sound, rate = soundfile.read(path("audio/hc-0003.ogg"), frames=int(seconds * RATE))
    assert rate == RATE
    mono = sound.mean(axis=1)
    return mono + np.random.default_rng(seed).normal(0, 1e-4, len(mono))


def wav(sound: np.ndarray) -> bytes:
    target = io.BytesIO()
    soundfile.write(target, sound, RATE, format="WAV", subtype="PCM_16")
    return target.getvalue()


@dataclass
class Host:
    """A recording host whose answers a test writes, byte for byte; the last one repeats."""

    port: int = 0
    answers: dict[str, list[Say]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def says(self, name: str, *answers: Say) -> str:
        """The address at which these answers are given in turn."""
        self.answers[f"/{name}"] = list(answers)
        return f"http://127.0.0.1:{self.port}/{name}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            where = head.split(b" ")[1].decode()
            self.asked.append(where)
            left = self.answers[where]
            await (left.pop(0) if len(left) > 1 else left[0])(writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


def answer(status: int, body: bytes = b"", **headers: str) -> Say:
    async def say(writer: asyncio.StreamWriter) -> None:
        lines = [f"HTTP/1.1 {status} X", "Connection: close", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)

    return say


async def drip(writer: asyncio.StreamWriter) -> None:
    """A byte now and then: never idle for long enough to be cut off for that."""
    writer.write(b"HTTP/1.1 200 X\r\nContent-Length: 100000\r\n\r\n")
    while not writer.is_closing():
        writer.write(b"R")
        await writer.drain()
        await asyncio.wait([asyncio.ensure_future(writer.wait_closed())], timeout=0.05)


@dataclass
class House:
    """A server with one business, and the ways to it."""

    server: Server
    client: httpx2.AsyncClient
    host: Host
    model: ScriptedLLM

    async def push(self, *calls: dict[str, Any]) -> httpx2.Response:
        return await self.client.post("/ingest/demo/calls", json={"calls": calls})

    async def upload(
        self, callid: str, audio: bytes, *, name: str = "a.wav", transcript: bytes | None = None
    ) -> httpx2.Response:
        files: dict[str, Any] = {"file": (name, audio)}
        if transcript is not None:
            files["transcript"] = ("a.json", transcript)
        return await self.client.post("/ingest/demo/audio", data={"callid": callid}, files=files)

    async def settle(self) -> None:
        """Run every job to its end, retries without their delays."""
        await self.server.worker().drain(skip_delays=True)

    async def call(self, callid: str) -> dict[str, Any]:
        reply = await self.client.get(f"/call-records/demo/{callid}")
        assert reply.status_code == 200, reply.text
        found: dict[str, Any] = reply.json()
        return found

    async def heard(self, callid: str, audio: bytes, **rest: Any) -> dict[str, Any]:
        """The call of an upload after its jobs have ended."""
        reply = await self.upload(callid, audio, **rest)
        assert reply.status_code == 202, reply.text
        await self.settle()
        return await self.call(callid)

    async def fetched(self, callid: str, url: str) -> dict[str, Any]:
        """The call of a pushed address after its jobs have ended."""
        reply = await self.push({"callid": callid, "audio_url": url})
        assert reply.json()["accepted"] == 1, reply.text
        await self.settle()
        return await self.call(callid)

    async def blocked(self, callid: str) -> list[Any]:
        """The audit rows of a call's blocked address."""
        async with self.server.storage.database().read() as session:
            rows = await session.scalars(
                select(AuditRow).where(
                    AuditRow.action == "url.blocked", AuditRow.object == f"call:{callid}"
                )
            )
            return list(rows)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return tmp_path_factory.mktemp("bad-input")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(scratch: Any) -> AsyncIterator[House]:
    host = Host()
    listener = await asyncio.start_server(host.serve, "127.0.0.1", 0)
    host.port = listener.sockets[0].getsockname()[1]
    settings = Settings(
        data_dir=scratch / "data",
        auth={"mode": "open_loopback"},
        database={"busy_timeout_s": 0.3},
        http={"allow_private_hosts": [f"127.0.0.1:{host.port}"], "fetch_timeout_s": 2.0},
        media={"max_audio_bytes": LARGEST},
    )
    server, model = compose(settings), ScriptedLLM([])
    server.services.add(LLM, model)
    server.services.add(Analyst, Analyst(model))
    async with server.running(work=False):
        await operator.business(server.storage, "demo")
        transport = httpx2.ASGITransport(create_app(server, work=False))
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            yield House(server, client, host, model)
    listener.close()


def refused(reply: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    """The one error body."""
    body: dict[str, Any] = reply.json()
    assert (reply.status_code, body["error_code"]) == (status, code), reply.text
    assert body["detail"]
    assert {"timestamp", "correlation_id", "retry_after"} <= body.keys()
    return body


# --- recordings -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "status", "code", "words"),
    [
        (b"", 422, "AUDIO_EMPTY", "empty"),
        (b"<!doctype html><title>Log in</title>", 415, "AUDIO_NOT_AUDIO", "an HTML page"),
        (b"%PDF-1.7 and so on", 415, "AUDIO_NOT_AUDIO", "a PDF document"),
        (bytes(range(7)) * 40, 415, "AUDIO_NOT_AUDIO", "unknown binary data"),
        (wav(np.zeros(LARGEST // 2)), 413, "AUDIO_TOO_LARGE", f"more than {LARGEST} bytes"),
    ],
    ids=["empty", "html", "pdf", "noise", "huge"],
)
async def test_what_is_no_recording_is_refused_at_the_door_and_leaves_no_call(
    house: House, content: bytes, status: int, code: str, words: str
) -> None:
    reply = await house.upload("no-recording", content, name="call.wav")

    assert words in refused(reply, status, code)["detail"]
    assert (await house.client.get("/call-records/demo/no-recording")).status_code == 404


@pytest.mark.parametrize(
    ("callid", "content", "code"),
    [
        ("header-only", wav(np.zeros(0)), "AUDIO_EMPTY"),
        ("cut-in-half", wav(speech(seed=1))[:40_000], "AUDIO_TRUNCATED"),
        ("garbled", b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0" + b"\xa5" * 500, "AUDIO_UNDECODABLE"),
        ("garbled-ogg", b"OggS" + b"\x07" * 900, "AUDIO_UNDECODABLE"),
    ],
    ids=["header-only", "cut-in-half", "garbled", "garbled-ogg"],
)
async def test_a_broken_recording_fails_at_once_with_the_reason_and_is_kept(
    house: House, callid: str, content: bytes, code: str
) -> None:
    call = await house.heard(callid, content)

    assert (call["status"], call["status_reason"]) == ("failed", code)
    assert call["status_detail"]
    assert [(s["state"], s["attempts"], s["error_class"]) for s in call["stages"]] == [
        ("dead", 1, "permanent_input")
    ]
    assert await stored_bytes(house, callid) == content


async def stored_bytes(house: House, callid: str) -> bytes:
    """The recording as the store has it."""
    blobs = house.server.services.get(BlobStore)
    with closing(sqlite3.connect(house.server.settings.data_dir / "locutory.db")) as database:
        row = database.execute(
            "SELECT audio_key FROM calls_record WHERE callid = ?", [callid]
        ).fetchone()
    return await blobs.get(row[0])


async def test_a_recording_of_which_the_last_few_percent_are_missing_is_taken(
    house: House,
) -> None:
    whole = wav(speech(seed=2))

    call = await house.heard("nearly-whole", whole[: int(len(whole) * 0.97)])

    assert call["status"] == "done"
    assert "truncated" in call["flags"]
    assert call["transcript"]["turns"]


async def test_a_recording_of_less_than_a_second_is_skipped(house: House) -> None:
    call = await house.heard("blip", wav(speech(0.4, seed=3)))

    assert (call["status"], call["status_reason"]) == ("skipped", "too_short")
    assert call["duration_s"] == pytest.approx(0.4, abs=0.01)


async def test_silence_is_done_without_words_and_no_model_is_asked(house: House) -> None:
    call = await house.heard("silence", wav(np.zeros(5 * RATE)))

    assert (call["status"], call["status_reason"]) == ("done", "no_speech")
    assert {"no_speech", "no_words"} <= set(call["flags"])
    assert call["transcript"]["turns"] == []
    assert house.model.requests == []


async def test_the_same_sound_on_both_channels_counts_as_one(house: House) -> None:
    one = speech(seed=4)

    call = await house.heard("twice-one", wav(np.column_stack([one, one])))

    assert call["status"] == "done"
    assert call["channels"] == 2
    assert call["true_stereo"] is False
    assert "false_stereo" in call["flags"]


async def test_the_same_recording_under_two_ids_is_analysed_and_flagged(house: House) -> None:
    audio = wav(speech(seed=5))

    first = await house.heard("original", audio)
    second = await house.heard("copy", audio)

    assert "duplicate_audio" not in first["flags"]
    assert "duplicate_audio" in second["flags"]
    assert second["status"] == "done"


@pytest.mark.parametrize(
    ("callid", "sidecar", "flag"),
    [
        ("half-json", b'{"language": "en", "segments": [{"start_ms": 0, "te', "sidecar_invalid"),
        ("empty-sidecar", b" \n", "sidecar_invalid"),
        ("other-json", b'{"weather": "fine"}', "sidecar_ignored"),
    ],
    ids=["half-json", "empty", "another-shape"],
)
async def test_a_sidecar_of_no_use_costs_the_words_but_never_the_recording(
    house: House, callid: str, sidecar: bytes, flag: str
) -> None:
    audio = wav(speech(seed=len(callid)))

    call = await house.heard(callid, audio, transcript=sidecar)

    assert call["status"] == "done"
    assert {flag, "no_words"} <= set(call["flags"])
    assert call["transcript"]["origin"] == "acoustic"
    assert call["transcript"]["turns"]
    assert call["metrics"]["talk_ratio"] is not None


async def test_impossible_times_in_a_sidecar_are_mended_and_the_words_kept(house: House) -> None:
    sidecar = (
        b'{"language": "en", "segments": ['
        b'{"start_ms": 3000, "end_ms": 99000000, "speaker": "customer", "text": "the last words"},'
        b'{"start_ms": -500, "end_ms": 900, "speaker": "agent", "text": "the first words"},'
        b'{"start_ms": NaN, "end_ms": 2500, "speaker": "agent", "text": "lost in time"}]}'
    )

    call = await house.heard("times", wav(speech(seed=8)), transcript=sidecar)

    turns = call["transcript"]["turns"]
    assert call["transcript"]["origin"] == "sidecar"
    assert sorted(turn["text"] for turn in turns) == [
        "lost in time",
        "the first words",
        "the last words",
    ]
    starts = [turn["start_ms"] for turn in turns]
    assert starts == sorted(starts)
    assert all(0 <= turn["start_ms"] <= turn["end_ms"] <= 5000 for turn in turns)
    assert "TIMES_MENDED" in call["transcript"]["quality"]["warnings"]


# --- addresses ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/a.wav",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::1]/a.wav",
        "http://10.1.2.3/a.wav",
        "http://2130706433/a.wav",
        "http://0x7f.1/a.wav",
        "http://user:secret@files.example/a.wav",
        "file:///etc/passwd",
        "http://files.example:22/a.wav",
    ],
)
async def test_an_address_into_the_private_network_is_refused_at_the_push(
    house: House, url: str
) -> None:
    callid = callid_of("private", hashlib.sha256(url.encode()).hexdigest())

    reply = await house.push({"callid": callid, "audio_url": url}, {"callid": f"{callid}-good"})

    bad, good = reply.json()["items"]
    assert (bad["result"], bad["error"]["error_code"]) == ("rejected", "URL_BLOCKED")
    assert good["result"] in ("created", "duplicate")
    [row] = await house.blocked(callid)
    assert row.actor
    assert row.detail["reason"] == bad["error"]["detail"]
    assert "secret" not in str(row.detail)


async def test_the_old_relay_is_refused_a_private_address_too_and_audited(house: House) -> None:
    body = {"bid": "demo", "callid": "relayed", "filename": "http://10.0.0.9/a.wav"}

    reply = await house.client.post("/update-call", json=body)

    refused(reply, 422, "URL_BLOCKED")
    assert len(await house.blocked("relayed")) == 1


@pytest.mark.parametrize("kind", ["name", "redirect"])
async def test_an_address_that_only_turns_out_private_fails_the_call_and_is_audited(
    house: House, kind: str
) -> None:
    inward = house.host.says("inward", answer(302, Location="http://10.0.0.7/a.wav"))
    url = {"name": "http://localhost/a.wav", "redirect": inward}[kind]

    call = await house.fetched(f"inward-{kind}", url)

    assert (call["status"], call["status_reason"]) == ("failed", "URL_BLOCKED")
    assert call["stages"][0]["attempts"] == 1
    assert len(await house.blocked(f"inward-{kind}")) == 1


async def test_a_call_whose_recording_was_gone_is_heard_from_a_new_address(house: House) -> None:
    gone = await house.fetched("mended", house.host.says("gone-first", answer(410)))
    sound = wav(np.zeros(2 * RATE, dtype=np.float32))

    mended = await house.fetched("mended", house.host.says("there-now", answer(200, sound)))

    assert (gone["status"], mended["status"]) == ("failed", "done")
    assert "source_changed" not in mended["flags"]


async def test_a_call_whose_recording_was_gone_is_heard_from_an_upload(house: House) -> None:
    await house.fetched("uploaded", house.host.says("gone-too", answer(410)))

    mended = await house.heard("uploaded", wav(np.zeros(2 * RATE, dtype=np.float32)))

    assert mended["status"] == "done"


@pytest.mark.parametrize("status", [401, 403, 404, 410])
async def test_a_recording_that_is_gone_fails_the_call_at_once(house: House, status: int) -> None:
    url = house.host.says(f"gone-{status}", answer(status))

    call = await house.fetched(f"gone-{status}", url)

    assert (call["status"], call["status_reason"]) == ("failed", "AUDIO_URL_EXPIRED")
    assert str(status) in call["status_detail"]
    assert house.host.asked.count(f"/gone-{status}") == 1


async def test_a_host_that_fails_once_is_asked_again(house: House) -> None:
    url = house.host.says("once", answer(500), answer(200, wav(speech(seed=6))))

    call = await house.fetched("failed-once", url)

    assert call["status"] == "done"
    assert call["stages"][0]["attempts"] == 2


async def test_a_host_that_fails_always_fails_the_call_after_six_attempts(house: House) -> None:
    url = house.host.says("never", answer(503))

    call = await house.fetched("failed-always", url)

    assert (call["status"], call["status_reason"]) == ("failed", "URL_UNAVAILABLE")
    assert house.host.asked.count("/never") == 6


async def test_a_host_that_drips_is_cut_off_and_asked_again(house: House) -> None:
    url = house.host.says("drip", drip, answer(200, wav(speech(seed=7))))

    call = await house.fetched("dripped", url)

    assert call["status"] == "done"
    assert call["stages"][0]["attempts"] == 2


async def test_a_recording_that_is_too_large_is_not_fetched_to_its_end(house: House) -> None:
    url = house.host.says("large", answer(200, bytes(LARGEST + 1)))

    call = await house.fetched("large", url)

    assert (call["status"], call["status_reason"]) == ("failed", "AUDIO_TOO_LARGE")


async def test_a_login_page_at_the_address_fails_the_call_as_no_recording(house: House) -> None:
    url = house.host.says("page", answer(200, b"<html><body>Please log in</body></html>"))

    call = await house.fetched("page", url)

    assert (call["status"], call["status_reason"]) == ("failed", "AUDIO_NOT_AUDIO")
    assert "an HTML page" in call["status_detail"]


# --- what is said of a call -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "callid",
    ["a/b", "two words", "📞", "x" * 500, "", "line\n", "stream"],
    ids=["slash", "space", "emoji", "500", "empty", "newline", "reserved"],
)
async def test_a_bad_call_id_is_refused_and_the_rest_of_the_batch_is_taken(
    house: House, callid: str
) -> None:
    neighbour = callid_of("beside", hashlib.sha256(callid.encode()).hexdigest())

    reply = await house.push({"callid": callid}, {"callid": neighbour})

    assert (reply.status_code, reply.json()["rejected"]) == (200, 1)
    bad, good = reply.json()["items"]
    assert (bad["result"], bad["error"]["error_code"]) == ("rejected", "CALLID_INVALID")
    assert good["result"] == "created"
    refused(await house.upload(callid or " ", wav(speech())), 422, "CALLID_INVALID")


async def test_the_same_id_with_other_metadata_updates_and_with_other_audio_is_flagged(
    house: House,
) -> None:
    first = {"callid": "twice", "audio_url": "http://files.example/1.wav", "agent_name": "Ana"}

    outcomes = [
        (await house.push(body)).json()["items"][0]["result"]
        for body in (
            first,
            first,
            {**first, "agent_name": "Anna"},
            {**first, "audio_url": "http://files.example/2.wav", "agent_name": "Bert"},
        )
    ]

    assert outcomes == ["created", "duplicate", "updated", "source_changed"]
    call = await house.call("twice")
    assert call["agent"] == "Anna"
    assert "source_changed" in call["flags"]


@pytest.mark.parametrize(
    ("callid", "times"),
    [
        ("backwards", {"started_at": "2026-05-05T10:00:00Z", "ended_at": "2026-05-05T09:59:00Z"}),
        ("epoch", {"started_at": "1970-01-01T00:00:00Z"}),
        ("far-future", {"started_at": "2399-01-01T00:00:00Z"}),
    ],
)
async def test_a_time_that_cannot_be_is_stored_and_flagged(
    house: House, callid: str, times: dict[str, str]
) -> None:
    reply = await house.push({"callid": callid, **times})

    call = await house.call(callid)
    assert reply.json()["items"][0]["result"] == "created"
    assert "time_suspect" in call["flags"]
    assert call["duration_s"] is None
    assert call["started_at"][:19] == times["started_at"][:19]


@pytest.mark.parametrize(
    ("callid", "phone", "shown"),
    [
        ("phone-word", "anonymous", None),
        ("phone-masked", "+91-98xxx", None),
        ("phone-zeros", "0091 98450 12345", "•••2345"),
        ("phone-empty", "", None),
    ],
)
async def test_an_odd_phone_number_is_normalised_or_left_out(
    house: House, callid: str, phone: str, shown: str | None
) -> None:
    reply = await house.push({"callid": callid, "customer_phone": phone})

    assert reply.json()["items"][0]["result"] == "created"
    assert (await house.call(callid))["customer_masked"] == shown


# --- requests -------------------------------------------------------------------------------------


async def test_an_unknown_business_is_not_found(house: House) -> None:
    reply = await house.client.post("/ingest/nobody/calls", json={"calls": [{"callid": "a"}]})

    refused(reply, 404, "BID_NOT_FOUND")


async def test_half_a_json_document_is_refused_in_the_one_form(house: House) -> None:
    reply = await house.client.post(
        "/ingest/demo/calls",
        content=b'{"calls": [{"callid": "hal',
        headers={"content-type": "application/json"},
    )

    assert refused(reply, 422, "INVALID")["errors"]
    assert (await house.client.get("/call-records/demo/hal")).status_code == 404


@pytest.mark.parametrize(
    "field",
    [
        rb'"custom": {"note": "\ud800"}',
        rb'"custom": {"note": "\u0000"}',
        rb'"agent_name": "\ud800"',
        rb'"unknown_field": ' + b"9" * 40,
        rb'"custom": ' + b'{"a":' * 300 + b"1" + b"}" * 300,
        rb'"started_at": "9999-12-31T23:59:59-14:00"',
        rb'"started_at": "0001-01-01T00:00:00+14:00"',
        rb'"kind": "film"',
    ],
    ids=["surrogate", "nul", "name", "digits", "deep", "late", "early", "kind"],
)
async def test_an_item_that_no_database_could_keep_is_rejected_alone(
    house: House, field: bytes
) -> None:
    good = hashlib.sha256(field).hexdigest()

    reply = await house.client.post(
        "/ingest/demo/calls",
        content=b'{"calls": [{"callid": "odd", %b}, {"callid": "%b"}]}' % (field, good.encode()),
        headers={"content-type": "application/json"},
    )

    assert reply.status_code == 200, reply.text
    odd, taken = reply.json()["items"]
    assert (odd["result"], odd["error"]["error_code"]) == ("rejected", "INVALID")
    assert odd["error"]["errors"]
    assert taken["result"] == "created"
    assert (await house.call(good))["callid"] == good


async def test_a_backslash_before_zeros_is_no_nul_character(house: House) -> None:
    custom = {"path": "C:\\u0000", "note": "\\"}

    await house.push({"callid": "backslash", "custom": custom})

    assert (await house.call("backslash"))["custom"] == custom


async def test_a_form_field_that_no_database_keeps_is_refused(house: House) -> None:
    reply = await house.client.post(
        "/ingest/demo/audio",
        data={"callid": "nul-form", "agent_name": "An\x00a"},
        files={"file": ("a.wav", b"RIFF")},
    )

    refused(reply, 422, "INVALID")


@pytest.mark.parametrize("count", [0, 501])
async def test_a_batch_has_one_to_five_hundred_calls(house: House, count: int) -> None:
    reply = await house.push(*({"callid": f"batch-{count}-{n}"} for n in range(count)))

    errors = refused(reply, 422, "INVALID")["errors"]
    assert [error["field"] for error in errors] == ["calls"]
    assert (await house.client.get(f"/call-records/demo/batch-{count}-0")).status_code == 404


# --- a store that cannot take it ------------------------------------------------------------------


async def test_a_full_disk_is_an_outage_that_loses_nothing_and_passes(house: House) -> None:
    calls = [{"callid": f"full-{n}", "custom": {"note": "x" * 4000}} for n in range(100)]
    await allow_pages(house, 1)  # SQLite raises it to what the file has already

    while_full = await house.push(*calls)
    await allow_pages(house, UNLIMITED_PAGES)
    after = await house.push(*calls)

    assert refused(while_full, 503, "STORAGE_UNAVAILABLE")["retry_after"] > 0
    assert (after.status_code, after.json()["accepted"]) == (200, 100)


async def allow_pages(house: House, most: int) -> None:
    async def limit(tx: Any) -> None:
        await tx.execute(text(f"PRAGMA max_page_count={most}"))

    await house.server.storage.database().write(limit)


async def test_a_locked_database_is_an_outage_that_passes(house: House) -> None:
    file = house.server.settings.data_dir / "locutory.db"

    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        while_locked = await house.push({"callid": "locked"})
        reading = await house.client.get("/call-records/demo")
        other.execute("ROLLBACK")
    after = await house.push({"callid": "locked"})

    refused(while_locked, 503, "STORAGE_UNAVAILABLE")
    assert reading.status_code == 200
    assert after.json()["items"][0]["result"] == "created"
