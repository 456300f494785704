"""Taking recordings in from the command line."""

import asyncio
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from locutory.app import Server, compose
from locutory.kernel.auth import people
from locutory.kernel.db import Database
from locutory.kernel.errors import LocutoryError
from locutory.kernel.jobs.depths import served_queues
from locutory.kernel.settings import Settings
from locutory.kernel.signals import pause
from locutory.products.calls.records import service as records
from locutory.products.calls.records.contract import Consent, Stage
from locutory.products.calls.records.schemas import CallRead
from locutory.products.calls.sources import operator
from locutory.products.calls.sources.folder import Recording, recordings

_LOOK_S = 0.2
_FINAL = ("done", "failed", "skipped")


async def run_ingest(
    settings: Settings,
    places: Sequence[str],
    *,
    bid: str,
    transcript: Path | None,
    consent: str | None,
    wait: bool,
    quiet: bool,
) -> list[dict[str, Any]]:
    """Offer everything, wait if asked, and return a row a call."""
    found = recordings(places, transcript)
    console = Console(stderr=True, quiet=quiet)
    async with compose(settings).running(work=False) as server:
        business = await operator.business(server.storage, bid)
        if business.created:
            console.print(f"made the business {bid}")
        db = server.storage.database(business.tenant.id)
        refused = await _offer_all(server, db, found, None if consent is None else Consent(consent))
        if wait:
            left = [r.callid for r in found if r.callid not in refused]
            await _wait(server, db, left, console)
        return [refused.get(r.callid) or await _row(db, r.callid) for r in found]


async def run_register(settings: Settings, bid: str, name: str, timezone: str) -> None:
    """Make a business. Raises SlugTaken."""
    async with compose(settings).running(work=False) as server:
        new = people.NewTenant(slug=bid, name=name, timezone=timezone)
        await server.storage.database().write(
            lambda tx: people.create_tenant(tx, new, actor=operator.OPERATOR)
        )


async def _offer_all(
    server: Server, db: Database, found: Sequence[Recording], consent: Consent | None
) -> dict[str, dict[str, Any]]:
    """Offer each; return the rows of those that were refused, the others go on."""
    refused = {}
    for recording in found:
        try:
            await operator.offer(
                db,
                server.services,
                recording,
                scratch=server.settings.data_dir / "tmp",
                consent=consent,
            )
        except LocutoryError as error:
            refused[recording.callid] = _refusal(recording, error)
    return refused


async def _wait(server: Server, db: Database, callids: Sequence[str], console: Console) -> None:
    """Until every call has ended; Ctrl-C leaves the rest queued.

    Where no worker lives, this process works the queues itself, also when one dies meanwhile.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    working = asyncio.create_task(work_if_nobody_does(server, stop, set(Stage)))
    working.add_done_callback(lambda _: stop.set())
    try:
        await _watch(db, set(callids), stop, console)
    finally:
        stop.set()
        await working


async def work_if_nobody_does(server: Server, stop: asyncio.Event, needed: set[Any]) -> None:
    """Until told to stop: where no worker lives that serves these queues, be one for all."""
    silent_s = server.settings.jobs.silent_s
    while not stop.is_set():
        async with server.storage.read(None) as session:
            served = await served_queues(session, silent_s)
        if not needed <= served:
            await server.worker().run(stop)
            return
        await pause(stop, server.settings.jobs.heartbeat_s)


async def _watch(db: Database, left: set[str], stop: asyncio.Event, console: Console) -> None:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, disable=console.quiet) as progress:
        task = progress.add_task("calls", total=len(left))
        while left and not stop.is_set():
            for callid in sorted(left):
                if await records.settled(db, callid):
                    left.discard(callid)
                    progress.advance(task)
                    if not console.is_terminal:
                        console.print(f"{callid} has ended")
            await pause(stop, _LOOK_S)


async def _row(db: Database, callid: str) -> dict[str, Any]:
    call = await records.get_call(db, callid)
    return {
        "callid": callid,
        "speakers": _speakers(call),
        "minutes": None if call.duration_s is None else call.duration_s / 60,
        "talk_ratio": call.talk_ratio,
        "sentiment": call.sentiment,
        "score": call.score,
        "status": call.status,
        "reason": call.status_reason,
        "detail": call.status_detail,
        "has_words": call.has_words,
        "flags": call.flags,
    }


def _speakers(call: CallRead) -> int | None:
    if call.transcript is None:
        return None
    return len({turn.speaker or turn.role for turn in call.transcript.turns})


def _refusal(recording: Recording, error: LocutoryError) -> dict[str, Any]:
    return {
        "callid": recording.callid,
        "speakers": None,
        "minutes": None,
        "talk_ratio": None,
        "sentiment": None,
        "score": None,
        "status": "failed",
        "reason": error.error_code,
        "detail": error.detail,
        "has_words": False,
        "flags": [],
    }
