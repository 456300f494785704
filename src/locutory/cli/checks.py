"""What `locutory doctor` looks at: each part by itself, so that no broken one hides another."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path

from sqlalchemy import func, select, text

from locutory.app import MODULES
from locutory.engines.blobs import get_blobs
from locutory.engines.bus import get_bus
from locutory.engines.databases.registry import get_database
from locutory.engines.llm.registry import get_llm
from locutory.engines.stt import get_stt_provider
from locutory.kernel.auth import check_open_loopback
from locutory.kernel.auth import queries as tenants
from locutory.kernel.auth.models import TenantRow
from locutory.kernel.crypto import load_or_create_secrets
from locutory.kernel.db import Session, Storage
from locutory.kernel.db import migrate as schema
from locutory.kernel.db.base import table_of
from locutory.kernel.db.dialect import is_sqlite
from locutory.kernel.errors import ConfigError, LocutoryError, first_line
from locutory.kernel.http.client import HttpClient
from locutory.kernel.ids import new_id
from locutory.kernel.jobs.depths import served_queues, unserved
from locutory.kernel.jobs.models import Job
from locutory.kernel.jobs.queue import FENCED
from locutory.kernel.ratelimit import store_answers
from locutory.kernel.settings import Settings
from locutory.products.calls.pipeline.disk import free_share
from locutory.products.calls.sources.models import CallSource

_TENANTS = 1000
_BYPASS = "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
_job = table_of(Job)


class State(StrEnum):
    """How well a part is: `degraded` works with less, `must fix` does not do what it is for."""

    OK = "ok"
    DEGRADED = "degraded"
    MUST_FIX = "must fix"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the screen."""

    part: str
    state: State
    words: str
    mend: str = ""


def of_machine(settings: Settings) -> Iterator[Finding]:
    """What can be told without a database; data directory and keys are made if there are none."""
    yield _folder(settings.data_dir)
    try:
        load_or_create_secrets(settings.data_dir, settings)
    except (LocutoryError, OSError) as error:
        yield Finding("keys", State.MUST_FIX, first_line(error), "LOCUTORY_CRYPTO__KEYS")
    else:
        given = settings.crypto.keys is not None
        yield Finding("keys", State.OK, "from the setting" if given else "in secrets.json")
    yield from _logins(settings)
    if settings.data_dir.is_dir():
        yield _disk(settings)
    yield _decoder()
    yield _speech(settings)
    yield _model(settings)
    if settings.production:
        yield Finding("mode", State.OK, "production")
    else:
        mend = "LOCUTORY_PRODUCTION=true on a real server"
        yield Finding("mode", State.OK, "development", mend)


async def of_limits(settings: Settings) -> Finding:
    """Whether rates can be counted."""
    where, mend = settings.limits.storage.partition("://")[0], "LOCUTORY_LIMITS__STORAGE"
    try:
        answers = await store_answers(settings.limits)
    except ConfigError as error:
        needs = "" if find_spec("redis") else ", or: pip install 'locutory[redis]'"
        return Finding("rate limits", State.MUST_FIX, error.detail, mend + needs)
    if not answers:
        words = f"{where} does not answer: nothing is limited"
        return Finding("rate limits", State.MUST_FIX, words, mend)
    return Finding("rate limits", State.OK, where.removeprefix("async+"))


async def of_bus(settings: Settings) -> list[Finding]:
    """Whether the broker answers, where there is one."""
    part, mend = "broker", "LOCUTORY_BUS__URL"
    if settings.bus.url is None:
        return []
    try:
        bus = get_bus(settings.bus.url.get_secret_value(), settings.bus.prefix)
    except ConfigError as error:
        return [Finding(part, State.MUST_FIX, error.detail, mend)]
    try:
        await bus.check()
    except LocutoryError as error:
        words = f"{error.detail}; workers find their jobs each second without it"
        return [Finding(part, State.MUST_FIX, words, mend)]
    finally:
        await bus.close()
    return [Finding(part, State.OK, bus.name)]


