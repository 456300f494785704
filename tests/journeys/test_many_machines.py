"""The guide "From one machine to many", followed by its own text: what it says to type is typed.

Names of roles, the database and ports are this run's own; the second machine is a data directory
of its own with the recordings of the first one mounted inside, as the guide says.
"""

import re
import shlex
import shutil
import signal
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import make_url
from tests.conftest import free_port
from tests.journeys.test_backup import recording

if TYPE_CHECKING:
    from tests.journeys.conftest import Forker, Process

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "many-machines.md"
KEY = "k1:3q2+7wAhW0mVv1cU8Lr5pYkZxT9sNfJgHdB4eQ6oRiM="
Until = Callable[[Callable[[], Any], str], Any]


class Reader:
    """Whoever follows the guide on this machine."""

    def __init__(self, folder: Path, server: str, forker: "Forker") -> None:
        self.folder, self.server, self.forker = folder, make_url(server), forker
        self.mark = uuid4().hex[:8]
        self.ports = {name: free_port() for name in ("8080", "9101", "9102")}
        self.env: dict[str, str] = {}
        self.count = 0

    @property
    def database(self) -> str:
        return f"locutory_{self.mark}"

    def blocks(self, step: str) -> list[str]:
        """What is to be typed in a step, with names of this run."""
        section = GUIDE.read_text().partition(f"## {step}")[2].partition("\n## ")[0]
        return [self._own(block) for block in re.findall(r"```\n(.*?)```", section, re.DOTALL)]

    def _own(self, block: str) -> str:
        block = re.sub(r"\b(owner|app)\b", rf"\1_{self.mark}", block)
        block = block.replace("DATABASE locutory ", f"DATABASE {self.database} ")
        place = f"{self.server.host}:{self.server.port}/{self.database}"
        block = block.replace("@127.0.0.1/locutory", f"@{place}")
        for name, port in self.ports.items():
            block = block.replace(name, str(port))
        return block.replace("\\\n", " ")

    def make_roles(self, block: str) -> None:
        """`sudo -u postgres psql …`, by whatever way leads to the server here."""
        words = shlex.split(block)
        assert words[:4] == ["sudo", "-u", "postgres", "psql"]
        address = self.server.set(drivername="postgresql").render_as_string(hide_password=False)
        subprocess.run(["psql", address, *words[4:]], check=True, capture_output=True)

    def settle(self, block: str, folder: Path) -> None:
        """Note the environment; the data directory is a folder of the test."""
        lines = (line.partition("#")[0].strip() for line in block.splitlines())
        self.env = dict(line.split("=", 1) for line in lines if line)
        assert self.env["LOCUTORY_CRYPTO__KEYS"].startswith("k1:")
        self.env |= {"LOCUTORY_CRYPTO__KEYS": KEY, "LOCUTORY_DATA_DIR": str(folder)}

    def start(self, line: str, **other: str) -> "Process":
        """A line of the guide: settings before a command count for it."""
        words = shlex.split(line)
        env = dict(self.env)
        while "=" in words[0]:
            name, value = words.pop(0).split("=", 1)
            env[name] = value
        assert words.pop(0) == "locutory"
        self.count += 1
        log = self.folder / f"{self.count}.log"
        return self.forker.start(
            *words, env={**env, "LOCUTORY_JOBS__LEASE_S": "2", **other}, log=log
        )

    def run(self, line: str) -> str:
        process = self.start(line)
        assert process.end() == 0, process.log.read_text()
        return process.log.read_text()


