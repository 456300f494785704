"""Our server as a bench runs it: shipped as it is, plus the routes that a bench steers it by.

`prepare` makes a data directory with a business, a key and calls and prints the key; `serve` is
`locutory serve --no-work` on it. Jobs are not worked: a bench counts what it asked for only.
"""

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, Request

from locutory.app import Server, compose, create_app
from locutory.cli.operate import configure_logs
from locutory.kernel.auth import people
from locutory.kernel.auth.contract import Principal, PrincipalKind, Tenant
from locutory.kernel.auth.dependencies import SecuredRouter
from locutory.kernel.auth.keys import create_key
from locutory.kernel.collector import starting
from locutory.kernel.db import Session, database
from locutory.kernel.events import emit
from locutory.kernel.http.client import HttpClient
from locutory.kernel.ids import KERNEL, new_id
from locutory.kernel.ratelimit import rate_limit
from locutory.kernel.services import Services
from locutory.kernel.settings import Settings
from locutory.products.calls.records.contract import CallUpserted
from locutory.products.calls.records.models import (
    CallAnalysis,
    CallMetric,
    CallRecord,
    CallStageRun,
    CallTranscript,
)
from locutory.products.calls.sources import service
from locutory.products.calls.sources.routes import Feeder
from locutory.products.calls.sources.schemas import CallsPush, ItemResult, PushResult

BID = "bench"
TURNS = 20
_START = datetime(2026, 1, 1, tzinfo=UTC)
_RATE = "10000000/minute"  # the limiter counts as shipped but must not refuse the load


def settings_in(folder: Path) -> Settings:
    """Production's settings on a data directory."""
    settings = Settings(data_dir=folder, production=True)
    settings.limits.default = _RATE
    return settings


async def prepare(folder: Path, calls: int) -> dict[str, str]:
    """Make the business, its key and finished calls `call-00000` to `call-<calls-1>`."""
    server = compose(settings_in(folder))
    async with server.running(work=False):
        tenant = await server.storage.database().write(_business)
        db = server.storage.database(tenant.id)
        for start in range(0, calls, 500):
            numbers = range(start, min(calls, start + 500))

            async def add(tx: Session, numbers: range = numbers) -> None:
                tx.add_all(row for n in numbers for row in rows_of(n))

            await db.write(add)
        return {"key": await _key(server, tenant)}


async def _business(tx: Session) -> Tenant:
    new = people.NewTenant(slug=BID, name="Bench", timezone="UTC", country_code=None, currency=None)
    return await people.create_tenant(tx, new, actor="operator:local")


async def _key(server: Server, tenant: Tenant) -> str:
    operator = Principal(
        kind=PrincipalKind.LOOPBACK,
        id=KERNEL,
        name="bench",
        platform_admin=True,
        current=server.auth.membership_of_admin(tenant),
    )
    _, text = await create_key(
        server.auth, operator, name="load", scopes=["calls:ingest", "calls:read"], expires_at=None
    )
    return text


def rows_of(n: int) -> Iterator[Any]:
    """A finished call with all that belongs to it; the same number gives the same call."""
    call_id, started = new_id(), _START + timedelta(minutes=n)
    yield CallRecord(
        id=call_id,
        callid=f"call-{n:05d}",
        direction="inbound",
        phone_last4=f"{n % 10_000:04d}",
        agent_id=f"a{n % 50}",
        agent_name=f"Agent {n % 50}",
        started_at=started,
        ended_at=started + timedelta(seconds=240),
        audio_ms=240_000,
        source_hash="0" * 64,
        language="en",
        status="done",
        stage="notify",
        stage_state="ok",
        transcript_version=1,
        has_words=True,
        overall_score=float(n % 101),
        sentiment_score=(n % 21 - 10) / 10,
        bant_score=float(n % 101),
        talk_ratio=0.5,
        summary_short="The caller asked for a quote and agreed to be called back on Monday.",
        done_at=started + timedelta(seconds=300),
        updated_at=started + timedelta(seconds=300),
    )
    yield CallTranscript(
        call_id=call_id,
        version=1,
        epoch=1,
        origin="stt",
        engine="bench",
        language="en",
        duration_ms=240_000,
        word_count=TURNS * 12,
        turns=[_turn(i) for i in range(TURNS)],
        quality={"mean_confidence": 0.9},
    )
    figures = {f"figure_{i}": i / 7 for i in range(30)}
    yield CallMetric(call_id=call_id, transcript_version=1, basis="words", figures=figures)
    yield CallAnalysis(
        call_id=call_id,
        version=1,
        transcript_version=1,
        analysis={
            "summary": {"short": "A quote.", "long": "The caller asked for a quote. " * 8},
            "quality": {"score": n % 101, "criteria": [{"name": f"c{i}"} for i in range(8)]},
        },
        meta={"engine": "rules"},
    )
    for place, stage in enumerate(("transcribe", "analyze", "notify")):
        yield CallStageRun(
            call_id=call_id,
            stage=stage,
            run_no=1,
            state="ok",
            attempts=1,
            engine="bench",
            started_at=started + timedelta(seconds=240 + place),
            finished_at=started + timedelta(seconds=241 + place),
            engine_ms=900,
        )


