"""`locutory backup`: the database, the recordings and, when asked for, the keys of a live server.

The database comes first, at one moment; what it names lies among the blobs already, since a blob
is stored before the row that names it. What is erased meanwhile is missing, as it should be.
"""

import asyncio
import base64
import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

from sqlalchemy import URL
from sqlalchemy.engine import make_url

from locutory import __version__
from locutory.cli.archive import (
    DATABASES,
    KEYS,
    Manifest,
    checksum,
    copied,
    write_sums,
)
from locutory.cli.recordings import copy_out, store_of
from locutory.engines.blobs import get_blobs
from locutory.kernel.clock import utc_now
from locutory.kernel.crypto import FILE_NAME, Aad, load_or_create_secrets
from locutory.kernel.db import migrate as schema
from locutory.kernel.db.dialect import is_sqlite
from locutory.kernel.errors import ConfigError, InputError, StorageUnavailableError, first_line
from locutory.kernel.settings import Settings

PROOF = Aad("", "backup", "manifest", "proof")


def make_backup(
    settings: Settings, to: Path, *, with_keys: bool, with_recordings: bool = True
) -> Manifest:
    """Copy everything into an empty folder. Blocking; the server may go on meanwhile.

    Raises InputError (NOT_EMPTY, NOTHING_TO_BACK_UP), ConfigError (PG_DUMP_MISSING, NO_KEY_FILE),
    StorageUnavailableError, and what the store of recordings raises.
    """
    url = schema.async_url(settings.database.migration_url or settings.database_url)
    revision = _revision(settings, url)
    if with_keys and not (settings.data_dir / FILE_NAME).is_file():
        raise ConfigError(
            "the keys are in LOCUTORY_CRYPTO__KEYS, keep them yourself", code="NO_KEY_FILE"
        )
    if to.exists() and any(to.iterdir()):
        raise InputError(f"{to} is not empty", code="NOT_EMPTY")
    to.mkdir(parents=True, exist_ok=True, mode=0o700)
    made_at = utc_now()
    kind = "sqlite" if is_sqlite(url) else "postgresql"
    target = to / DATABASES[kind]
    target.parent.mkdir(mode=0o700)
    if kind == "sqlite":
        copy_sqlite(Path(make_url(url).database or ""), target)
    else:
        _dump(make_url(url), target)
    sums, size = {DATABASES[kind]: checksum(target)}, target.stat().st_size
    if with_recordings:
        for name, (sum_, one) in asyncio.run(copy_out(get_blobs(settings), to)).items():
            sums[name] = sum_
            size += one
    if with_keys:
        sums[KEYS], one = copied(settings.data_dir / FILE_NAME, to / KEYS)
        size += one
        (to / KEYS).chmod(0o600)
    ring = load_or_create_secrets(settings.data_dir, settings).ring
    manifest = Manifest(
        version=__version__,
        made_at=made_at,
        database=kind,
        revision=revision,
        files=len(sums),
        bytes=size,
        with_keys=with_keys,
        recordings="copied" if with_recordings else "left",
        store=store_of(settings),
        proof=base64.b64encode(ring.encrypt(b"locutory", aad=PROOF)).decode(),
        sums_sha256=write_sums(to, sums),
    )
    manifest.write(to)
    return manifest


def _revision(settings: Settings, url: str) -> str:
    if not settings.data_dir.is_dir():
        raise InputError(f"there is no {settings.data_dir}", code="NOTHING_TO_BACK_UP")
    try:
        found = schema.current(url)
    except Exception as error:
        raise StorageUnavailableError(first_line(error)) from error
    if found is None:
        raise InputError("the database is empty", code="NOTHING_TO_BACK_UP")
    return found


def copy_sqlite(source: Path, target: Path) -> None:
    """Copy a database that is being written to, as it is at one moment.

    By SQLite's backup and not by VACUUM INTO, which may number rows anew that an index of texts
    knows by number.
    """
    with (
        closing(sqlite3.connect(f"file:{source}?mode=rw", uri=True)) as live,
        closing(sqlite3.connect(target)) as copy,
    ):
        live.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")  # one file; a server sets it back
        (verdict,) = copy.execute("PRAGMA quick_check").fetchone()
    if verdict != "ok":
        raise StorageUnavailableError(f"SQLite says of {source}: {verdict}")
    descriptor = os.open(target, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _dump(url: URL, target: Path) -> None:
    run_client(
        "pg_dump", url, "--format=custom", "--no-owner", "--no-privileges", f"--file={target}"
    )


def run_client(program: str, url: URL, *arguments: str) -> None:
    """Run a client of PostgreSQL; its password goes by the environment, not by the command line.

    Raises ConfigError where it is not installed, StorageUnavailableError in its own words.
    """
    path = shutil.which(program)
    if path is None:
        raise ConfigError(
            f"{program} is not installed; Debian has it in postgresql-client",
            code=f"{program.upper()}_MISSING",
        )
    address = url.set(drivername="postgresql", password=None).render_as_string()
    env = {**os.environ, **({"PGPASSWORD": str(url.password)} if url.password else {})}
    ran = subprocess.run(
        [path, "--no-password", f"--dbname={address}", *arguments],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        words = ran.stderr.strip().splitlines() or [f"exit code {ran.returncode}"]
        raise StorageUnavailableError(f"{program}: {words[0]}")
