"""Databases for tests: SQLite always, PostgreSQL where LOCUTORY_TEST_DB or a mark asks for it.

PostgreSQL is the server of LOCUTORY_TEST_POSTGRESQL_URL, else the machine's own, else a private
cluster made for this run; where there is none of these the tests skip and say so. Each test gets
a copy of a database that was migrated once.

`server` is the whole program on such a database, without a worker; `client` asks its app; `ours`
and `theirs` are two businesses with an administrator each.
"""

import asyncio
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx2
import hypothesis
import pytest
import structlog
from fastapi import FastAPI
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import OperationalError

from locutory import app
from locutory.kernel.auth import people
from locutory.kernel.auth.passwords import Passwords
from locutory.kernel.db import Session, Storage
from locutory.kernel.db.migrate import migrate
from locutory.kernel.settings import (
    AuthSettings,
    BlobSettings,
    DatabaseSettings,
    HttpSettings,
    LimitSettings,
    Settings,
)
from locutory.products.calls.businesses.contract import Role

assert app.MODULES, "every table is known before migrating"

MACHINE = "postgresql+psycopg://postgres@127.0.0.1:5432/postgres"
PASSWORD = "correct horse"
CHEAP = AuthSettings(argon2_memory_kib=64, argon2_passes=1)

# the default lays out every local of a failure, for seconds
structlog.configure(
    processors=[
        *structlog.get_config()["processors"][:-1],
        structlog.dev.ConsoleRenderer(
            colors=False, exception_formatter=structlog.dev.plain_traceback
        ),
    ]
)

