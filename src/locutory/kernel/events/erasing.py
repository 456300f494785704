"""Taking out of the event log what is told of a thing that is erased."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import select, update

from locutory.kernel.clock import to_ms
from locutory.kernel.db.base import table_of
from locutory.kernel.db.session import Session
from locutory.kernel.events.models import EventRow

_event = table_of(EventRow)
_FENCED = {"fenced": True}


async def unsealed_of(session: Session, subject: str) -> bool:
    """Whether an event about it waits for its number, and so for its subscribers."""
    found = await session.execute(
        select(_event.c.id).where(_event.c.seq.is_(None), *_about(session, subject)).limit(1),
        execution_options=_FENCED,
    )
    return found.first() is not None


async def blank(
    tx: Session,
    subject: str,
    payload: dict[str, Any],
    *,
    spared: Collection[str],
    before: datetime | None,
) -> int:
    """Put `payload` in the place of what numbered events about a thing say; return how many.

    The rows stay, so that no number is missing. Types in `spared` stay as they are, and so does
    what happened from `before` on.
    """
    statement = update(_event).where(
        _event.c.seq.is_not(None), _event.c.type.not_in(spared), *_about(tx, subject)
    )
    if before is not None:
        statement = statement.where(_event.c.at_ms < to_ms(before))
    done = await tx.execute(statement.values(payload=payload), execution_options=_FENCED)
    return int(done.rowcount)  # type: ignore[attr-defined] # an UPDATE has it


def _about(session: Session, subject: str) -> list[Any]:
    return [_event.c.tenant_id == session.tenant_id, _event.c.subject == subject]