@pytest.fixture
def reader(tmp_path: Path, postgresql_server: str, forker: "Forker") -> Iterator[Reader]:
    if shutil.which("psql") is None:
        pytest.skip("psql is not installed here")
    reader = Reader(tmp_path, postgresql_server, forker)
    yield reader
    admin = create_engine(postgresql_server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {reader.database} WITH (FORCE)"))
        for role in ("owner", "app"):
            connection.execute(text(f"DROP ROLE IF EXISTS {role}_{reader.mark}"))
    admin.dispose()


def statuses(engine: Engine) -> dict[str, str]:
    """By the recording's name."""
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT callid, status FROM calls_record")).all()
    return {callid.partition("-")[0]: status for callid, status in rows}


def test_the_guide_leads_to_a_server_and_two_workers_on_two_machines(
    reader: Reader, tmp_path: Path, until: Until
) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    make_roles, environment, migrate_and_look = reader.blocks("2. PostgreSQL")
    reader.make_roles(make_roles)
    reader.settle(environment, one)
    migrate, look = migrate_and_look.strip().splitlines()
    migrated, looked = reader.run(migrate), reader.run(look)
    serve, work_all, work_one = reader.blocks("3. Servers and workers apart")[0].splitlines()
    serving, working = reader.start(serve), reader.start(work_all)
    (other / "tmp").mkdir(parents=True)
    until(lambda: (one / "blobs").is_dir(), "the first machine's recordings")
    (other / "blobs").symlink_to(one / "blobs")
    beside = reader.start(work_one, LOCUTORY_DATA_DIR=str(other))
    health = f"http://127.0.0.1:{reader.ports['8080']}/healthz"
    until(lambda: answers(health) or serving.ended(), "a server")
    watcher = create_engine(reader.server.set(database=reader.database))
    until(lambda: count(watcher, "SELECT count(*) FROM kernel_worker") == 2, "two workers")

    reader.run("locutory calls register --bid 6004")
    ingest(reader, tmp_path, "first", range(4))
    until(lambda: set(statuses(watcher).values()) == {"done"}, "an end of every call")
    working.send(signal.SIGKILL)
    working.end()
    ingest(reader, tmp_path, "second", range(4, 6))
    seconds = ("c4", "c5")
    until(
        lambda: {statuses(watcher).get(name) for name in seconds} == {"transcribed"},
        "transcripts by the machine that is left",
    )
    reader.start(work_all)
    until(lambda: set(statuses(watcher).values()) == {"done"}, "an end by a worker for all")
    figures = urllib.request.urlopen(f"http://127.0.0.1:{reader.ports['9102']}/metrics").read()
    beside.send(signal.SIGTERM)
    ended = beside.end()

    assert "empty ->" in migrated
    assert "must fix" not in looked
    assert "row-level security" not in looked
    assert len(statuses(watcher)) == 6
    assert b'jobs_total{result="ok",stage="transcribe"}' in figures
    assert ended == 0
    watcher.dispose()


def answers(url: str) -> bool:
    try:
        return bool(urllib.request.urlopen(url).status == 200)
    except OSError:
        return False


def count(engine: Engine, query: str) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text(query)).scalar_one())


def ingest(reader: Reader, folder: Path, name: str, numbers: range) -> None:
    (folder / name).mkdir()
    for number in numbers:
        (folder / name / f"c{number}.wav").write_bytes(recording(number, folder))
    reader.run(f"locutory calls ingest {folder / name} --bid 6004")


def test_step_one_is_two_workers_beside_a_server_on_one_file(
    tmp_path: Path, postgresql_server: str, forker: "Forker", until: Until
) -> None:
    reader = Reader(tmp_path, postgresql_server, forker)
    reader.env = {"LOCUTORY_DATA_DIR": str(tmp_path / "data")}
    reader.run("locutory calls register --bid 6004")
    workers = [reader.start(line) for line in reader.blocks("1. More processes")[0].splitlines()]
    engine = create_engine(f"sqlite:///{tmp_path}/data/locutory.db")
    until(lambda: count(engine, "SELECT count(*) FROM kernel_worker") == 2, "two workers")

    ingest(reader, tmp_path, "in", range(3))
    until(lambda: set(statuses(engine).values()) == {"done"}, "an end of every call")

    for worker in workers:
        worker.send(signal.SIGTERM)
        assert worker.end() == 0
    engine.dispose()