# how fast examples are made is the machine's affair, and no test depends on a time
hypothesis.settings.register_profile(
    "locutory", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("locutory")


def _admin(url: str) -> Engine:
    return create_engine(url, isolation_level="AUTOCOMMIT")


def _answers(url: str) -> bool:
    engine = _admin(url)
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    except OperationalError:
        return False
    finally:
        engine.dispose()
    return True


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """The address of a server where databases may be made."""
    given = os.environ.get("LOCUTORY_TEST_POSTGRESQL_URL")
    if given:
        url = given.replace("postgresql://", "postgresql+psycopg://")
        if not _answers(url):
            pytest.fail(f"no PostgreSQL answers at LOCUTORY_TEST_POSTGRESQL_URL={given}")
        yield url
    elif _answers(MACHINE):
        yield MACHINE
    else:
        yield from _private_cluster()


def _private_cluster() -> Iterator[str]:
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not binaries:
        pytest.skip("no PostgreSQL: none answers on this machine and none is installed")
    bin_ = binaries[-1].parent
    with tempfile.TemporaryDirectory(prefix="locutory-pg-") as folder:
        # PostgreSQL refuses to run as root
        as_user: list[str] = []
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
            as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        data, port = f"{folder}/data", free_port()
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        initdb = [*as_user, str(bin_ / "initdb"), "-D", data, "-A", "trust", "-U", "postgres"]
        start = [*as_user, str(bin_ / "pg_ctl"), "-D", data, "-w", "-o", options, "start"]
        for command in (initdb, [*start, "-l", f"{folder}/log"]):
            subprocess.run(command, check=True, capture_output=True, cwd=folder)
        yield f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres"
        stop = [*as_user, str(bin_ / "pg_ctl"), "-D", data, "-m", "immediate", "stop"]
        subprocess.run(stop, check=True, capture_output=True, cwd=folder)


def free_port() -> int:
    with socket.socket() as finder:
        finder.bind(("127.0.0.1", 0))
        port: int = finder.getsockname()[1]
        return port


def _beside(url: str, name: str) -> str:
    return f"{url.rpartition('/')[0]}/{name}"


@pytest.fixture(scope="session")
def postgresql_template(postgresql_server: str) -> Iterator[str]:
    """The name of a migrated database that nobody is connected to."""
    name = f"locutory_template_{uuid4().hex[:12]}"
    admin = _admin(postgresql_server)
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    migrate(_beside(postgresql_server, name))
    yield name
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


_EMPTY = text(
    """
    DO $$
    DECLARE name text; has_rows boolean; filled text[];
    BEGIN
        PERFORM pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid();
        FOR name IN SELECT quote_ident(tablename) FROM pg_tables
            WHERE schemaname = 'public' AND tablename <> 'alembic_version'
        LOOP
            EXECUTE 'SELECT EXISTS (SELECT FROM ' || name || ')' INTO has_rows;
            IF has_rows THEN filled := filled || name; END IF;
        END LOOP;
        IF filled IS NOT NULL THEN
            EXECUTE 'TRUNCATE ' || array_to_string(filled, ',') || ' CASCADE';
        END IF;
    END $$
    """
)


@pytest.fixture(scope="session")
def postgresql_copies(postgresql_server: str, postgresql_template: str) -> Iterator[list[str]]:
    """Empty copies of the template that no test uses now; to make one takes most of a second."""
    free: list[str] = []
    yield free
    admin = _admin(postgresql_server)
    with admin.connect() as connection:
        for name in free:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture
def postgresql_url(
    postgresql_server: str, postgresql_template: str, postgresql_copies: list[str]
) -> Iterator[str]:
    """The address of a migrated database without rows, of the test's own while it runs."""
    admin = _admin(postgresql_server)
    if postgresql_copies:
        name = postgresql_copies.pop()
    else:
        name = f"locutory_{uuid4().hex[:12]}"
        with admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {postgresql_template}"))
    yield _beside(postgresql_server, name)
    admin.dispose()
    own = _admin(_beside(postgresql_server, name))
    with own.connect() as connection:
        connection.execute(_EMPTY)
    own.dispose()
    postgresql_copies.append(name)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database file."""
    path = tmp_path_factory.mktemp("template") / "locutory.db"
    migrate(f"sqlite+aiosqlite:///{path}")
    return path


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """The address of a migrated file of its own."""
    path = tmp_path / "locutory.db"
    shutil.copy(sqlite_template, path)
    return f"sqlite+aiosqlite:///{path}"


_ON_BOTH = ("architecture", "journeys", "kernel")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`database_url` runs on SQLite, or on PostgreSQL by DB=postgresql, or on both by mark.

    The mark counts where the fences are: products' tests run on the one that is asked for, since
    on both they took longer than a person waits. DB=both runs them on both as well.
    """
    if "database_url" not in metafunc.fixturenames:
        return
    asked = os.environ.get("LOCUTORY_TEST_DB", "sqlite")
    folder = metafunc.definition.path.relative_to(Path(__file__).parent).parts[0]
    marked = metafunc.definition.get_closest_marker("both_databases")
    if asked == "both" or (marked and folder in _ON_BOTH):
        kinds = ["sqlite", "postgresql"]
    else:
        kinds = [asked]
    metafunc.parametrize("database_kind", kinds, scope="function", indirect=True)


@pytest.fixture
def database_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def database_url(database_kind: str, request: pytest.FixtureRequest) -> str:
    """The address of a migrated database of its own, of the kind that the run asks for."""
    url: str = request.getfixturevalue(f"{database_kind}_url")
    return url


@pytest.fixture
async def storage(database_url: str) -> AsyncIterator[Storage]:
    storage = Storage(database_url)
    await storage.open()
    yield storage
    await storage.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Resident:
    """The administrator of a business, with a login and an API key that may do as much."""

    client: httpx2.AsyncClient
    bid: str
    email: str
    user_id: UUID
    token: str
    refresh_token: str
    key: str
    key_id: UUID

    async def ask(self, method: str, path: str, **rest: Any) -> httpx2.Response:
        """A request with the login; `token=None` sends none, another one that."""
        headers = dict(rest.pop("headers", {}))
        token = rest.pop("token", self.token)
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        return await self.client.request(method, path, headers=headers, **rest)

    async def log_in(self) -> dict[str, Any]:
        """A new session."""
        return await log_in(self.client, self.email)


@pytest.fixture(scope="session")
def password_hash() -> str:
    """Of PASSWORD; to hash is slow by intent."""
    passwords = Passwords(CHEAP)
    try:
        return asyncio.run(passwords.hash(PASSWORD))
    finally:
        passwords.close()


@pytest.fixture
def blob_settings() -> BlobSettings:
    """Where the server keeps its files: in its data directory, unless a test says otherwise."""
    return BlobSettings()


@pytest.fixture
def http_settings() -> HttpSettings:
    """What the server may reach outside, unless a test says otherwise."""
    return HttpSettings()


@pytest.fixture
async def server(
    tmp_path: Path, database_url: str, blob_settings: BlobSettings, http_settings: HttpSettings
) -> AsyncIterator[app.Server]:
    """The composed program, alive, without a worker; rates are out of the way."""
    settings = Settings(
        data_dir=tmp_path / "data",
        database=DatabaseSettings(url=database_url),
        auth=CHEAP,
        limits=LimitSettings(default="1000000/minute", login="1000000/minute"),
        blobs=blob_settings,
        http=http_settings,
    )
    async with app.compose(settings).running(work=False) as server:
        yield server


@pytest.fixture
def api(server: app.Server) -> FastAPI:
    return app.create_app(server, work=False)


@pytest.fixture
async def client(api: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(api)
    async with httpx2.AsyncClient(transport=transport, base_url="http://locutory.test") as client:
        yield client


async def log_in(client: httpx2.AsyncClient, email: str) -> dict[str, Any]:
    """The answer to a login with the password that everybody here has."""
    reply = await client.post("/auth/login", json={"email": email, "password": PASSWORD})
    assert reply.status_code == 200, reply.text
    opened: dict[str, Any] = reply.json()
    return opened


async def settle_down(
    server: app.Server, client: httpx2.AsyncClient, bid: str, password_hash: str
) -> Resident:
    """Open a business and log its administrator in."""
    email = f"admin@{bid}.example"
    user = people.NewUser(
        email=email,
        name=f"Admin of {bid}",
        password_hash=password_hash,
    )

    async def make(tx: Session) -> UUID:
        new = people.NewTenant(slug=bid, name=f"House {bid}")
        tenant = await people.create_tenant(tx, new, actor="test")
        user_id = await people.create_user(tx, user, actor="test")
        roles = [Role.BUSINESS_ADMIN.full]
        await people.add_member(tx, tenant.id, user_id, roles, actor="test")
        return user_id

    user_id = await server.storage.database().write(make)
    opened = await log_in(client, email)
    bearer = {"authorization": f"Bearer {opened['access_token']}"}
    scopes = (await client.get("/auth/me", headers=bearer)).json()["permissions"]
    ask = {"name": f"Key of {bid}", "scopes": scopes}
    made = (await client.post("/api/auth/keys", json=ask, headers=bearer)).json()
    return Resident(
        client=client,
        bid=bid,
        email=email,
        user_id=user_id,
        token=opened["access_token"],
        refresh_token=opened["refresh_token"],
        key=made["key"],
        key_id=UUID(made["id"]),
    )


@pytest.fixture
async def ours(server: app.Server, client: httpx2.AsyncClient, password_hash: str) -> Resident:
    return await settle_down(server, client, "6004", password_hash)


@pytest.fixture
async def theirs(server: app.Server, client: httpx2.AsyncClient, password_hash: str) -> Resident:
    return await settle_down(server, client, "7417", password_hash)
