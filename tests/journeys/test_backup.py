"""A live server is backed up while calls come in, and goes on elsewhere from there."""

import json
import shutil
import signal
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import orjson
import pytest
import soundfile
from sqlalchemy import create_engine, select, text
from tests.conftest import free_port

from locutory.cli.archive import MANIFEST, SUMS, Manifest, checksum
from locutory.kernel.audit.log import verify
from locutory.kernel.audit.models import AuditRow
from locutory.kernel.db import Storage
from locutory.products.calls.demo import manifest, path

if TYPE_CHECKING:
    from tests.journeys.conftest import Forker, Process

pytestmark = pytest.mark.both_databases
Until = Callable[[Callable[[], Any], str], Any]


@dataclass(slots=True)
class Site:
    """A data directory with its database, and commands on it."""

    folder: Path
    url: str
    forker: "Forker"
    port: int = field(default_factory=free_port)
    count: int = 0

    def start(self, *run: str, **settings: str) -> "Process":
        self.count += 1
        env = {
            "LOCUTORY_DATA_DIR": str(self.folder / "data"),
            "LOCUTORY_DATABASE__URL": self.url,
            "LOCUTORY_AUTH__MODE": "open_loopback",
            "LOCUTORY_JOBS__LEASE_S": "2",
            "LOCUTORY_LIMITS__DEFAULT": "1000000/minute",
            **{f"LOCUTORY_{name}": value for name, value in settings.items()},
        }
        return self.forker.start(*run, env=env, log=self.folder / f"{self.count}.log")

    def run(self, *run: str, **settings: str) -> tuple[int, str]:
        process = self.start(*run, **settings)
        return process.end(), process.log.read_text()

    def serve(self, until: Until) -> "Process":
        process = self.start("serve", "--port", str(self.port))
        until(lambda: self.answers() or process.ended(), f"a server, see {process.log}")
        assert not process.ended(), process.log.read_text()
        return process

    def answers(self) -> bool:
        try:
            return self.get("/healthz")[0] == 200
        except urllib.error.URLError:
            return False

    def get(self, way: str) -> tuple[int, bytes]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{way}") as reply:
            return reply.status, reply.read()

    def push(self, callid: str, recording: bytes) -> None:
        """Upload a recording and wait for the 202."""
        border = uuid4().hex
        head = f'--{border}\r\nContent-Disposition: form-data; name="callid"\r\n\r\n{callid}\r\n'
        head += f'--{border}\r\nContent-Disposition: form-data; name="file"; filename="a.wav"'
        body = head.encode() + b"\r\n\r\n" + recording + f"\r\n--{border}--\r\n".encode()
        ask = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/ingest/6004/audio",
            data=body,
            headers={"Content-Type": f"multipart/form-data; boundary={border}"},
        )
        with urllib.request.urlopen(ask) as reply:
            assert reply.status == 202

    def statuses(self) -> dict[str, str]:
        items = json.loads(self.get("/call-records/6004?limit=200")[1])["items"]
        return {item["callid"]: item["status"] for item in items}

    def rows(self, sql: str) -> list[Any]:
        engine = create_engine(self.url.replace("+aiosqlite", ""))
        try:
            with engine.connect() as connection:
                return list(connection.execute(text(sql)).all())
        finally:
            engine.dispose()


def recording(number: int, folder: Path) -> bytes:
    """Two seconds of a demo call, of a content of their own."""
    demo = path(manifest().calls[0].audio)
    rate = soundfile.info(demo).samplerate
    sound, _ = soundfile.read(demo, start=rate * number, frames=rate * 2, dtype="int16")
    soundfile.write(folder / "talk.wav", sound, rate, subtype="PCM_16")
    return (folder / "talk.wav").read_bytes()


@pytest.fixture
def old(tmp_path: Path, database_url: str, forker: "Forker") -> Site:
    (tmp_path / "old").mkdir()
    return Site(tmp_path / "old", database_url, forker)


@pytest.fixture
def new(
    tmp_path: Path, database_kind: str, forker: "Forker", request: pytest.FixtureRequest
) -> Iterator[Site]:
    """Another machine: an empty directory and an empty database."""
    folder = tmp_path / "new"
    folder.mkdir()
    if database_kind == "sqlite":
        yield Site(folder, f"sqlite+aiosqlite:///{folder}/data/locutory.db", forker)
        return
    server: str = request.getfixturevalue("postgresql_server")
    admin, name = create_engine(server, isolation_level="AUTOCOMMIT"), f"restored_{uuid4().hex[:8]}"
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield Site(folder, f"{server.rpartition('/')[0]}/{name}", forker)
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture
def backup(old: Site, tmp_path: Path) -> Path:
    """A backup of a server with one call in it, keys and all."""
    assert old.run("calls", "register", "--bid", "6004")[0] == 0
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "c1.wav").write_bytes(recording(1, tmp_path))
    code, said = old.run("calls", "ingest", str(tmp_path / "in"), "--bid", "6004", "--wait")
    assert code == 0, said
    code, said = old.run("backup", str(tmp_path / "backup"), "--with-keys")
    assert code == 0, said
    return tmp_path / "backup"


