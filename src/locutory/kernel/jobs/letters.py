"""Dead letters: jobs that will not run again without a person. Read here, redriven in admin."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text

from locutory.kernel.db.base import table_of
from locutory.kernel.db.session import Session
from locutory.kernel.errors import ErrorClass
from locutory.kernel.ids import new_id
from locutory.kernel.jobs.admin import JobNotFound
from locutory.kernel.jobs.contract import Failure, JobState, Priority
from locutory.kernel.jobs.models import Job, JobAttempt
from locutory.kernel.jobs.queue import FENCED, INSERT_NEW, clock_ms
from locutory.kernel.paging import AnySelect

_job, _attempt = table_of(Job), table_of(JobAttempt)
_DEAD = text("state = 'dead'")  # a literal, or the partial indexes are not used
_PAGE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A job that will not run again without a person, with every attempt that led there."""

    id: UUID
    queue: str
    kind: str
    subject: str | None
    payload: dict[str, Any]
    error_class: str
    error_code: str
    error_detail: str
    redrives: int
    priority: int
    created_ms: int
    died_ms: int
    attempts: tuple[dict[str, Any], ...] = ()

    @property
    def redrivable(self) -> bool:
        """Whether the same input may do better another time."""
        return self.error_class != ErrorClass.PERMANENT_INPUT


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterFilter:
    """Which letters; None does not narrow. `died_before_ms` and `died_after_ms` are exclusive."""

    queue: str | None = None
    error_class: str | None = None
    error_code: str | None = None
    died_before_ms: int | None = None
    died_after_ms: int | None = None

    def apply(self, statement: AnySelect) -> AnySelect:
        """The statement with these conditions."""
        conditions = [
            None if self.queue is None else _job.c.queue == self.queue,
            None if self.error_class is None else _job.c.error_class == self.error_class,
            None if self.error_code is None else _job.c.error_code == self.error_code,
            None if self.died_before_ms is None else _job.c.finished_ms < self.died_before_ms,
            None if self.died_after_ms is None else _job.c.finished_ms > self.died_after_ms,
        ]
        return statement.where(*(c for c in conditions if c is not None))


ALL = LetterFilter()


async def dead_letters(
    session: Session,
    tenant_id: UUID,
    where: LetterFilter = ALL,
    *,
    after: tuple[int, UUID] | None = None,
    limit: int = _PAGE,
    attempts: bool = False,
) -> list[DeadLetter]:
    """A page of a tenant's letters, the latest death first; `after` is the last of the page before.

    Attempts are read only if asked for.
    """
    statement = where.apply(select(_job).where(_DEAD, _job.c.tenant_id == tenant_id))
    if after is not None:
        died, id_ = after
        statement = statement.where(
            _job.c.finished_ms <= died,
            (_job.c.finished_ms < died) | (_job.c.id < id_),
        )
    rows = await session.execute(
        statement.order_by(_job.c.finished_ms.desc(), _job.c.id.desc()).limit(limit),
        execution_options=FENCED,
    )
    letters = [_letter(row) for row in rows]
    return await _with_attempts(session, letters) if attempts else letters


async def bury(
    tx: Session,
    *,
    queue: str,
    kind: str,
    payload: dict[str, Any],
    subject: str | None,
    failure: Failure,
    dedupe_key: str,
) -> bool:
    """Lay something down as a dead letter that was never a job; False if it lies there already.

    Its kind needs no handler: a failure of class `permanent_input` is not redriven.
    """
    now = await clock_ms(tx)
    row = {
        "id": new_id(),
        "tenant_id": tx.tenant_id,
        "queue": queue,
        "kind": kind,
        "payload": payload,
        "subject": subject,
        "state": JobState.DEAD,
        "priority": Priority.NORMAL,
        **dict.fromkeys(("run_at_ms", "created_ms", "finished_ms"), now),
        **dict.fromkeys(("attempts", "throttles", "lost", "token", "redrives"), 0),
        "max_attempts": 1,
        "cancel_requested": False,
        "dedupe_key": dedupe_key,
        "correlation_id": tx.info.get("correlation_id"),
        "error_class": failure.cls,
        "error_code": failure.code,
        "error_detail": failure.detail,
    }
    new = INSERT_NEW[tx.get_bind().dialect.name].values([row]).returning(_job.c.id)
    return (await tx.execute(new, execution_options=FENCED)).first() is not None


async def dead_letter(session: Session, tenant_id: UUID, job_id: UUID) -> DeadLetter:
    """One letter with its attempts. Raises JobNotFound, also for a job that is not dead."""
    rows = await session.execute(
        select(_job).where(_DEAD, _job.c.id == job_id, _job.c.tenant_id == tenant_id),
        execution_options=FENCED,
    )
    row = rows.first()
    if row is None:
        raise JobNotFound
    (letter,) = await _with_attempts(session, [_letter(row)])
    return letter


async def count_dead(session: Session, tenant_id: UUID, *, died_before_ms: int) -> int:
    """How many of a tenant's letters are older than that."""
    found = await session.execute(
        select(func.count()).where(
            _DEAD, _job.c.tenant_id == tenant_id, _job.c.finished_ms < died_before_ms
        ),
        execution_options=FENCED,
    )
    return found.scalar_one()


def _letter(row: Any) -> DeadLetter:
    return DeadLetter(
        id=row.id,
        queue=row.queue,
        kind=row.kind,
        subject=row.subject,
        payload=row.payload,
        error_class=row.error_class or "",
        error_code=row.error_code or "",
        error_detail=row.error_detail or "",
        redrives=row.redrives,
        priority=row.priority,
        created_ms=row.created_ms,
        died_ms=row.finished_ms or 0,
    )


async def _with_attempts(session: Session, letters: Sequence[DeadLetter]) -> list[DeadLetter]:
    rows = await session.execute(
        select(_attempt)
        .where(_attempt.c.job_id.in_([letter.id for letter in letters]))
        .order_by(_attempt.c.ended_ms, _attempt.c.id),
        execution_options=FENCED,
    )
    by_job: dict[UUID, list[dict[str, Any]]] = {}
    for row in rows:
        by_job.setdefault(row.job_id, []).append(
            {
                "ended_ms": row.ended_ms,
                "worker": row.worker,
                "error_class": row.error_class,
                "error_code": row.error_code,
                "error_detail": row.error_detail,
            }
        )
    return [replace(letter, attempts=tuple(by_job.get(letter.id, ()))) for letter in letters]


async def attempts_of(session: Session, job_ids: Sequence[UUID]) -> Sequence[Any]:
    """The runs of these jobs that did not end well, in order."""
    rows = await session.execute(
        select(_attempt)
        .where(_attempt.c.job_id.in_(job_ids))
        .order_by(_attempt.c.ended_ms, _attempt.c.id),
        execution_options=FENCED,
    )
    return rows.all()