async def of_blobs(settings: Settings) -> list[Finding]:
    """Whether a file can be written, read and removed, where files go into a bucket."""
    part, mend = (
        "recordings",
        "LOCUTORY_BLOBS__URL, __ENDPOINT, __REGION, __ACCESS_KEY, __SECRET_KEY",
    )
    if settings.blobs.url is None:
        return []
    key = f".doctor/{new_id()}"
    try:
        blobs = get_blobs(settings)
        await blobs.check()
        await blobs.put(key, b"locutory")
        await blobs.get(key)
        await blobs.delete(key)
    except LocutoryError as error:
        words = f"{settings.blobs.url}: {error.detail}; nothing is fetched, played or erased"
        return [Finding(part, State.MUST_FIX, words, mend)]
    return [Finding(part, State.OK, f"in {settings.blobs.url}")]


async def of_database(settings: Settings) -> list[Finding]:
    """The store, its schema, and with a fitting one what it tells of work and sources."""
    assert MODULES, "every table is known before it is asked for"
    url = settings.database_url
    if not is_sqlite(url) and find_spec("psycopg") is None:
        words = "the driver of PostgreSQL is not installed"
        return [Finding("database", State.MUST_FIX, words, "pip install 'locutory[postgresql]'")]
    try:
        revision = await asyncio.to_thread(schema.current, url)
    except Exception as error:  # drivers have many ways to say no
        words = first_line(error)
        return [Finding("database", State.MUST_FIX, words, "LOCUTORY_DATABASE__URL")]
    kind = "SQLite" if is_sqlite(url) else "PostgreSQL"
    if revision != schema.head():
        return [_schema(kind, revision)]
    findings = [Finding("database", State.OK, f"{kind}, schema {revision}")]
    async with _opened(settings) as storage:
        async with storage.read(None) as session:
            if not storage.is_sqlite and await session.scalar(text(_BYPASS)):
                words, mend = "passes row-level security by", "locutory migrate --grant-to ROLE"
                findings.append(Finding("database role", State.DEGRADED, words, mend))
            findings.append(await _workers(session, settings))
            findings += await _letters(session)
        findings += await _sources(storage)
    return findings


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[Storage]:
    storage = Storage.from_settings(settings)
    await storage.open()
    try:
        yield storage
    finally:
        await storage.close()


def _schema(kind: str, revision: str | None) -> Finding:
    if kind == "SQLite":
        words = f"SQLite, schema {revision or 'none yet'}: brought up to date at the next start"
        return Finding("database", State.OK, words)
    if revision is not None and revision > schema.head():
        words = f"PostgreSQL, schema {revision} is newer than this version"
        return Finding("database", State.MUST_FIX, words, "install the version that made it")
    words = f"PostgreSQL, schema {revision or 'none'}, this version needs {schema.head()}"
    return Finding("database", State.MUST_FIX, words, "locutory migrate")


async def _workers(session: Session, settings: Settings) -> Finding:
    silent_s, mend = settings.jobs.silent_s, "locutory serve, or locutory worker"
    served = await served_queues(session, silent_s)
    queues = {kind.queue for module in MODULES for kind in module.jobs}
    waiting = sorted(await unserved(session, queues, silent_s))
    if waiting:
        words = f"work waits and nobody does it: {', '.join(waiting)}"
        return Finding("workers", State.MUST_FIX, words, mend)
    if not served:
        return Finding("workers", State.DEGRADED, "nobody works the queues now", mend)
    return Finding("workers", State.OK, "a worker is alive")


async def _letters(session: Session) -> list[Finding]:
    slug, queue, count = TenantRow.slug, _job.c.queue, func.count()
    rows = await session.execute(
        select(slug, queue, count)
        .join(_job, _job.c.tenant_id == TenantRow.id)
        .where(_job.c.state == "dead")
        .group_by(slug, queue)
        .order_by(slug, queue),
        execution_options=FENCED,
    )
    return [
        Finding(
            "dead letters",
            State.MUST_FIX,
            f"{bid}: {dead} of {name}",
            f"look at them, then: locutory calls redrive --bid {bid}",
        )
        for bid, name, dead in rows
    ]


