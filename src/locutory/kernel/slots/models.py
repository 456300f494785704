"""Tables of the slots. Times are milliseconds of the database's clock."""

from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from locutory.kernel.db.base import Base


class ProviderLimit(Base):
    """How many slots a provider has now; it asked for less at `lowered_ms`, 0 for never."""

    __tablename__ = "kernel_provider"

    name: Mapped[str] = mapped_column(primary_key=True)
    allowed: Mapped[float]
    lowered_ms: Mapped[int]
    raised_ms: Mapped[int]


class ProviderSlot(Base):
    """A call that somebody has with a provider, until its lease runs out."""

    __tablename__ = "kernel_provider_slot"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    provider: Mapped[str] = mapped_column(index=True)
    taken_ms: Mapped[int]
    until_ms: Mapped[int]