def _turn(i: int) -> dict[str, Any]:
    return {
        "idx": i,
        "start_ms": i * 12_000,
        "end_ms": i * 12_000 + 11_000,
        "role": "agent" if i % 2 else "customer",
        "role_confidence": 0.9,
        "speaker": f"S{i % 2}",
        "channel": i % 2,
        "text": "and then I would like to know what that comes to a month",
        "confidence": 0.9,
        "flags": [],
    }


steering = SecuredRouter(prefix="/bench")
_publishing: set[asyncio.Task[None]] = set()


@steering.post("/no-write/{bid}", dependencies=[rate_limit("ingest")])
async def judge_only(request: Request, feeder: Feeder, data: CallsPush) -> PushResult:
    """The way of a push up to its write, and an answer of the same shape."""
    services: Services = request.app.state.services
    gate = services.get(HttpClient).gate
    items = [service.judge(item, gate) for item in data.calls]
    results = [
        ItemResult(callid=item.callid, result="created", id=str(new_id()), error=None)
        for item in items
    ]
    return PushResult(accepted=len(items), duplicates=0, rejected=0, items=results)


@steering.post("/publish/{bid}")
async def publish(feeder: Feeder, count: int, per_s: float) -> dict[str, int]:
    """Emit so many events at a rate; each carries the time of its emission."""

    async def emit_one(tx: Session) -> None:
        stamp = str(time.monotonic_ns())
        await emit(tx, CallUpserted(callid=stamp, status="pending", created=True))

    async def run() -> None:
        began = time.monotonic()
        for n in range(count):
            await asyncio.sleep(began + n / per_s - time.monotonic())
            await feeder.db.write(emit_one)

    task = asyncio.create_task(run())
    _publishing.add(task)
    task.add_done_callback(_publishing.discard)
    return {"count": count}


def built(folder: Path) -> FastAPI:
    """The shipped app and the steering routes."""
    settings = settings_in(folder)
    configure_logs(settings)
    app = create_app(compose(settings), work=False)
    app.include_router(steering)

    @app.get("/bench/modules")
    async def modules() -> list[str]:
        return sorted({name.partition(".")[0] for name in sys.modules})

    return app


def serve(folder: Path, port: int, most_per_commit: int | None) -> None:
    """As `locutory serve --no-work` does."""
    if most_per_commit is not None:
        database._MOST_PER_COMMIT = most_per_commit
    with starting():
        api = built(folder)
    config = uvicorn.Config(
        api,
        port=port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=10,
        backlog=16_384,
    )
    uvicorn.Server(config).run()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("deed", choices=("prepare", "serve"))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--calls", type=int, default=0)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--most-per-commit", type=int)
    asked = parser.parse_args()
    if asked.deed == "prepare":
        os.environ.setdefault("LOCUTORY_LOG_LEVEL", "error")
        print(json.dumps(asyncio.run(prepare(asked.data, asked.calls))))
    else:
        serve(asked.data, asked.port, asked.most_per_commit)


if __name__ == "__main__":
    main()
