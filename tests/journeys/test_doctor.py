"""`locutory doctor` on installs that are half done: it names what is missing and what mends it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import create_engine, text
from tests.brokers import need_redis
from tests.conftest import free_port
from tests.stubs.qdrant import API_KEY as QDRANT_KEY
from tests.stubs.qdrant import QdrantStub
from tests.stubs.vendor import served

if TYPE_CHECKING:
    from tests.journeys.conftest import Forker

KEY = "k1:3q2+7wAhW0mVv1cU8Lr5pYkZxT9sNfJgHdB4eQ6oRiM="


class Install:
    """A data directory, and the doctor's view of it."""

    def __init__(self, folder: Path, forker: "Forker") -> None:
        self.folder, self.forker = folder, forker

    def look(self, **settings: str) -> tuple[int, dict[str, dict[str, Any]]]:
        """The exit code, and the findings by part; of several of a part the last."""
        code, said = self.run("doctor", "--json", **settings)
        return code, {finding["part"]: finding for finding in json.loads(said)}

    def run(self, *command: str, **settings: str) -> tuple[int, str]:
        env = {"LOCUTORY_DATA_DIR": str(self.folder / "data")}
        env |= {f"LOCUTORY_{name}": value for name, value in settings.items()}
        ran = self.forker.run(*command, env=env, folder=self.folder)
        return ran.returncode, ran.stdout

    def rows(self, *statements: str) -> None:
        engine = create_engine(f"sqlite:///{self.folder}/data/locutory.db")
        with engine.begin() as connection:
            for statement in statements:
                connection.execute(text(statement))
        engine.dispose()


@pytest.fixture
def install(tmp_path: Path, forker: "Forker") -> Install:
    return Install(tmp_path, forker)


@pytest.fixture
def settled(install: Install) -> Install:
    assert install.run("calls", "register", "--bid", "6004")[0] == 0
    return install


def test_a_fresh_install_is_fine_and_says_what_more_it_could_do(install: Install) -> None:
    code, found = install.look()

    assert code == 0
    assert {part for part, one in found.items() if one["state"] == "degraded"} == {
        "speech to text",
        "language model",
    }
    assert found["speech to text"]["mend"] == "LOCUTORY_STT__PROVIDER"
    assert "LOCUTORY_LLM__PROVIDER" in found["language model"]["mend"]
    assert "next start" in found["database"]["words"]


def test_the_screen_shows_the_same_in_words(install: Install) -> None:
    code, said = install.run("doctor", LIMITS__STORAGE="async+nonsense://x")

    assert code == 1
    assert "must fix" in said
    assert "LOCUTORY_LIMITS__STORAGE" in "".join(said.split())


@pytest.mark.parametrize(
    ("settings", "part", "mend"),
    [
        ({"STT__PROVIDER": "sarvam"}, "speech to text", "LOCUTORY_STT__SARVAM__API_KEY"),
        ({"STT__PROVIDER": "whisper"}, "speech to text", "LOCUTORY_STT__WHISPER__BASE_URL"),
        ({"STT__PROVIDER": "nobody"}, "speech to text", "LOCUTORY_STT__PROVIDER"),
        ({"LLM__PROVIDER": "ollama"}, "language model", "LOCUTORY_LLM__PROVIDER"),
        ({"CRYPTO__KEYS": "k1:short"}, "keys", "LOCUTORY_CRYPTO__KEYS"),
        (
            {
                "PRODUCTION": "true",
                "AUTH__ARGON2_MEMORY_KIB": "1024",
            },
            "passwords",
            "LOCUTORY_AUTH__ARGON2_MEMORY_KIB",
        ),
        (
            {"AUTH__MODE": "open_loopback", "SERVER__HOST": "0.0.0.0"},
            "logins",
            "LOCUTORY_AUTH__MODE",
        ),
        ({"PIPELINE__DISK_STOP": "1.1"}, "disk", "LOCUTORY_PIPELINE__DISK_STOP"),
        ({"LIMITS__STORAGE": "nonsense://x"}, "rate limits", "LOCUTORY_LIMITS__STORAGE"),
        ({"SERVER__PORT": "high"}, "settings", "LOCUTORY_SERVER__PORT"),
        (
            {"DATABASE__URL": "postgresql://nobody@127.0.0.1:1/none"},
            "database",
            "LOCUTORY_DATABASE__URL",
        ),
        (
            {"DATABASE__URL": "postgresql://nobody@127.0.0.1:1/none", "PRODUCTION": "true"},
            "keys",
            "LOCUTORY_CRYPTO__KEYS",
        ),
    ],
)
def test_what_is_missing_is_named_with_its_setting_and_hides_nothing_else(
    install: Install, settings: dict[str, str], part: str, mend: str
) -> None:
    code, found = install.look(**settings)

    assert code == 1
    assert found[part]["state"] == "must fix"
    assert mend in found[part]["mend"]
    assert part == "settings" or {"database", "disk", "language model"} <= set(found)


