"""Ids: UUIDv7, so that they sort by creation and stay local in an index."""

from uuid import UUID

from uuid_utils.compat import uuid7


def new_id() -> UUID:
    """A new UUIDv7."""
    return uuid7()


KERNEL = UUID(int=0)  # the tenant of what is nobody's in particular
