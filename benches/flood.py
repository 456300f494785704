"""One business floods the whole pipeline while another has a few calls: PA10 beside real work.

    python -m benches.flood [--full]

Both push over HTTP's routes into one server; recordings are fetched, decoded, given words by a
scripted engine, judged by rules and indexed. The flood is not worked to its end: it is watched
while the small business's calls pass and until its transcriptions are braked.
"""

import asyncio
import io
import sys
import threading
import time
import wave
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx2
import numpy as np
import psutil
import uvloop
from sqlalchemy import func, select

from benches.api_child import settings_in
from benches.common import Options, Report, options_of
from benches.gen.places import key_to
from benches.serving import scratch
from locutory.app import Server, compose, create_app
from locutory.cli.operate import configure_logs
from locutory.engines.stt import Segment, STTProvider
from locutory.engines.stt.stub import StubSTT
from locutory.kernel.auth import people
from locutory.kernel.auth.contract import Tenant
from locutory.kernel.db import Session
from locutory.kernel.settings import Settings
from locutory.products.calls.records.models import CallRecord

LARGE, SMALL = "flood", "brook"
_PER_PUSH = 500
_HIGH_WATER = 500  # waiting analyses that brake transcriptions; the shipped 2,000 take an hour
_PATIENCE_S = 420.0
_TALK = (
    "Good morning, this is the service desk, how can I help you today?",
    "I would like a quote for forty seats, but last year it was too expensive for us.",
    "I understand. What budget do you have in mind, and when do you want to begin?",
    "About nine thousand, and we decide in March. My director has to sign it.",
    "Then I will send you the offer today and call you back on Monday at ten.",
    "That would be great, thank you very much.",
)


def recording() -> bytes:
    """Three seconds of a quiet tone at 8 kHz."""
    out = io.BytesIO()
    samples = (2000 * np.sin(np.arange(24_000) / 5)).astype("<i2")
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(samples.tobytes())
    return out.getvalue()


@contextmanager
def recordings() -> Iterator[str]:
    """The address of a server that has the recording under every name."""
    body = recording()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "audio/wav")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


@dataclass(frozen=True, slots=True)
class Sender:
    """A business that pushes."""

    tenant: Tenant
    client: httpx2.AsyncClient

    async def push(self, calls: int, audio: str) -> int:
        """Push so many calls; returns how many were accepted. Raises RuntimeError on a refusal."""
        accepted = 0
        for first in range(0, calls, _PER_PUSH):
            batch = [
                {
                    "callid": f"call-{n:05d}",
                    "agent_id": f"a{n % 20}",
                    "started_at": "2026-05-04T09:00:00Z",
                    "audio_url": f"{audio}/{n}.wav",
                }
                for n in range(first, min(calls, first + _PER_PUSH))
            ]
            reply = await self.client.post(
                f"/ingest/{self.tenant.slug}/calls", json={"calls": batch}
            )
            if reply.status_code != 200:
                raise RuntimeError(f"{reply.status_code} {reply.text[:300]}")
            accepted += reply.json()["accepted"]
        return accepted

    async def braked(self) -> bool:
        """Whether the status tells that this business's transcriptions are held back."""
        reply = await self.client.get(f"/pipeline/{self.tenant.slug}/status")
        return bool(reply.json()["queues"]["transcribe"]["braked"])


async def sender(server: Server, app: Any, slug: str) -> Sender:
    """A new business and its client."""
    new = people.NewTenant(slug=slug, name=slug, timezone="UTC", country_code=None, currency=None)

    async def add(tx: Session) -> Tenant:
        return await people.create_tenant(tx, new, actor="operator:local")

    tenant = await server.storage.database().write(add)
    key = await key_to(server, tenant.id)
    client = httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app),
        base_url="http://bench",
        headers={"authorization": f"Bearer {key}"},
        timeout=60,
    )
    return Sender(tenant, client)


async def count(server: Server, who: Sender, *, done: bool = False) -> int:
    """How many calls a business has, or how many of them are done."""
    async with server.storage.read(who.tenant.id) as session:
        statement = select(func.count()).select_from(CallRecord)
        if done:
            statement = statement.where(CallRecord.status == "done")
        return (await session.execute(statement)).scalar_one()


@asynccontextmanager
async def house() -> AsyncIterator[tuple[Server, Any, str]]:
    """A server with a scripted speech engine, its app, and where recordings are."""
    with scratch() as folder, recordings() as audio:
        settings = settings_in(folder)
        settings.http.allow_private_hosts = (audio.removeprefix("http://"),)
        settings.pipeline.high_water = _HIGH_WATER
        server = compose(settings)
        turns = tuple(
            Segment(
                start_ms=n * 500, end_ms=n * 500 + 450, speaker_label=f"S{n % 2 + 1}", text=text
            )
            for n, text in enumerate(_TALK)
        )
        server.services.add(STTProvider, StubSTT(default=turns))
        yield server, create_app(server, work=False), audio


async def flood(report: Report, options: Options) -> None:
    """The flood comes first; then the workers start and the small business pushes."""
    many, few = (20_000, 100) if options.full else (4_000, 50)
    async with house() as (server, app, audio):
        async with server.running(work=False):
            large, small = await sender(server, app, LARGE), await sender(server, app, SMALL)
            began = time.monotonic()
            accepted = await large.push(many, audio)
            pushed_s = time.monotonic() - began
        async with server.running(work=True):
            await small.push(few, audio)
            began, before = time.monotonic(), await count(server, large, done=True)
            braked_s = ended_s = None
            finished = 0
            while ended_s is None or (options.full and braked_s is None):
                if time.monotonic() - began > _PATIENCE_S:
                    break
                await asyncio.sleep(0.5)
                if ended_s is None and await count(server, small, done=True) == few:
                    ended_s = time.monotonic() - began
                    finished = await count(server, large, done=True) - before
                if braked_s is None and await large.braked():
                    braked_s = time.monotonic() - began
            rss_mb = psutil.Process().memory_info().rss / 2**20
        async with server.running(work=False):
            kept = await count(server, large)
            await asyncio.gather(large.client.aclose(), small.client.aclose())
    if ended_s is None:
        raise RuntimeError(f"the small business's calls were not done after {_PATIENCE_S} s")
    rate = (finished + few) / ended_s
    report.value(
        "PA10",
        f"whole pipeline, {few} calls behind {many}: makespan / ideal",
        [ended_s / (few / (rate / 2))],
        "<=1.5",
        note=f"{ended_s:.0f} s while {finished} of the flood were done; pushed in {pushed_s:.0f} s;"
        f" {rss_mb:.0f} MB",
    )
    report.value("PA10", "calls of the flood lost", [accepted - kept], "<=0")
    if options.full:  # less never fills the queue of analyses to its mark
        report.value(
            "PA10",
            "minutes until the flood's transcriptions are braked",
            [_PATIENCE_S / 60 if braked_s is None else braked_s / 60],
            "<=6",
        )


def main() -> int:
    options = options_of()
    configure_logs(Settings(log_level="error"))
    report = Report("flood", options)
    uvloop.run(flood(report, options))
    return report.close()


if __name__ == "__main__":
    sys.exit(main())
