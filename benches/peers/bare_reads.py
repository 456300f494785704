"""A bare FastAPI app over our tables: the same SQL and response models, nothing else.

As FastAPI and SQLAlchemy document it: an async engine, a session per request as a dependency,
a response model on the route. No login, tenants, rate limits, metrics or logs.
"""

import argparse
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

import uvicorn
from fastapi import Depends, FastAPI, HTTPException
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from locutory.kernel.auth.models import TenantRow
from locutory.products.calls.records.models import (
    CallAnalysis,
    CallMetric,
    CallRecord,
    CallStageRun,
    CallTranscript,
)
from locutory.products.calls.records.queries import _LIST
from locutory.products.calls.records.schemas import CallPage, CallRead
from locutory.products.calls.records.service.reading import _audio, _light, _scores, transcript_read


def built(folder: Path) -> FastAPI:
    engine = create_async_engine(f"sqlite+aiosqlite:///{folder / 'locutory.db'}")
    sessions = async_sessionmaker(engine, expire_on_commit=False)
    app = FastAPI()
    tenants: list[Any] = []

    async def session() -> AsyncIterator[AsyncSession]:
        async with sessions() as opened:
            if not tenants:
                tenants.append(await opened.scalar(select(TenantRow.id)))
            yield opened

    Db = Annotated[AsyncSession, Depends(session)]  # noqa: N806

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/call-records/{bid}", response_model=CallPage)
    async def calls(bid: str, db: Db, limit: int = 50) -> Any:
        statement = (
            select(*_LIST, CallRecord.started_at.label("sort_value"))
            .where(CallRecord.tenant_id == tenants[0])
            .order_by(CallRecord.started_at.desc(), CallRecord.id.desc())
            .limit(limit + 1)
        )
        rows = (await db.execute(statement)).all()
        return {"items": [_light(row) for row in rows[:limit]], "next_cursor": None}

    @app.get("/call-records/{bid}/{callid}", response_model=CallRead)
    async def call(bid: str, callid: str, db: Db) -> Any:
        tenant = tenants[0]
        record = await db.scalar(
            select(CallRecord).where(CallRecord.tenant_id == tenant, CallRecord.callid == callid)
        )
        if record is None:
            raise HTTPException(404)
        transcript = await db.scalar(
            select(CallTranscript).where(
                CallTranscript.tenant_id == tenant,
                CallTranscript.call_id == record.id,
                CallTranscript.version == record.transcript_version,
            )
        )
        metric = await db.scalar(
            select(CallMetric).where(
                CallMetric.tenant_id == tenant, CallMetric.call_id == record.id
            )
        )
        analysis = await db.scalar(
            select(CallAnalysis)
            .where(CallAnalysis.tenant_id == tenant, CallAnalysis.call_id == record.id)
            .order_by(CallAnalysis.version.desc())
            .limit(1)
        )
        runs = await db.scalars(
            select(CallStageRun)
            .where(CallStageRun.tenant_id == tenant, CallStageRun.call_id == record.id)
            .order_by(CallStageRun.started_at, CallStageRun.id)
        )
        names = ("kind", "ended_at", "disposition", "status_detail", "channels", "true_stereo")
        more = ("language", "epoch", "custom", "created_at", "done_at", "transcript_version")
        last = ("asr_quality", "legal_hold", "consent", "audio_purged_at", "lead_id", "lead_match")
        return {
            **_light(record),
            **{name: getattr(record, name) for name in (*names, *more, *last)},
            "id": str(record.id),
            "transcript": transcript and transcript_read(transcript),
            "metrics": metric and {**metric.figures, "basis": metric.basis},
            "analysis": analysis and {**analysis.analysis, "_meta": analysis.meta},
            "scores": _scores(analysis) if analysis else [],
            "crm": [],
            "reviews": [],
            "stages": runs.all(),
            "audio": _audio(bid, record),
        }

    return app


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data", type=Path, required=True)
    asked = parser.parse_args()
    uvicorn.run(built(asked.data), port=asked.port, log_level="warning", access_log=False)
