"""Source databases for tests: a database of its own on this machine's MariaDB and PostgreSQL.

Where a server is not there the tests skip and say so. `LOCUTORY_TEST_MYSQL` names another MariaDB
or MySQL than root's on 127.0.0.1:3306, as `user:password@host:port`.
"""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pymysql
import pytest

from locutory.app import compose
from locutory.kernel.settings import DatabaseSettings, IntakeSettings, Settings
from locutory.products.calls.sources import keeping, operator
from locutory.products.calls.sources.source_schemas import SourceCreate

HISTORY = "7417_callhistory"
PASSWORD = "pl4nted-Secret'\"\\ÿ€"
_MYSQL = re.compile(r"(?P<user>[^:@]+)(:(?P<password>[^@]*))?@(?P<host>[^:]+):(?P<port>\d+)")
_TABLES = {
    "mysql": """CREATE TABLE `{0}` (
        id BIGINT AUTO_INCREMENT PRIMARY KEY, callid VARCHAR(200), starttime DATETIME NULL,
        endtime DATETIME NULL, dialstatus VARCHAR(20) DEFAULT 'ANSWER', direction VARCHAR(20),
        callfrom VARCHAR(40), callto VARCHAR(40), filename TEXT, note TEXT,
        updated_at DATETIME(6) {1}, KEY changes (updated_at, id)
        ) CHARACTER SET utf8mb4""",
    "postgresql": """CREATE TABLE "{0}" (
        id BIGSERIAL PRIMARY KEY, callid VARCHAR(200), starttime TIMESTAMP NULL,
        endtime TIMESTAMP NULL, dialstatus VARCHAR(20) DEFAULT 'ANSWER', direction VARCHAR(20),
        callfrom VARCHAR(40), callto VARCHAR(40), filename TEXT, note TEXT,
        updated_at TIMESTAMP(6) {1}, UNIQUE (updated_at, id)
        )""",
}


@dataclass(frozen=True, slots=True)
class SourceServer:
    """A database of the test's own, with an account that may only read it."""

    kind: str
    host: str
    port: int
    database: str
    reader: str
    admin: Any

    @property
    def connection(self) -> dict[str, Any]:
        """As a source is told of it."""
        return {
            "host": self.host,
            "port": self.port,
            "database": self.database,
            "user": self.reader,
            "password": PASSWORD,
        }

    def quoted(self, name: str) -> str:
        return f"`{name}`" if self.kind == "mysql" else f'"{name}"'

    def run(self, statement: str, values: Sequence[Any] | None = None) -> Sequence[Any]:
        """Run as the owner; the rows that it gives."""
        with self.admin.cursor() as cursor:
            cursor.execute(statement, values)
            return [] if cursor.description is None else list(cursor.fetchall())

    def make_history(self, name: str = HISTORY, *, updated_at: str = "NULL") -> None:
        """The table of a telephony system, which the account may read."""
        self.run(_TABLES[self.kind].format(name, updated_at))
        self.let_read(name)

    def let_read(self, name: str) -> None:
        to = f"'{self.reader}'@'%'" if self.kind == "mysql" else self.reader
        self.run(f"GRANT SELECT ON {self.quoted(name)} TO {to}")

    def put(self, *rows: dict[str, Any], table: str = HISTORY) -> None:
        """Insert rows of one shape."""
        names = list(rows[0])
        marks = ", ".join(["%s"] * len(names))
        columns = ", ".join(map(self.quoted, names))
        statement = f"INSERT INTO {self.quoted(table)} ({columns}) VALUES ({marks})"
        with self.admin.cursor() as cursor:
            cursor.executemany(statement, [[row[name] for name in names] for row in rows])

    def other(self) -> Any:
        """Another connection of the owner, without autocommit."""
        return _mysql(self.database) if self.kind == "mysql" else self._psycopg()

    def _psycopg(self) -> Any:
        return psycopg.connect(self.admin.info.dsn)


def _mysql(database: str | None = None) -> Any:
    found = _MYSQL.fullmatch(os.environ.get("LOCUTORY_TEST_MYSQL", "root@127.0.0.1:3306"))
    assert found is not None, "LOCUTORY_TEST_MYSQL is user:password@host:port"
    return pymysql.connect(
        host=found["host"],
        port=int(found["port"]),
        user=found["user"],
        password=found["password"] or "",
        database=database,
        charset="utf8mb4",
        sql_mode="",
        connect_timeout=5,
    )


@contextmanager
def _mysql_source() -> Iterator[SourceServer]:
    try:
        admin = _mysql()
    except pymysql.err.OperationalError as error:
        pytest.skip(f"no MariaDB or MySQL answers on this machine: {error.args[1]}")
    admin.autocommit(True)
    name = f"locutory_{uuid4().hex[:12]}"
    with admin.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        cursor.execute(f"CREATE USER '{name}'@'%%' IDENTIFIED BY %s", [PASSWORD])
    admin.select_db(name)
    yield SourceServer("mysql", admin.host, admin.port, name, name, admin)
    with admin.cursor() as cursor:
        cursor.execute(f"DROP DATABASE {name}")
        cursor.execute(f"DROP USER '{name}'@'%'")
    admin.close()


@contextmanager
def _postgresql_source(server: str) -> Iterator[SourceServer]:
    url = server.replace("+psycopg", "")
    name = f"locutory_{uuid4().hex[:12]}"
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
        admin.execute(f"CREATE ROLE {name} LOGIN")
    parts = urlsplit(url)
    with psycopg.connect(url, dbname=name, autocommit=True) as owner:
        host, port = parts.hostname or "127.0.0.1", parts.port or 5432
        yield SourceServer("postgresql", host, port, name, name, owner)
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
        admin.execute(f"DROP ROLE {name}")


@pytest.fixture
def mysql_source() -> Iterator[SourceServer]:
    with _mysql_source() as made:
        yield made


@pytest.fixture
def postgresql_source(postgresql_server: str) -> Iterator[SourceServer]:
    with _postgresql_source(postgresql_server) as made:
        yield made


@pytest.fixture(params=["mysql", "postgresql"])
def source(request: pytest.FixtureRequest) -> SourceServer:
    """Each kind in turn."""
    made: SourceServer = request.getfixturevalue(f"{request.param}_source")
    return made


async def make_source(
    folder: Path, url: str, server: SourceServer, mapping: dict[str, str], **more: Any
) -> None:
    """Make the business `demo`, and its source: this server, read each second."""
    settings = Settings(
        data_dir=folder / "data",
        database=DatabaseSettings(url=url),
        intake=IntakeSettings(database_hosts=(f"{server.host}:{server.port}",)),
    )
    wanted = SourceCreate.model_validate(
        {
            "name": "History",
            "kind": server.kind,
            "connection": server.connection,
            "mapping": mapping,
            "poll_interval_s": 1,
            **more,
        }
    )
    async with compose(settings).running(work=False) as made:
        business = await operator.business(made.storage, "demo")
        db = made.storage.database(business.tenant.id)
        told = {"tenant": business.tenant, "secrets": made.secrets}
        await db.write(lambda tx: keeping.create(tx, wanted, actor="test", **told))