async def _sources(storage: Storage) -> list[Finding]:
    """Kinds of source databases whose driver is missing, with the businesses that need them."""
    async with storage.read(None) as session:
        found = await tenants.list_tenants(session, after=None, limit=_TENANTS)
    needed: dict[str, list[str]] = {}
    wanted = select(CallSource.kind).where(CallSource.enabled, CallSource.place_enc.is_not(None))
    for tenant in found:
        async with storage.read(tenant.id) as session:
            for kind in set(await session.scalars(wanted)):
                needed.setdefault(kind, []).append(tenant.slug)
    findings = []
    for kind, bids in sorted(needed.items()):
        try:
            get_database(kind)
        except ConfigError as error:
            words = f"{', '.join(bids)}: {error.detail}"
            mend = f"pip install 'locutory[{kind}]'"
            findings.append(Finding("source databases", State.MUST_FIX, words, mend))
    return findings


def _folder(folder: Path) -> Finding:
    part, mend = "data directory", "LOCUTORY_DATA_DIR, or the rights of its folder"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"locutory")
    except OSError as error:
        words = f"{folder} cannot be written: {error.strerror}"
        return Finding(part, State.MUST_FIX, words, mend)
    return Finding(part, State.OK, str(folder.resolve()))


def _logins(settings: Settings) -> Iterator[Finding]:
    if settings.auth.mode == "open_loopback":
        try:
            check_open_loopback(settings.server.host)
        except ConfigError as error:
            yield Finding("logins", State.MUST_FIX, error.detail, "LOCUTORY_AUTH__MODE")
            return
        words = "local programs are let in without a login"
        yield Finding("logins", State.DEGRADED, words, "LOCUTORY_AUTH__MODE=password")
    if not settings.auth.is_weak:
        return
    words = "passwords are hashed with less than OWASP asks for"
    state = State.MUST_FIX if settings.production else State.DEGRADED
    names = "LOCUTORY_AUTH__ARGON2_MEMORY_KIB=65536, LOCUTORY_AUTH__ARGON2_PASSES=3"
    yield Finding("passwords", state, words, names)


def _disk(settings: Settings) -> Finding:
    marks, free = settings.pipeline, free_share(settings.data_dir)
    left = shutil.disk_usage(settings.data_dir).free / 1024**3
    words = f"{left:.1f} GB free in {settings.data_dir}"
    if free < marks.disk_stop:
        mend = "make room, or LOCUTORY_PIPELINE__DISK_STOP"
        return Finding("disk", State.MUST_FIX, f"{words}: nothing is fetched", mend)
    if free < marks.disk_warn:
        return Finding("disk", State.DEGRADED, words, "make room")
    return Finding("disk", State.OK, words)


def _decoder() -> Finding:
    missing = [name for name in ("numpy", "soundfile", "soxr") if find_spec(name) is None]
    if missing:
        words = f"recordings cannot be read without {', '.join(missing)}"
        return Finding("decoder", State.MUST_FIX, words, "pip install 'locutory[calls]'")
    words = "WAV, AIFF, FLAC, MP3, Ogg, GSM; M4A, AMR, WebM and WMA are refused, ffmpeg is not used"
    return Finding("decoder", State.OK, words)


def _speech(settings: Settings) -> Finding:
    name, part = settings.stt.provider, "speech to text"
    if name in ("auto", "embedded"):
        words = "acoustic engine: turns and speakers, no words; transcripts beside recordings count"
        return Finding(part, State.DEGRADED, words, "LOCUTORY_STT__PROVIDER")
    http = HttpClient(settings.http)
    try:
        speech = get_stt_provider(name, settings=settings.stt, http=http)
    except ConfigError as error:
        known = name in ("sarvam", "deepgram")
        mend = f"LOCUTORY_STT__{name.upper()}__API_KEY" if known else "LOCUTORY_STT__PROVIDER"
        return Finding(part, State.MUST_FIX, error.detail, mend)
    words = speech.name if speech.model is None else f"{speech.name}/{speech.model}"
    return Finding(part, State.OK, words)


def _model(settings: Settings) -> Finding:
    part, mend = "language model", "LOCUTORY_LLM__PROVIDER, __BASE_URL, __MODEL"
    try:
        model = get_llm(settings.llm, HttpClient(settings.http))
    except ConfigError as error:
        return Finding(part, State.MUST_FIX, error.detail, mend)
    if model is None:
        return Finding(part, State.DEGRADED, "rules answer: locutory-rules/1", mend)
    chain = ", ".join(f"{place.name}/{place.default_model}" for place in model.router.places)
    return Finding(part, State.OK, chain)
