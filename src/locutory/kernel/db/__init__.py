"""Rows: sessions that know their tenant, one way to write, migrations."""

from locutory.kernel.db.base import Base, TenantModel
from locutory.kernel.db.database import Database, Storage
from locutory.kernel.db.session import Session

__all__ = ["Base", "Database", "Session", "Storage", "TenantModel"]
