"""Which kinds of databases can be read here."""

from importlib.util import find_spec
from typing import Final

from locutory.engines.databases.base import Database
from locutory.kernel.errors import ConfigError

KINDS: Final = ("mysql", "postgresql")
_DRIVERS = {"mysql": "aiomysql", "postgresql": "psycopg"}


def get_database(kind: str) -> Database:
    """The reader of that kind. Raises ConfigError where its driver is not installed."""
    if find_spec(_DRIVERS[kind]) is None:
        raise ConfigError(f"{kind} is read with the extra of that name: install locutory[{kind}]")
    if kind == "mysql":
        from locutory.engines.databases.mysql import MySql

        return MySql()
    from locutory.engines.databases.postgresql import PostgreSql

    return PostgreSql()