async def broken_chains(url: str) -> list[int]:
    """Of each tenant's audit log the first number that does not fit; there must be logs."""
    storage = Storage(url)
    await storage.open()
    try:
        async with storage.read(None) as session:
            wanted = select(AuditRow.tenant_id).distinct()
            found = await session.scalars(wanted, execution_options={"fenced": True})
            tenants = list(found)
            assert tenants
            checked = [await verify(session, tenant) for tenant in tenants]
            return [seq for seq in checked if seq is not None]
    finally:
        await storage.close()


async def test_a_server_that_takes_calls_in_is_backed_up_and_goes_on_elsewhere(
    old: Site, new: Site, until: Until, tmp_path: Path
) -> None:
    assert old.run("calls", "register", "--bid", "6004")[0] == 0
    serving = old.serve(until)
    given = {f"c{number}": recording(number, tmp_path) for number in range(24)}
    before = dict(list(given.items())[:8])
    for callid, sound in before.items():
        old.push(callid, sound)

    copying = old.start("backup", str(tmp_path / "backup"), "--with-keys")
    during = 0
    for callid, sound in list(given.items())[8:]:
        old.push(callid, sound)
        during += not copying.ended()
    assert copying.end() == 0, copying.log.read_text()
    serving.send(signal.SIGKILL)
    serving.end()
    code, said = new.run("restore", str(tmp_path / "backup"))
    assert code == 0, said
    serving = new.serve(until)
    until(lambda: set(new.statuses().values()) == {"done"}, "an end of every call")
    kept = new.statuses()

    assert during, "the backup was made before anything else came in"
    assert set(before) <= set(kept) <= set(given)
    for callid in kept:
        assert new.get(f"/call-records/6004/{callid}/audio") == (200, given[callid])
    told = json.loads(new.get("/health")[1])
    assert (told["status"], told["checks"]["database"]["status"]) == ("ok", "ok")
    new.push("after", recording(30, tmp_path))
    until(lambda: new.statuses().get("after") == "done", "a call that came after")
    serving.send(signal.SIGTERM)
    serving.end()
    assert await broken_chains(new.url) == []


def test_what_is_there_is_replaced_only_when_that_is_said(
    old: Site, new: Site, backup: Path
) -> None:
    assert new.run("restore", str(backup))[0] == 0
    again = new.run("restore", str(backup))
    mark = new.folder / "data" / "blobs" / "mark"
    mark.write_text("of the former server")
    forced = new.run("restore", str(backup), "--force")

    assert (again[0], "NOT_EMPTY" in again[1], "--force" in again[1]) == (1, True, True)
    assert forced[0] == 0, forced[1]
    assert not mark.exists()
    assert new.rows("SELECT status FROM calls_record") == [("done",)]
    assert not list((new.folder / "data").glob(".restoring*"))


def test_a_server_that_works_is_not_replaced(
    old: Site, backup: Path, until: Until, tmp_path: Path
) -> None:
    serving = old.serve(until)
    until(lambda: old.rows("SELECT id FROM kernel_worker"), "a worker that says that it lives")
    refused = old.run("restore", str(backup), "--force")
    serving.send(signal.SIGTERM)
    serving.end()

    assert (refused[0], "SERVER_RUNNING" in refused[1]) == (1, True)
    assert old.run("restore", str(backup), "--force")[0] == 0


