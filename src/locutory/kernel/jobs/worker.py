"""The worker: claims what there are slots for, runs it, and ends it under the fence.

One loop makes one small transaction at a time; while that commits, finished jobs gather for the
next. So a commit carries as many endings, successors and claims as the load brings, and an idle
queue answers at once.
"""

import asyncio
import contextlib
import os
import random
import socket
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, TypeVar
from uuid import UUID

import structlog
from opentelemetry.trace import Span, SpanKind

from locutory.kernel.caller import caller_tenant
from locutory.kernel.db.database import Database, Storage, WriteFn
from locutory.kernel.db.session import Session
from locutory.kernel.failpoints import failpoint
from locutory.kernel.ids import new_id
from locutory.kernel.jobs import housekeeping, queue
from locutory.kernel.jobs.contract import (
    KERNEL,
    Claimed,
    Failure,
    JobSpec,
    JobState,
    LeaseLost,
    Next,
    Priority,
    Registry,
)
from locutory.kernel.jobs.fairness import FairShare, Share
from locutory.kernel.jobs.policy import Verdict, classify, decide
from locutory.kernel.jobs.watching import Unwatched, Watcher
from locutory.kernel.services import Services
from locutory.kernel.settings import JobSettings
from locutory.kernel.signals import pause, set_also_by
from locutory.kernel.telemetry.tracing import Tracing

T = TypeVar("T")
log = structlog.get_logger(__name__)

_GATES_FRESH_MS = 1000
_PROMOTE_EVERY_MS = 20
_LEASE_LOST = "lease lost"


class Context:
    """What a handler is given: its job, its tenant's database, and the fenced ways to write."""

    def __init__(self, job: Claimed, db: Database, worker: "Worker") -> None:
        self.job = job
        self.db = db
        self.services = worker.services
        self.finished = False
        self.progress_note: dict[str, Any] | None = None
        self._worker = worker

    @property
    def payload(self) -> dict[str, Any]:
        """What the job was enqueued with."""
        return self.job.payload

    def progress(self, done: float, total: float, note: str = "") -> None:
        """Say how far the work is; stored with the next heartbeat."""
        self.progress_note = {"done": done, "total": total, "note": note}

    async def write(self, fn: WriteFn[T]) -> T:
        """A write on the way. Raises LeaseLost, with nothing stored, if the job is not ours."""

        async def fenced(tx: Session) -> T:
            result = await fn(tx)
            await self._check(tx)
            return result

        return await self.db.write(fenced)

    async def finish(self, fn: WriteFn[T], next_jobs: Next = None) -> T:
        """The last write: data, successors and the end of the job in one transaction."""

        async def fenced(tx: Session) -> T:
            result = await fn(tx)
            await tx.flush()
            at_ms = await self._check(tx)
            await queue.complete(tx, [self.job.id], at_ms)
            await queue.insert_rows(tx, self._worker.rows(self.job, next_jobs, at_ms))
            return result

        result = await self.db.write(fenced)
        self.finished = True
        return result

    async def _check(self, tx: Session) -> int:
        at_ms = await queue.clock_ms(tx)
        if self.job.id not in await queue.held(tx, [self.job], at_ms):
            raise LeaseLost()
        return at_ms


