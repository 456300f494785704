"""What other modules add to a call's page: lists by name, registered in their manifests."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from locutory.kernel.db import Session

Part = Callable[[Session, UUID], Awaitable[list[dict[str, Any]]]]

_PARTS: dict[str, Part] = {}


def add_part(name: str, read: Part) -> None:
    """Let `read` give a part of every call's page, by the call's id."""
    _PARTS[name] = read


async def part(name: str, session: Session, call_id: UUID) -> list[dict[str, Any]]:
    """A part of a call's page; nothing where no module gives it."""
    read = _PARTS.get(name)
    return [] if read is None else await read(session, call_id)