def spoil_file(backup: Path) -> None:
    blob = next(file for file in (backup / "blobs").rglob("*") if file.is_file())
    content = bytearray(blob.read_bytes())
    content[len(content) // 2] ^= 1
    blob.write_bytes(content)


def lose_file(backup: Path) -> None:
    next(file for file in (backup / "blobs").rglob("*") if file.is_file()).unlink()


def spoil_sums(backup: Path) -> None:
    (backup / SUMS).write_text((backup / SUMS).read_text() + f"{'0' * 64}  ../evil\n")


def spoil_manifest(backup: Path) -> None:
    told = orjson.loads((backup / MANIFEST).read_bytes())
    (backup / MANIFEST).write_bytes(orjson.dumps({**told, "revision": "0001_initial"}))


def cut_manifest(backup: Path) -> None:
    (backup / MANIFEST).write_bytes((backup / MANIFEST).read_bytes()[:-20])


def lose_manifest(backup: Path) -> None:
    (backup / MANIFEST).unlink()


def leave_the_folder(backup: Path) -> None:
    """Sums and a manifest that fit together and name a file outside."""
    told = orjson.loads((backup / MANIFEST).read_bytes())
    told.pop("sha256")
    (backup / MANIFEST).unlink()
    sums = (backup / SUMS).read_text().replace("blobs/", "blobs/../../", 1)
    (backup / SUMS).write_text(sums)
    from_there = Manifest.model_validate({**told, "sums_sha256": checksum(backup / SUMS)})
    from_there.write(backup)


SPOILERS = (
    *(spoil_file, lose_file, spoil_sums, spoil_manifest, cut_manifest, lose_manifest),
    leave_the_folder,
)


def test_a_damaged_backup_is_refused_and_nothing_is_touched(
    new: Site, backup: Path, tmp_path: Path
) -> None:
    assert new.run("restore", str(backup), "--check")[0] == 0
    for spoil in SPOILERS:
        copy = tmp_path / spoil.__name__
        shutil.copytree(backup, copy)
        spoil(copy)

        checked = new.run("restore", str(copy), "--check")
        restored = new.run("restore", str(copy))

        assert (checked[0], restored[0]) == (1, 1), spoil.__name__
        assert "BACKUP_DAMAGED" in checked[1], spoil.__name__
        assert "BACKUP_DAMAGED" in restored[1], spoil.__name__
        assert not list((new.folder / "data").rglob("*")), spoil.__name__


def test_without_the_keys_a_backup_opens_only_where_they_are(
    old: Site, new: Site, backup: Path, tmp_path: Path
) -> None:
    code, said = old.run("backup", str(tmp_path / "bare"))
    assert code == 0, said
    without = new.run("restore", str(tmp_path / "bare"))
    data = new.folder / "data"
    data.mkdir(exist_ok=True)
    (data / "secrets.json").write_bytes((old.folder / "data" / "secrets.json").read_bytes())
    (data / "secrets.json").chmod(0o600)
    with_them = new.run("restore", str(tmp_path / "bare"))

    assert not (tmp_path / "bare" / "secrets.json").exists()
    assert "apart from it" in said
    assert (without[0], "KEYS_MISSING" in without[1]) == (1, True)
    assert with_them[0] == 0, with_them[1]


def test_other_keys_are_found_out_before_anything_is_replaced(
    new: Site, backup: Path, old: Site, tmp_path: Path
) -> None:
    assert old.run("backup", str(tmp_path / "bare"))[0] == 0
    assert new.run("restore", str(backup))[0] == 0
    (new.folder / "data" / "secrets.json").unlink()
    assert new.run("doctor")[0] in (0, 1)  # makes keys of its own

    refused = new.run("restore", str(tmp_path / "bare"), "--force")

    assert (refused[0], "OTHER_KEYS" in refused[1]) == (1, True)
    assert new.rows("SELECT status FROM calls_record") == [("done",)]


def test_a_backup_goes_only_where_there_is_nothing_and_says_what_is_missing(
    old: Site, backup: Path, tmp_path: Path
) -> None:
    full = old.run("backup", str(backup))
    none = old.run("backup", str(tmp_path / "none"), DATA_DIR=str(tmp_path / "nowhere"))
    (old.folder / "data" / "secrets.json").rename(tmp_path / "secrets.json")
    keyless = old.run("backup", str(tmp_path / "other"), "--with-keys")

    assert (full[0], "NOT_EMPTY" in full[1]) == (1, True)
    assert (none[0], "NOTHING_TO_BACK_UP" in none[1]) == (1, True)
    assert (keyless[0], "NO_KEY_FILE" in keyless[1]) == (1, True)


def test_a_database_without_its_client_is_told_by_name(
    old: Site, backup: Path, database_kind: str, tmp_path: Path
) -> None:
    if database_kind == "sqlite":
        pytest.skip("SQLite needs no client")
    process = old.forker.start(
        *("backup", str(tmp_path / "more")),
        env={
            "LOCUTORY_DATA_DIR": str(old.folder / "data"),
            "LOCUTORY_DATABASE__URL": old.url,
            "PATH": str(tmp_path),
        },
        log=tmp_path / "log",
    )
    code, said = process.end(), (tmp_path / "log").read_text()

    assert (code, "PG_DUMP_MISSING" in said) == (1, True)
