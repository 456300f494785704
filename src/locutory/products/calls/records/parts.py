"""What other modules add to a call's page: lists by name, registered in their manifests."""

from collections.abc import Awaitable, Callable, Collection
from typing import Any
from uuid import UUID

from locutory.kernel.db import Session

Parts = dict[str, list[dict[str, Any]]]
Reader = Callable[[Session, UUID], Awaitable[Parts]]

_READERS: dict[tuple[str, ...], Reader] = {}


def add_parts(names: tuple[str, ...], read: Reader) -> None:
    """Let `read` give these parts of every call's page, by the call's id, in one statement."""
    _READERS[names] = read


async def parts(asked: Collection[str], session: Session, call_id: UUID) -> Parts:
    """Those of a call's parts that are asked for and that some module gives."""
    found: Parts = {}
    for names, read in _READERS.items():
        if not set(names).isdisjoint(asked):
            found |= await read(session, call_id)
    return {name: rows for name, rows in found.items() if name in asked}
