"""Calls drawn for review: so many of each agent's week, the same ones whoever draws."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from locutory.kernel.audit import audit
from locutory.kernel.auth import people
from locutory.kernel.auth.contract import Access
from locutory.kernel.clock import as_utc, utc_now
from locutory.kernel.db import Database, Session
from locutory.kernel.events import emit
from locutory.kernel.jobs import Context
from locutory.kernel.jobs.housekeeping import schedule
from locutory.kernel.preconditions import Precondition, etag_of
from locutory.products.calls.reviews import queries
from locutory.products.calls.reviews.contract import (
    SAMPLE,
    AnswersInvalid,
    ReviewAssigned,
    ReviewKind,
    ReviewState,
    SamplingChanged,
)
from locutory.products.calls.reviews.models import CallReview, ReviewSampling
from locutory.products.calls.reviews.schemas import DrawRead, SamplingRead, SamplingWrite

_UNSAID = etag_of(0)
# Monday, when it is Monday everywhere: the week before is over in every time zone.
_WEEKLY = "0 13 * * 1"
_SYSTEM = "system:reviews"


async def get(db: Database) -> tuple[SamplingRead, str]:
    """How reviews are drawn, with its etag; switched off before anybody said so."""
    async with db.read() as session:
        return _read(await queries.sampling(session))


async def put(
    access: Access, data: SamplingWrite, *, expected: Precondition
) -> tuple[SamplingRead, str]:
    """Say how reviews are drawn from now on. Raises SamplingChanged."""

    async def store(tx: Session) -> tuple[SamplingRead, str]:
        row = await queries.sampling(tx, lock=True)
        if not expected.holds(_read(row)[1]):
            raise SamplingChanged
        if row is None:
            row = ReviewSampling(revision=0)
            tx.add(row)
        row.revision += 1
        row.enabled, row.per_agent, row.due_days = data.enabled, data.per_agent, data.due_days
        row.min_duration_s = data.min_duration_s
        row.reviewers = [str(reviewer) for reviewer in data.reviewers]
        row.updated_by, row.updated_at = access.principal.key, utc_now()
        await tx.flush()
        await audit(
            tx,
            actor=access.principal.key,
            action="review.sampling",
            object=f"tenant:{access.tenant.id}",
            **data.model_dump(mode="json"),
        )
        await schedule(
            tx,
            name=f"{SAMPLE}:{access.tenant.id}",
            cron=_WEEKLY,
            kind=SAMPLE,
            payload={},
            tenant_id=access.tenant.id,
        )
        return _read(row)

    return await access.db.write(store)


def _read(row: ReviewSampling | None) -> tuple[SamplingRead, str]:
    if row is None:
        return SamplingRead(enabled=False, updated_by=None, updated_at=None), _UNSAID
    read = SamplingRead(
        enabled=row.enabled,
        per_agent=row.per_agent,
        due_days=row.due_days,
        min_duration_s=row.min_duration_s,
        reviewers=[UUID(reviewer) for reviewer in row.reviewers],
        updated_by=row.updated_by,
        updated_at=row.updated_at,
    )
    return read, etag_of(row.revision)


async def draw_now(access: Access, week: str | None) -> DrawRead:
    """Draw a week by hand, also while the weekly draw is switched off."""
    zone = ZoneInfo(access.tenant.timezone)
    week = week or last_week(utc_now(), zone)
    since, until = span(week, zone)
    actor = access.principal.key
    count = await access.db.write(lambda tx: _draw(tx, week, since, until, actor=actor))
    return DrawRead(week=week, assigned=count)


async def draw_weekly(ctx: Context) -> None:
    """Draw the last whole week. A second run of the same week finds nothing left to draw."""
    tenants = await people.list_tenants(
        ctx.db.bound_to(None), among=[ctx.job.tenant_id], after=None, limit=1
    )
    async with ctx.db.read() as session:
        row = await queries.sampling(session)
    if row is None or not row.enabled or not tenants:
        return
    zone = ZoneInfo(tenants[0].timezone)
    week = ctx.payload.get("week") or last_week(utc_now(), zone)
    since, until = span(week, zone)
    await ctx.finish(lambda tx: _draw(tx, week, since, until, actor=_SYSTEM))


async def _draw(tx: Session, week: str, since: datetime, until: datetime, *, actor: str) -> int:
    rule = await queries.sampling(tx, lock=True)
    if rule is None:
        rule = ReviewSampling(per_agent=2, due_days=7, min_duration_s=30, reviewers=[])
    draw = f"week:{week}"
    calls = await queries.drawable(tx, since, until, min_duration_ms=rule.min_duration_s * 1000)
    agents = {call.id: call.agent_id for call in calls}
    before = await queries.drawn(tx, draw)
    had = Counter(agents[call_id] for call_id in before if call_id in agents)
    chosen = choose(
        [(call.id, call.agent_id) for call in calls if call.id not in before],
        had,
        per_agent=rule.per_agent,
        seed=draw,
    )
    due_at = utc_now() + timedelta(days=rule.due_days)
    reviews = [
        CallReview(
            call_id=call_id,
            reviewer_id=_in_turn(rule.reviewers, len(before) + n),
            kind=ReviewKind.REVIEW,
            state=ReviewState.OPEN,
            draw=draw,
            assigned_by=actor,
            due_at=due_at,
        )
        for n, call_id in enumerate(chosen)
    ]
    tx.add_all(reviews)
    await tx.flush()
    callids = await queries.callids(tx, chosen)
    told = [
        ReviewAssigned(
            callid=callids[review.call_id],
            review_id=review.id,
            kind=review.kind,
            reviewer_id=review.reviewer_id,
        )
        for review in reviews
    ]
    await emit(tx, *told)
    if reviews:
        await audit(
            tx, actor=actor, action="review.draw", object=f"week:{week}", assigned=len(reviews)
        )
    return len(reviews)


def choose(
    calls: Sequence[tuple[UUID, str]], had: Counter[str], *, per_agent: int, seed: str
) -> list[UUID]:
    """`per_agent` calls of each agent, less what an agent `had`, in an order that looks random.

    The order is that of SHA-256 over seed and id: anybody can draw again and find the same calls.
    """
    taken = Counter(had)
    chosen = []
    for call_id, agent_id in sorted(calls, key=lambda call: _lot(seed, call[0])):
        if taken[agent_id] < per_agent:
            taken[agent_id] += 1
            chosen.append(call_id)
    return chosen


def _lot(seed: str, call_id: UUID) -> bytes:
    return hashlib.sha256(f"{seed}:{call_id}".encode()).digest()


def _in_turn(reviewers: Sequence[str], n: int) -> UUID | None:
    return UUID(reviewers[n % len(reviewers)]) if reviewers else None


def last_week(now: datetime, zone: ZoneInfo) -> str:
    """The last whole ISO week of that zone, as `2026-W05`."""
    year, week, _ = (now.astimezone(zone) - timedelta(days=7)).isocalendar()
    return f"{year}-W{week:02d}"


def span(week: str, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """A week's first and last moment (exclusive) in UTC. Raises AnswersInvalid for no week."""
    year, number = int(week[:4]), int(week[6:])
    try:
        monday = date.fromisocalendar(year, number, 1)
        since = datetime.combine(monday, time(), tzinfo=zone)
        until = datetime.combine(monday + timedelta(days=7), time(), tzinfo=zone)
        return as_utc(since), as_utc(until)
    except (ValueError, OverflowError) as error:
        fault = {"field": "week", "code": "WEEK_UNKNOWN", "message": "an ISO week: 2026-W05"}
        raise AnswersInvalid("there is no such week", errors=[fault]) from error
