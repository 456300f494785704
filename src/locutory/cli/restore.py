"""`locutory restore`: a backup becomes the data of a server, all of it or nothing.

Every file is checked while it is copied beside its place; only when all are there and right do
they take the place of what was there. Recordings that go into a bucket go there before that, since
no row names them yet.
"""

import asyncio
import base64
import binascii
import secrets
import shutil
import sqlite3
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import create_engine, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from locutory.cli.archive import (
    BLOBS,
    DATABASES,
    KEYS,
    BackupDamaged,
    Manifest,
    checksum,
    copied,
    read_manifest,
    read_sums,
)
from locutory.cli.backup import PROOF, run_client
from locutory.cli.recordings import copy_in, holds_any, remove_others
from locutory.engines.blobs import BlobStore, get_blobs
from locutory.kernel.crypto import FILE_NAME, CryptoError, load_or_create_secrets
from locutory.kernel.db import migrate as schema
from locutory.kernel.db.dialect import is_sqlite
from locutory.kernel.errors import (
    ConfigError,
    ConflictError,
    InputError,
    StorageUnavailableError,
    first_line,
)
from locutory.kernel.settings import Settings


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a backup goes; `database` is the file of SQLite, None on PostgreSQL."""

    settings: Settings
    url: str
    database: Path | None

    @classmethod
    def of(cls, settings: Settings) -> "_Place":
        """The server that the settings describe."""
        url = schema.async_url(settings.database.migration_url or settings.database_url)
        file = Path(make_url(url).database or "") if is_sqlite(url) else None
        return cls(settings, url, file)

    @property
    def kind(self) -> str:
        """As a manifest says it."""
        return "postgresql" if self.database is None else "sqlite"

    @property
    def blobs(self) -> Path:
        """The recordings, where they lie on this machine."""
        return self.settings.data_dir / BLOBS

    @property
    def bucket(self) -> BlobStore | None:
        """The recordings, where they lie elsewhere."""
        return None if self.settings.blobs.url is None else get_blobs(self.settings)


def check_backup(folder: Path) -> Manifest:
    """Read all of a backup. Raises BackupDamaged, naming the first file that is not right."""
    manifest = read_manifest(folder)
    for name, sum_ in read_sums(folder, manifest).items():
        if not (folder / name).is_file() or checksum(folder / name) != sum_:
            raise BackupDamaged(f"{folder / name} is missing or was changed")
    return manifest


def restore_backup(
    settings: Settings, folder: Path, *, force: bool, with_recordings: bool = True
) -> Manifest:
    """Make a backup the server's data. Blocking; nothing may run on the target.

    Recordings that the backup left where they are, or that nobody wants from it, stay as they are.
    Raises BackupDamaged; InputError (NOT_EMPTY, OTHER_DATABASE, SCHEMA_NEWER); ConfigError
    (KEYS_MISSING, OTHER_KEYS, PG_RESTORE_MISSING); ConflictError (SERVER_RUNNING);
    StorageUnavailableError, and what a bucket raises. On each of them the target is as it was, but
    for files in a bucket that no row names, or that had the same name in the backup.
    """
    manifest = read_manifest(folder)
    sums = read_sums(folder, manifest)
    place = _Place.of(settings)
    _require_fit(manifest, place)
    recordings = with_recordings and manifest.recordings == "copied"
    if _holds_data(place, recordings=recordings):
        if not force:
            where = f"{settings.data_dir} and its database"
            raise InputError(f"{where} hold data; --force replaces them", code="NOT_EMPTY")
        _require_idle(place)
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft, bucket = settings.data_dir / f".restoring-{secrets.token_hex(4)}", place.bucket
    blobs = [name for name in sums if name.startswith(f"{BLOBS}/")]
    stay = set() if recordings and bucket is None else set(blobs)
    try:
        for name, sum_ in sums.items():
            if not _taken(folder, name, sum_, None if name in stay else draft):
                raise BackupDamaged(f"{folder / name} is missing or was changed")
        _require_keys(settings, manifest, draft)
        if recordings and bucket is not None:
            asyncio.run(copy_in(bucket, folder, blobs))
        if place.database is None:
            clean = ("--clean", "--if-exists") if force else ()
            run_client(
                "pg_restore",
                make_url(place.url),
                *("--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges"),
                *clean,
                str(draft / DATABASES["postgresql"]),
            )
        of_machine = recordings and bucket is None
        _swap(place, draft, with_keys=manifest.with_keys, with_recordings=of_machine)
        if recordings and bucket is not None and force:
            asyncio.run(remove_others(bucket, blobs))
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return manifest


def _taken(folder: Path, name: str, sum_: str, draft: Path | None) -> bool:
    """Whether a file of the backup is right; it is copied into `draft` while that is looked at."""
    if not (folder / name).is_file():
        return False
    if draft is None:
        return checksum(folder / name) == sum_
    return copied(folder / name, draft / name)[0] == sum_


def _require_fit(manifest: Manifest, place: _Place) -> None:
    if manifest.database != place.kind:
        raise InputError(
            f"the backup is of {manifest.database}, LOCUTORY_DATABASE__URL says {place.kind}",
            code="OTHER_DATABASE",
        )
    if manifest.revision > schema.head():
        raise InputError(
            f"the backup has schema {manifest.revision}, this version knows {schema.head()}:"
            f" install {manifest.version} or later",
            code="SCHEMA_NEWER",
        )


def _holds_data(place: _Place, *, recordings: bool) -> bool:
    if recordings and _holds_recordings(place):
        return True
    if place.database is not None:
        return place.database.exists()
    engine = create_engine(schema.sync_url(place.url))
    try:
        with engine.connect() as connection:
            return bool(inspect(connection).get_table_names())
    except SQLAlchemyError as error:
        raise StorageUnavailableError(first_line(error)) from error
    finally:
        engine.dispose()


def _holds_recordings(place: _Place) -> bool:
    if place.bucket is not None:
        return asyncio.run(holds_any(place.bucket))
    return any(file.is_file() for file in place.blobs.rglob("*"))


def _require_idle(place: _Place) -> None:
    """Raises ConflictError where a worker was alive a moment ago."""
    seen: int | None = None
    query = "SELECT max(heartbeat_ms) FROM kernel_worker"
    if place.database is not None:
        with (
            suppress(sqlite3.Error),  # no database of ours, or none at all: nobody works on it
            closing(sqlite3.connect(f"file:{place.database}?mode=rw", uri=True)) as connection,
        ):
            (seen,) = connection.execute(query).fetchone()
    else:
        engine = create_engine(schema.sync_url(place.url))
        with suppress(SQLAlchemyError), engine.connect() as connection:
            seen = connection.execute(text(query)).scalar()
        engine.dispose()
    silent_s = place.settings.jobs.silent_s
    if seen is not None and time.time() - seen / 1000 < silent_s:
        raise ConflictError(
            f"a server works here: stop it; one that was killed counts for {silent_s:.0f} s",
            code="SERVER_RUNNING",
        )


def _require_keys(settings: Settings, manifest: Manifest, draft: Path) -> None:
    """Raises ConfigError unless the keys that will be in force open what was sealed."""
    given = settings.crypto.keys
    by_setting = given is not None and bool(given.get_secret_value().strip())
    folder = settings.data_dir
    if manifest.with_keys and not by_setting:
        (draft / KEYS).chmod(0o600)
        folder = draft
    elif not by_setting and not (folder / FILE_NAME).is_file():
        raise ConfigError(
            f"the backup holds no keys: put {FILE_NAME} of the server that it was made of into"
            f" {settings.data_dir}, or set LOCUTORY_CRYPTO__KEYS",
            code="KEYS_MISSING",
        )
    ring = load_or_create_secrets(folder, settings).ring
    try:
        ring.decrypt(base64.b64decode(manifest.proof), aad=PROOF)
    except (CryptoError, binascii.Error) as error:
        raise ConfigError(
            f"the keys here are not those of the backup: give it its own {FILE_NAME} or"
            " LOCUTORY_CRYPTO__KEYS",
            code="OTHER_KEYS",
        ) from error


def _swap(place: _Place, draft: Path, *, with_keys: bool, with_recordings: bool) -> None:
    """Let the copies take their places; what was there goes last."""
    old = draft / "replaced"
    old.mkdir()
    done: list[tuple[Path, Path]] = []  # where it is kept, where it was
    moves: list[tuple[Path, Path]] = []
    if place.database is not None:
        for ending in ("-wal", "-shm"):  # of the former file; they would be read into the new one
            beside = place.database.with_name(place.database.name + ending)
            if beside.exists():
                shutil.move(beside, old / beside.name)
                done.append((old / beside.name, beside))
        moves.append((draft / DATABASES["sqlite"], place.database))
    if with_recordings:
        (draft / BLOBS).mkdir(exist_ok=True)
        moves.append((draft / BLOBS, place.blobs))
    if with_keys:
        moves.append((draft / KEYS, place.settings.data_dir / FILE_NAME))
    try:
        for new, target in moves:
            if target.exists():
                shutil.move(target, old / target.name)
                done.append((old / target.name, target))
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(new, target)
    except OSError:
        for kept, target in reversed(done):
            _remove(target)
            shutil.move(kept, target)
        raise


def _remove(target: Path) -> None:
    if target.is_dir():
        shutil.rmtree(target)
    else:
        target.unlink(missing_ok=True)
