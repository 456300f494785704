"""One screen: what works, what is degraded, which setting would mend it."""

import asyncio
import shutil
from dataclasses import dataclass
from enum import StrEnum

from rich.console import Console
from rich.table import Table
from sqlalchemy import text

from locutory.app import Server, compose
from locutory.capabilities.runtime.api import Runtime
from locutory.engines.llm.base import LLM
from locutory.engines.stt import STTProvider
from locutory.kernel.db import migrate as schema
from locutory.kernel.errors import LocutoryError
from locutory.kernel.jobs.depths import served_queues
from locutory.kernel.settings import Settings


class State(StrEnum):
    """How well a part is."""

    OK = "ok"
    DEGRADED = "degraded"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the screen."""

    part: str
    state: State
    words: str
    mend: str = ""


_COLOURS = {State.OK: "green", State.DEGRADED: "yellow", State.BROKEN: "red"}


async def examine(settings: Settings) -> int:
    """Print the screen; return 1 if something is broken."""
    try:
        server = compose(settings)
    except LocutoryError as error:
        findings = [Finding("settings", State.BROKEN, error.detail)]
    else:
        findings = [
            *await _database(server),
            _disk(server),
            _speech(server),
            _model(server),
            _production(server),
        ]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("part", "state", "what", "what would mend it"):
        table.add_column(name)
    for finding in findings:
        colour = _COLOURS[finding.state]
        table.add_row(finding.part, f"[{colour}]{finding.state}[/]", finding.words, finding.mend)
    Console().print(table)
    return int(any(f.state is State.BROKEN for f in findings))


async def _database(server: Server) -> list[Finding]:
    url = server.storage.url
    try:
        revision = await asyncio.to_thread(schema.current, url)
    except Exception as error:
        words = str(error).splitlines()[0]
        return [Finding("database", State.BROKEN, words, "LOCUTORY_DATABASE__URL")]
    kind = "SQLite" if server.storage.is_sqlite else "PostgreSQL"
    if revision != schema.head():
        return [
            Finding("database", State.DEGRADED, f"{kind}, schema {revision}", "locutory migrate")
        ]
    findings = [Finding("database", State.OK, f"{kind}, schema {revision}")]
    await server.storage.open()
    try:
        async with server.storage.read(None) as session:
            served = await served_queues(session, server.settings.jobs.silent_s)
            if not server.storage.is_sqlite:
                bypass = await session.scalar(text(_BYPASS))
                if bypass:
                    findings.append(_ROLE)
    finally:
        await server.storage.close()
    words = "a worker is alive" if served else "nobody works the queues now"
    findings.append(
        Finding(
            "workers",
            State.OK if served else State.DEGRADED,
            words,
            "" if served else "locutory serve, or locutory worker",
        )
    )
    return findings


_BYPASS = "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
_ROLE = Finding(
    "database role",
    State.DEGRADED,
    "this role passes row-level security by",
    "a plain role: locutory migrate --grant-to ROLE",
)


def _disk(server: Server) -> Finding:
    usage = shutil.disk_usage(server.settings.data_dir)
    free = usage.free / usage.total
    words = f"{usage.free / 1024**3:.1f} GB free in {server.settings.data_dir}"
    if free < 0.05:
        return Finding("disk", State.BROKEN, words, "make room")
    return Finding("disk", State.DEGRADED if free < 0.1 else State.OK, words)


def _speech(server: Server) -> Finding:
    if server.settings.stt.provider in ("auto", "embedded"):
        words = "acoustic engine: turns and speakers, no words; transcripts beside recordings count"
        return Finding("speech to text", State.DEGRADED, words, "LOCUTORY_STT__PROVIDER")
    speech = server.services.get(STTProvider)
    words = speech.name if speech.model is None else f"{speech.name}/{speech.model}"
    return Finding("speech to text", State.OK, words)


def _model(server: Server) -> Finding:
    model = server.services.find(LLM)
    if model is None:
        words = "rules answer: locutory-rules/1"
        return Finding(
            "language model", State.DEGRADED, words, "LOCUTORY_LLM__PROVIDER, __BASE_URL"
        )
    router = server.services.get(Runtime).router
    assert router is not None
    chain = ", ".join(f"{place.name}/{place.default_model}" for place in router.places)
    return Finding("language model", State.OK, chain)


def _production(server: Server) -> Finding:
    if not server.settings.production:
        return Finding("mode", State.OK, "development", "LOCUTORY_PRODUCTION=true on a real server")
    return Finding("mode", State.OK, "production")