def test_a_data_directory_that_cannot_be_written(install: Install) -> None:
    (install.folder / "data").write_text("a file is in its place")

    code, found = install.look()

    assert code == 1
    assert found["data directory"]["state"] == "must fix"
    assert "LOCUTORY_DATA_DIR" in found["data directory"]["mend"]


def test_a_broker_that_does_not_answer_one_that_does_and_none(install: Install) -> None:
    away = install.look(BUS__URL="amqp://guest:pl4nted@127.0.0.1:1/")
    strange = install.look(BUS__URL="ftp://127.0.0.1/")
    none = install.look()
    there = install.look(BUS__URL=need_redis())

    assert (away[0], away[1]["broker"]["state"]) == (1, "must fix")
    assert away[1]["broker"]["mend"] == "LOCUTORY_BUS__URL"
    assert "pl4nted" not in str(away[1])
    assert (strange[0], strange[1]["broker"]["state"]) == (1, "must fix")
    assert "broker" not in none[1]
    assert there[1]["broker"]["words"] == "redis"


def test_a_store_of_limits_that_does_not_answer_and_one_that_does(install: Install) -> None:
    program, port = shutil.which("redis-server"), free_port()
    address = f"async+redis://127.0.0.1:{port}"
    away = install.look(LIMITS__STORAGE=address)
    if program is None:
        pytest.skip("redis-server is not installed: only its absence was tried")
    with redis(program, port, install.folder):
        there = install.look(LIMITS__STORAGE=address)

    assert (away[0], away[1]["rate limits"]["state"]) == (1, "must fix")
    assert "nothing is limited" in away[1]["rate limits"]["words"]
    assert away[1]["rate limits"]["mend"] == "LOCUTORY_LIMITS__STORAGE"
    assert (there[0], there[1]["rate limits"]["state"]) == (0, "ok")


