"""A business whose calls are put into the tables by hand, so that every figure is known."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from locutory import app
from locutory.kernel.auth import queries as tenants
from locutory.kernel.db import Database, Session
from locutory.kernel.ids import new_id
from locutory.products.calls.analytics.upkeep import Keeper
from locutory.products.calls.findings.models import CallObjection, CallTopic
from locutory.products.calls.records.marks import mark_stale
from locutory.products.calls.records.models import (
    CallAnalysis,
    CallMetric,
    CallRecord,
    CallStageRun,
    CallTranscript,
)

if TYPE_CHECKING:
    from tests.conftest import Resident

RULES = {"quality_score": {"source": "rules"}}
MODEL = {"quality_score": {"source": "llm", "cost_micros": 1000, "tokens_in": 50, "tokens_out": 5}}


def at(text: str) -> datetime:
    """`2026-01-05` or `2026-01-05 10:30`, UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@dataclass
class House:
    """A business with calls, asked over HTTP."""

    resident: "Resident"
    db: Database
    keeper: Keeper
    zone: ZoneInfo

    async def call(
        self,
        callid: str,
        started: str = "2026-01-05 10:00",
        *,
        figures: dict[str, Any] | None = None,
        analysis: dict[str, Any] | None = None,
        meta: dict[str, Any] | None = None,
        objections: Sequence[tuple[str, str]] = (),
        topics: Sequence[tuple[str, float]] = (),
        words: int = 100,
        stages: Sequence[tuple[str, float]] = (),
        **fields: Any,
    ) -> UUID:
        """Keep a finished call of 60 s with words, judged by rules, and mark it."""
        began = at(started)
        values: dict[str, Any] = {
            "id": new_id(),
            "status": "done",
            "direction": "inbound",
            "audio_ms": 60_000,
            "has_words": True,
            "transcript_version": 1,
            "source_hash": callid,
            "ended_at": began + timedelta(seconds=60),
            **fields,
        }
        id_: UUID = values["id"]

        async def keep(tx: Session) -> None:
            tx.add(CallRecord(callid=callid, started_at=began, **values))
            if figures is not None:
                tx.add(
                    CallMetric(call_id=id_, transcript_version=1, basis="channel", figures=figures)
                )
            if analysis is not None or meta is not None:
                tx.add(
                    CallAnalysis(
                        call_id=id_,
                        version=1,
                        transcript_version=1,
                        analysis=analysis or {},
                        meta=RULES if meta is None else meta,
                    )
                )
            if values["has_words"]:
                tx.add(
                    CallTranscript(
                        call_id=id_,
                        version=1,
                        epoch=1,
                        origin="stt",
                        engine="fixture/1",
                        duration_ms=60_000,
                        word_count=words,
                        turns=[],
                        quality={"asr_quality": 0.9},
                    )
                )
            for stage, took_s in stages:
                tx.add(
                    CallStageRun(
                        call_id=id_,
                        stage=stage,
                        run_no=1,
                        state="ok",
                        attempts=1,
                        started_at=began,
                        finished_at=began + timedelta(seconds=took_s),
                    )
                )
            tx.add_all(self._objections(id_, objections))
            tx.add_all(
                CallTopic(
                    call_id=id_, topic_key=key, label=key.title(), share=share, source="rules"
                )
                for key, share in topics
            )
            await tx.flush()
            await mark_stale(tx, id_)

        await self.db.write(keep)
        return id_

    def _objections(self, id_: UUID, found: Sequence[tuple[str, str]]) -> list[CallObjection]:
        return [
            CallObjection(
                call_id=id_,
                type_key=key,
                turn_idx=0,
                start_ms=0,
                quote="too dear",
                handled=handled,
                source="rules",
            )
            for key, handled in found
        ]

    async def change(self, id_: UUID, **fields: Any) -> None:
        """Change columns of a call, with its mark, as every edit does."""

        async def store(tx: Session) -> None:
            record = (await tx.scalars(select(CallRecord).where(CallRecord.id == id_))).one()
            for name, value in fields.items():
                setattr(record, name, value)
            await mark_stale(tx, id_)

        await self.db.write(store)

    async def delete(self, id_: UUID) -> None:
        """Delete a call."""

        async def store(tx: Session) -> None:
            record = (await tx.scalars(select(CallRecord).where(CallRecord.id == id_))).one()
            await tx.delete(record)
            await mark_stale(tx, id_)

        await self.db.write(store)

    async def get(self, view: str, **params: Any) -> Any:
        """A view over January 2026, with what is marked taken in first."""
        await self.keeper.catch_up()
        asked = {"from": "2026-01-01", "to": "2026-02-01", **params}
        path = f"/analytics/{self.resident.bid}/{view}"
        reply = await self.resident.ask("GET", path, params=asked)
        assert reply.status_code == 200, reply.text
        return reply.json()

    async def query(self, **body: Any) -> Any:
        """A free question."""
        await self.keeper.catch_up()
        filters = {"from": "2026-01-01", "to": "2026-02-01", **body.pop("filters", {})}
        path = f"/analytics/{self.resident.bid}/query"
        reply = await self.resident.ask("POST", path, json={"filters": filters, **body})
        assert reply.status_code == 200, reply.text
        return reply.json()


async def house_of(server: app.Server, resident: "Resident") -> House:
    async with server.storage.read(None) as session:
        tenant = await tenants.find_tenant(session, resident.bid)
    assert tenant is not None
    return House(
        resident=resident,
        db=server.storage.database(tenant.id),
        keeper=Keeper(server.storage),
        zone=ZoneInfo(tenant.timezone),
    )


@pytest.fixture
async def house(server: app.Server, ours: "Resident") -> House:
    return await house_of(server, ours)


@pytest.fixture
async def other_house(server: app.Server, theirs: "Resident") -> House:
    return await house_of(server, theirs)


def figure(items: list[dict[str, Any]], key: str) -> dict[str, Any]:
    """The figure of that name."""
    return next(item for item in items if item["key"] == key)


__all__ = ["MODEL", "RULES", "House", "at", "figure"]
