"""The declarative base and the mark of a table whose rows belong to tenants."""

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, cast
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, Float, MetaData, String, Table, Uuid
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from locutory.kernel.clock import utc_now
from locutory.kernel.db.dialect import Json, UtcDateTime
from locutory.kernel.ids import new_id

_NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
}


class Base(DeclarativeBase):
    """Every table of the one database."""

    metadata = MetaData(naming_convention=_NAMES)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: String,
        int: BigInteger,
        float: Float,
        bool: Boolean,
        UUID: Uuid,
        datetime: UtcDateTime,
        StrEnum: String,
        dict[str, Any]: Json,
        list[Any]: Json,
        list[str]: Json,
    }


def table_of(model: type[Base]) -> Table:
    """The bare table of a model, for statements that build no objects."""
    return cast("Table", model.__table__)


class TenantModel(Base):
    """A table whose rows belong to a tenant; sessions add the filter and fail closed."""

    __abstract__ = True

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    tenant_id: Mapped[UUID] = mapped_column()
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
