"""The queue against a model: whatever the order of things, no job is lost and none runs twice."""

import asyncio
import tempfile
from pathlib import Path
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule
from sqlalchemy import text

from locutory.kernel.db import Session, Storage
from locutory.kernel.db.migrate import migrate
from locutory.kernel.jobs import (
    Claimed,
    Context,
    JobKind,
    JobSpec,
    JobState,
    Registry,
    enqueue,
    housekeeping,
    queue,
)

TENANTS = [UUID(int=n) for n in (1, 2, 3)]
LEASE_MS = 60_000
MAX_LOST = 3


async def _never(ctx: Context) -> None:
    raise AssertionError("the model runs the jobs")


class QueueMachine(RuleBasedStateMachine):
    """Workers claim, end, vanish and come back late; the model keeps the books."""

    claims = Bundle("claims")

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = tempfile.TemporaryDirectory()
        url = f"sqlite+aiosqlite:///{Path(self.folder.name) / 'jobs.db'}"
        migrate(url)
        self.storage = Storage(url)
        self.registry = Registry([JobKind(kind="n", queue="q", handler=_never)])
        self.storage.shared["registry"] = self.registry
        self.run(self.storage.open())
        self.enqueued = 0
        self.effects: dict[UUID, int] = {}
        self.tokens: dict[UUID, int] = {}

    def run(self, awaitable: Any) -> Any:
        return self.loop.run_until_complete(awaitable)

    def kernel(self, fn: Any) -> Any:
        return self.run(self.storage.database().write(fn))

    def teardown(self) -> None:
        self.run(self.storage.close())
        self.loop.close()
        self.folder.cleanup()

    @rule(tenant=st.sampled_from(TENANTS), count=st.integers(1, 4))
    def enqueue(self, tenant: UUID, count: int) -> None:
        specs = [JobSpec(kind="n") for _ in range(count)]
        self.run(self.storage.database(tenant).write(lambda tx: enqueue(tx, *specs)))
        self.enqueued += count

    @rule(target=claims, tenant=st.sampled_from(TENANTS), count=st.integers(1, 3))
    def claim(self, tenant: UUID, count: int) -> list[Claimed]:
        async def take(tx: Session) -> list[Claimed]:
            at_ms = await queue.clock_ms(tx)
            return await queue.claim(
                tx,
                queue="q",
                tenant_id=tenant,
                count=count,
                worker="w",
                at_ms=at_ms,
                lease_ms=LEASE_MS,
            )

        jobs: list[Claimed] = self.kernel(take)
        for job in jobs:
            assert job.id not in self.effects, "a finished job was handed out again"
            assert job.token > self.tokens.get(job.id, 0), "a token came back"
            self.tokens[job.id] = job.token
        return jobs

    @rule(jobs=consumes(claims))
    def finish(self, jobs: list[Claimed]) -> None:
        async def end(tx: Session) -> list[UUID]:
            at_ms = await queue.clock_ms(tx)
            ours = list(await queue.held(tx, jobs, at_ms))
            await queue.complete(tx, ours, at_ms)
            return ours

        for id_ in self.kernel(end):
            self.effects[id_] = self.effects.get(id_, 0) + 1

    @rule(jobs=claims)
    def give_back(self, jobs: list[Claimed]) -> None:
        async def back(tx: Session) -> None:
            at_ms = await queue.clock_ms(tx)
            ours = await queue.held(tx, jobs, at_ms)
            for job in jobs:
                if job.id in ours:
                    await queue.end(tx, job, state=JobState.QUEUED, at_ms=at_ms)

        self.kernel(back)

    @rule()
    def leases_run_out(self) -> None:
        async def expire(tx: Session) -> None:
            await tx.execute(text("UPDATE kernel_job SET lease_until_ms = 1 WHERE state='running'"))

        self.kernel(expire)

    @rule()
    def reap(self) -> None:
        for job in self.kernel(lambda tx: housekeeping.reap(tx, MAX_LOST))[1]:

            async def bury(tx: Session, job: Claimed = job) -> None:
                at_ms = await queue.clock_ms(tx)
                if await housekeeping.still_expired(tx, job, at_ms):
                    await queue.end(
                        tx,
                        job,
                        state=JobState.DEAD,
                        at_ms=at_ms,
                        failure=housekeeping.POISONED,
                    )

            self.kernel(bury)

    @invariant()
    def nothing_is_lost_and_nothing_doubled(self) -> None:
        async def tally() -> dict[str, int]:
            async with self.storage.read(None) as session:
                rows = await session.execute(
                    text("SELECT state, count(*) FROM kernel_job GROUP BY state")
                )
                return dict(rows.all())

        states = self.run(tally())
        assert sum(states.values()) == self.enqueued
        assert states.get("done", 0) == len(self.effects)
        assert set(self.effects.values()) <= {1}


QueueMachine.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestQueue = QueueMachine.TestCase