class redis:  # noqa: N801 - reads as a verb
    """A server of Redis while this is open."""

    def __init__(self, program: str, port: int, folder: Path) -> None:
        self.command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
        self.folder = folder

    def __enter__(self) -> None:
        self.process = subprocess.Popen(
            self.command, cwd=self.folder, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        assert any("Ready to accept connections" in line for line in self.process.stdout)

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.communicate()


def test_nobody_works(settled: Install) -> None:
    idle = settled.look()
    settled.rows(
        "INSERT INTO kernel_job (id, tenant_id, queue, kind, payload, state, priority, run_at_ms,"
        " attempts, throttles, lost, max_attempts, token, cancel_requested, redrives, created_ms)"
        " SELECT id, id, 'transcribe', 'calls.transcribe', '{}', 'queued', 50, 1000,"
        " 0, 0, 0, 6, 0, 0, 0, 1000 FROM kernel_tenant"
    )
    waiting = settled.look()

    assert (idle[0], idle[1]["workers"]["state"]) == (0, "degraded")
    assert (waiting[0], waiting[1]["workers"]["state"]) == (1, "must fix")
    assert "transcribe" in waiting[1]["workers"]["words"]
    assert "locutory worker" in waiting[1]["workers"]["mend"]


def test_dead_letters_wait_for_a_person(settled: Install) -> None:
    settled.rows(
        "INSERT INTO kernel_job (id, tenant_id, queue, kind, payload, state, priority, run_at_ms,"
        " attempts, throttles, lost, max_attempts, token, cancel_requested, redrives, created_ms,"
        " finished_ms) SELECT id, id, 'transcribe', 'calls.transcribe', '{}', 'dead', 50, 1000,"
        " 6, 0, 0, 6, 0, 0, 0, 1000, 2000 FROM kernel_tenant"
    )

    code, found = settled.look()

    assert code == 1
    assert found["dead letters"]["words"] == "6004: 1 of transcribe"
    assert "redrive --bid 6004" in found["dead letters"]["mend"]


@pytest.fixture
def empty_postgresql(postgresql_server: str) -> Iterator[str]:
    admin, name = create_engine(postgresql_server, isolation_level="AUTOCOMMIT"), "doctor_empty"
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield f"{postgresql_server.rpartition('/')[0]}/{name}"
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


def test_on_postgresql_an_old_schema_must_be_migrated_and_an_owners_role_is_noted(
    install: Install, empty_postgresql: str
) -> None:
    behind = install.look(DATABASE__URL=empty_postgresql)
    migrated = install.run("migrate", DATABASE__URL=empty_postgresql)
    current = install.look(DATABASE__URL=empty_postgresql)

    assert (behind[0], behind[1]["database"]["mend"]) == (1, "locutory migrate")
    assert migrated[0] == 0
    assert (current[0], current[1]["database"]["state"]) == (0, "ok")
    assert current[1]["database role"]["state"] == "degraded"


def test_a_source_whose_driver_is_not_installed_is_named(settled: Install) -> None:
    settled.rows(
        "INSERT INTO calls_source (id, tenant_id, created_at, updated_at, name, kind, enabled,"
        " after, direction, looks, health, place_enc)"
        " SELECT id, id, '2026-01-01', '2026-01-01', 'History', 'mysql', 1, 'leave', 'inbound',"
        " 0, '{}', x'00' FROM kernel_tenant"
    )
    installed = settled.look()[1]
    # to Python a module that is None here is one that is not installed
    code = "import sys; sys.modules['aiomysql'] = None; sys.argv = ['locutory', 'doctor', '--json']"
    ran = subprocess.run(
        [sys.executable, "-c", f"{code}; from locutory.cli import main; main()"],
        env={**os.environ, "LOCUTORY_DATA_DIR": str(settled.folder / "data")},
        cwd=settled.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    missing = {finding["part"]: finding for finding in json.loads(ran.stdout)}

    assert "source databases" not in installed
    assert ran.returncode == 1
    assert missing["source databases"]["words"].startswith("6004: mysql")
    assert missing["source databases"]["mend"] == "pip install 'locutory[mysql]'"


def test_a_store_of_vectors_is_asked_and_one_that_was_left_is_named(settled: Install) -> None:
    with served(QdrantStub()) as stub:
        there = {"VECTORS__STORE": "qdrant", "VECTORS__URL": stub.url}
        code, found = settled.look(**there, VECTORS__API_KEY=QDRANT_KEY)
        refused, without_key = settled.look(**there)
        place = f"qdrant {stub.url.removeprefix('http://')} locutory"
    away, gone = settled.look(**there, VECTORS__API_KEY=QDRANT_KEY)
    settled.rows(
        "INSERT INTO knowledge_copy (id, tenant_id, created_at, collection, place, generation,"
        " revision, held_until_ms) SELECT lower(hex(randomblob(16))), id, created_at, 'calls',"
        f" '{place}', 1, 7, 0 FROM kernel_tenant WHERE slug = '6004'"
    )
    left, named = settled.look()
    forgot, said = settled.run("calls", "forget-copies", place)
    _, after = settled.look()

    assert (code, found["vectors"]["state"], found["vectors"]["words"]) == (0, "ok", place)
    assert (refused, without_key["vectors"]["state"]) == (1, "must fix")
    assert "LOCUTORY_VECTORS__STORE" in without_key["vectors"]["mend"]
    assert (away, "compare in memory" in gone["vectors"]["words"]) == (1, True)
    assert (left, "6004" in named["vectors"]["words"]) == (1, True)
    assert f"forget-copies '{place}'" in named["vectors"]["mend"]
    assert (forgot, said.strip()) == (0, "1 copies forgotten")
    assert "vectors" not in after
