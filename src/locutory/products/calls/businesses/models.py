"""Tables of businesses. Personal columns (`*_enc`) hold what the key ring encrypted."""

from uuid import UUID

from sqlalchemy import Index, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from locutory.kernel.db import TenantModel


class FloorAgent(TenantModel):
    """Somebody who talks with customers.

    `external_id` is what sources call the agent; `user_id` the person's login, if there is one.
    """

    __tablename__ = "calls_floor_agent"

    external_id: Mapped[str]
    name: Mapped[str]
    phones_enc: Mapped[bytes | None] = mapped_column(LargeBinary)
    team: Mapped[str | None]
    active: Mapped[bool] = mapped_column(default=True)
    user_id: Mapped[UUID | None]

    __table_args__ = (
        UniqueConstraint("tenant_id", "external_id"),
        Index("ix_calls_floor_agent_user", "tenant_id", "user_id"),
    )