class Worker:
    """Works the queues of one process. `queues` maps a queue to its number of slots."""

    def __init__(
        self,
        storage: Storage,
        registry: Registry,
        queues: dict[str, int],
        settings: JobSettings | None = None,
        *,
        tenants: frozenset[UUID] | None = None,
        services: Services | None = None,
        rng: random.Random | None = None,
        watcher: Watcher | None = None,
        tracing: Tracing | None = None,
    ) -> None:
        """`watcher` is told of every run; each is a span of `tracing`.

        Jobs of other `tenants` than these are left to other workers; None takes everybody's.
        """
        self.id = f"{socket.gethostname()}-{os.getpid()}-{new_id().hex[-8:]}"
        self.settings = settings or JobSettings()
        self.queues = queues
        self.tenants = tenants
        self.services = services or Services()
        self._storage = storage
        self._kernel = storage.database()
        self._registry = registry
        self._rng = rng or random.Random()
        self._watcher = watcher or Unwatched()
        self._tracing = tracing or Tracing()
        self._lease_ms = int(self.settings.lease_s * 1000)
        self._running: dict[UUID, tuple[Context, asyncio.Task[None]]] = {}
        self._ended: list[tuple[Claimed, Next]] = []
        self._held: dict[str, Counter[UUID]] = {name: Counter() for name in queues}
        self._fair = {name: FairShare() for name in queues}
        self._backfill: Counter[str] = Counter()  # of the held, by queue
        self._gates = queue.Gates()
        self._shares: dict[str, dict[UUID, Share]] = {}
        self._gates_read_ms = 0
        self._next_due_ms: int | None = None
        self._promoted_ms = 0
        self._full = False
        self._draining = False
        self._wake = storage.signals.listen("jobs")

    # --- life ---------------------------------------------------------------------------------

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop`; then let running jobs end for `drain_s` and give back the rest."""
        keeper = asyncio.create_task(self._keep(), name="worker-keeper")
        try:
            with set_also_by(stop, self._wake):
                while not stop.is_set():
                    self._wake.clear()
                    pause_s = await self._survive(self._tick, self.settings.poll_s)
                    if not self._full:
                        await pause(self._wake, pause_s)
        finally:
            await self._wind_down()
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
            self._storage.signals.forget(self._wake)

    async def drain(self, *, skip_delays: bool = False, most: int = 100_000) -> int:
        """Run until nothing is left to run; return how many runs it took. For tests and --wait.

        With `skip_delays` jobs that wait for their time run at once. Raises RuntimeError after
        `most` runs: something feeds itself.
        """
        runs = 0
        while True:
            self._wake.clear()
            if skip_delays:
                await self._kernel.write(housekeeping.promote_all)
            before = len(self._running)
            await self._tick()
            runs += max(0, len(self._running) - before)
            if runs > most:
                raise RuntimeError("jobs without end")
            if self._running:
                await asyncio.wait(
                    [task for _, task in self._running.values()],
                    return_when=asyncio.FIRST_COMPLETED,
                )
            elif not self._ended and not await self._kernel.write(
                lambda tx: housekeeping.anything_ready(
                    tx, list(self.queues), tenants=self.tenants, delayed=skip_delays
                )
            ):
                return runs

    async def _survive(self, step: Callable[[], Any], otherwise: Any) -> Any:
        """A database that is down must not end the worker: log, pause, try again."""
        try:
            return await step()
        except Exception:
            log.exception("worker step failed", worker=self.id)
            await asyncio.sleep(self._rng.uniform(0.2, 1.0))
            return otherwise

    async def _wind_down(self) -> None:
        self._draining = True
        tasks = [task for _, task in self._running.values()]
        if tasks:
            await asyncio.wait(tasks, timeout=self.settings.drain_s)
        for _, task in list(self._running.values()):
            task.cancel("give back")
        await asyncio.gather(*tasks, return_exceptions=True)
        with contextlib.suppress(Exception):  # what cannot be given back is reaped with its lease
            await self._tick()
            await self._kernel.write(lambda tx: housekeeping.sign_off(tx, self.id))

    # --- one transaction of the loop ----------------------------------------------------------

    async def _tick(self) -> float:
        ended, self._ended = self._ended, []
        try:
            claimed, pause_s = await self._kernel.write(lambda tx: self._turn(tx, ended))
        except Exception:
            self._ended = ended + self._ended
            raise
        if claimed:
            failpoint("jobs.claimed")
        for job in claimed:
            self._start(job)
        return pause_s

    async def _turn(
        self, tx: Session, ended: list[tuple[Claimed, Next]]
    ) -> tuple[list[Claimed], float]:
        at_ms = await queue.clock_ms(tx)
        await self._end_well(tx, ended, at_ms)
        pause_s = self.settings.poll_s
        if at_ms - self._promoted_ms >= _PROMOTE_EVERY_MS:
            self._next_due_ms = await queue.promote_due(tx, at_ms)
            self._promoted_ms = at_ms
        else:
            pause_s = _PROMOTE_EVERY_MS / 1000
        claimed = [] if self._draining else await self._claim(tx, at_ms)
        if self._next_due_ms is not None:
            pause_s = min(pause_s, max(0.001, (self._next_due_ms - at_ms) / 1000))
        return claimed, pause_s

    async def _end_well(self, tx: Session, ended: list[tuple[Claimed, Next]], at_ms: int) -> None:
        if not ended:
            return
        # a job that was lost and taken again may end twice at once: its newest token counts
        newest = {job.id: job.token for job, _ in sorted(ended, key=lambda one: one[0].token)}
        current = [job for job, _ in ended if job.token == newest[job.id]]
        ours = await queue.held(tx, current, at_ms)
        await queue.complete(tx, list(ours), at_ms)
        rows: list[dict[str, Any]] = []
        for job, following in ended:
            if job.id in ours and job.token == newest[job.id]:
                rows += self.rows(job, following, at_ms)
            else:
                log.warning("lease lost before the end", job_id=str(job.id), kind=job.kind)
        await queue.insert_rows(tx, rows)

    async def _claim(self, tx: Session, at_ms: int) -> list[Claimed]:
        if at_ms - self._gates_read_ms >= _GATES_FRESH_MS:
            self._gates = await queue.gates(tx)
            found = await queue.shares(tx)
            self._shares = {
                name: {t: share.within(slots) for t, share in found.get(name, {}).items()}
                for name, slots in self.queues.items()
            }
            self._gates_read_ms = at_ms
        claimed: list[Claimed] = []
        self._full = False
        for name, slots in self.queues.items():
            free = min(slots - self._held[name].total(), self.settings.claim_batch)
            if free <= 0:
                continue
            mine = await self._claim_fairly(tx, name, free, at_ms)
            # a full batch may have left more behind: look again without waiting
            self._full |= len(mine) == self.settings.claim_batch
            claimed += mine
        return claimed

    async def _claim_fairly(self, tx: Session, name: str, free: int, at_ms: int) -> list[Claimed]:
        found = {
            w.tenant_id: w
            for w in await queue.waiting_tenants(tx, name)
            if not self._gates.shut(w.tenant_id, name)
            and (self.tenants is None or w.tenant_id in self.tenants)
        }
        waiting, put_off = set(found), set[UUID]()
        # whoever has work that is no backfill; of interest only where there is backfill as well
        with_backfill = {t for t, w in found.items() if w.last >= Priority.BACKFILL}
        fresh = {t for t, w in found.items() if w.first < Priority.BACKFILL and with_backfill}
        fair, held, shares = self._fair[name], self._held[name], self._shares.get(name, {})
        claimed: list[Claimed] = []
        while waiting and free > 0:
            turns = fair.choose(waiting, free, held, shares)
            if not turns:
                break
            for tenant, asked in turns.items():
                count, below = asked, queue.ANY_PRIORITY
                if tenant in fresh:
                    below = Priority.BACKFILL
                elif fresh:
                    count = min(asked, max(0, self.queues[name] // 2 - self._backfill[name]))
                jobs: list[Claimed] = []
                if count:
                    jobs = await queue.claim(
                        tx,
                        queue=name,
                        tenant_id=tenant,
                        count=count,
                        worker=self.id,
                        at_ms=at_ms,
                        lease_ms=self._lease_ms,
                        below=below,
                        latest_ms=self._gates.latest_ms(tenant, name),
                    )
                claimed += jobs
                held[tenant] += len(jobs)
                self._backfill[name] += sum(j.priority >= Priority.BACKFILL for j in jobs)
                free -= len(jobs)
                if len(jobs) == asked:
                    continue
                fair.refund(tenant, asked - len(jobs), shares.get(tenant, Share()))
                if tenant in fresh and tenant in with_backfill:
                    fresh.discard(tenant)
                    continue
                waiting.discard(tenant)
                fresh.discard(tenant)
                if len(jobs) == count:
                    put_off.add(tenant)
            if put_off and not fresh:
                waiting, put_off = waiting | put_off, set()
        fair.forget_all_but(waiting | put_off)
        return claimed

    def _share(self, job: Claimed) -> Share:
        return self._shares.get(job.queue, {}).get(job.tenant_id) or Share()

    def rows(self, job: Claimed, following: Next, at_ms: int) -> list[dict[str, Any]]:
        """The rows of a job's successors: same tenant, same correlation id."""
        if following is None:
            return []
        specs: Iterable[JobSpec] = [following] if isinstance(following, JobSpec) else following
        return queue.rows_of(
            specs,
            self._registry,
            tenant_id=job.tenant_id,
            at_ms=at_ms,
            correlation_id=job.correlation_id,
        )

    # --- running ------------------------------------------------------------------------------

    def _start(self, job: Claimed) -> None:
        tenant_id = None if job.tenant_id == KERNEL else job.tenant_id
        context = Context(job, self._storage.database(tenant_id), self)
        task = asyncio.create_task(self._run(context))
        self._running[job.id] = (context, task)

    async def _run(self, context: Context) -> None:
        job = context.job
        loop = asyncio.get_running_loop()
        began = loop.time()
        outcome = "ok"
        caller_tenant.set(None if job.tenant_id == KERNEL else job.tenant_id)
        structlog.contextvars.bind_contextvars(
            job_id=str(job.id), correlation_id=job.correlation_id, kind=job.kind
        )
        try:
            kind = self._registry.get(job.kind)
            with self._span(job):
                async with asyncio.timeout(self._share(job).timeout_s or kind.timeout_s):
                    following = await kind.handler(context)
            if not context.finished:
                self._ended.append((job, following))
        except LeaseLost:
            outcome = "lost"
            log.warning("lease lost", attempt=job.token)
        except asyncio.CancelledError as error:
            reason = error.args[0] if error.args else ""
            outcome = "lost" if reason == _LEASE_LOST else "cancelled"
            await self._survive(lambda: self._give_up(job, reason), None)
        except Exception as error:
            cause, failure = error, classify(error)
            outcome = failure.cls
            await self._survive(lambda: self._fail(job, failure, cause), None)
        finally:
            # a lease that was lost may be ours again: then that run stands there
            if self._running.get(job.id, (None,))[0] is context:
                del self._running[job.id]
            self._held[job.queue][job.tenant_id] -= 1
            self._backfill[job.queue] -= job.priority >= Priority.BACKFILL
            self._watcher.ended(job, outcome, loop.time() - began)
            self._wake.set()

    def _span(self, job: Claimed) -> AbstractContextManager[Span]:
        about: dict[str, str | int] = {
            "locutory.job_id": str(job.id),
            "locutory.stage": job.queue,
            "locutory.attempt": job.attempts + 1,
        }
        return self._tracing.root(f"job {job.kind}", job.correlation_id, SpanKind.CONSUMER, **about)

    async def _give_up(self, job: Claimed, reason: str) -> None:
        """Cancelled by a person, or given back at shutdown; a lost lease is nobody's to end."""
        if reason == _LEASE_LOST:
            log.warning("lease lost", attempt=job.token)
            return
        state = JobState.CANCELLED if reason == "requested" else JobState.QUEUED

        async def give_back(tx: Session) -> None:
            at_ms = await queue.clock_ms(tx)
            if job.id in await queue.held(tx, [job], at_ms):
                await queue.end(tx, job, state=state, at_ms=at_ms)

        await self._kernel.write(give_back)

    async def _fail(self, job: Claimed, failure: Failure, error: Exception) -> None:
        kind = self._registry.find(job.kind)
        tenant_id = None if job.tenant_id == KERNEL else job.tenant_id
        most = self._share(job).max_attempts
        if most is not None:
            job = replace(job, max_attempts=most)

        async def store(tx: Session) -> Verdict | None:
            at_ms = await queue.clock_ms(tx)
            if job.id not in await queue.held(tx, [job], at_ms):
                return None
            decision = decide(job, failure, now_ms=at_ms, rng=self._rng)
            counters = {
                "attempts": job.attempts + int(decision.counted),
                "throttles": job.throttles + int(not decision.counted),
            }
            state = JobState.QUEUED
            if decision.verdict is Verdict.DEAD:
                state = JobState.DEAD
                if kind is not None and kind.on_dead is not None:
                    await kind.on_dead(tx, job, failure)
            elif decision.verdict is Verdict.BLOCK:
                await housekeeping.close_gate(tx, job, failure, at_ms)
            elif decision.delay_s > 0:
                state = JobState.DELAYED
            await queue.end(
                tx,
                job,
                state=state,
                at_ms=at_ms,
                delay_s=decision.delay_s,
                failure=failure,
                worker=self.id,
                **counters,
            )
            tx.signal("jobs")
            return decision.verdict

        verdict = await self._storage.database(tenant_id).write(store)
        if verdict is not None:
            self._watcher.failed(job, failure, verdict)
        if verdict is Verdict.BLOCK:
            self._gates.closed.add((job.tenant_id, job.queue))
        log.warning(
            "job failed",
            verdict=verdict,
            error_class=failure.cls,
            error_code=failure.code,
            attempt=job.attempts + 1,
            exc_info=error if failure.cls == "internal_bug" else None,
        )

    # --- keeping ------------------------------------------------------------------------------

    async def _keep(self) -> None:
        """Heartbeats, reaping, schedules and retention, each in its own small transaction."""
        while True:
            await self._survive(self._heartbeat, None)
            await self._survive(self._house, None)
            await asyncio.sleep(self.settings.heartbeat_s)

    async def _heartbeat(self) -> None:
        contexts = {id_: context for id_, (context, _) in self._running.items()}
        jobs = [context.job for context in contexts.values()] + [job for job, _ in self._ended]

        async def beat(tx: Session) -> dict[UUID, bool]:
            at_ms = await queue.clock_ms(tx)
            await housekeeping.sign_on(tx, self.id, self.queues, at_ms)
            # a late beat counts as long as nobody else has taken the job: a busy worker that gave
            # up its own work would begin again and never end
            ours = await queue.held(tx, jobs, 0)
            await queue.extend(tx, list(ours), at_ms + self._lease_ms)
            notes = {id_: contexts[id_].progress_note for id_ in ours if id_ in contexts}
            await housekeeping.note_progress(tx, {i: n for i, n in notes.items() if n})
            return ours

        ours = await self._kernel.write(beat)
        for id_ in contexts:
            running = self._running.get(id_)
            if running is None or running[0].finished:
                continue
            if id_ not in ours:
                if any(job.id == id_ for job, _ in self._ended):
                    continue
                running[1].cancel(_LEASE_LOST)
            elif ours[id_]:
                running[1].cancel("requested")

    async def _house(self) -> None:
        again, poisoned = await self._kernel.write(
            lambda tx: housekeeping.reap(tx, self.settings.max_lost)
        )
        self._watcher.lost(again + len(poisoned))
        for job in poisoned:
            await self._bury(job)
        await self._kernel.write(lambda tx: housekeeping.run_schedules(tx, self._registry))
        await self._kernel.write(
            lambda tx: housekeeping.forget_finished(tx, self.settings.keep_done_hours)
        )

    async def _bury(self, job: Claimed) -> None:
        """A job that workers died on, three times: poison. Its owner is told like of any death."""
        kind = self._registry.find(job.kind)
        tenant_id = None if job.tenant_id == KERNEL else job.tenant_id
        failure = housekeeping.POISONED

        async def store(tx: Session) -> bool:
            at_ms = await queue.clock_ms(tx)
            if not await housekeeping.still_expired(tx, job, at_ms):
                return False
            if kind is not None and kind.on_dead is not None:
                await kind.on_dead(tx, job, failure)
            await queue.end(tx, job, state=JobState.DEAD, at_ms=at_ms, failure=failure)
            return True

        if await self._storage.database(tenant_id).write(store):
            self._watcher.failed(job, failure, Verdict.DEAD)
