"""`locutory calls …`."""

import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import typer
from pydantic import BaseModel, ValidationError

from locutory.cli.operate import configure_logs, run_async
from locutory.kernel.errors import InputError, InvalidError
from locutory.kernel.settings import Settings

M = TypeVar("M", bound=BaseModel)

app = typer.Typer(no_args_is_help=True)


@app.callback()
def calls() -> None:
    """Post-call analytics."""


@app.command()
def ingest(
    places: Annotated[list[str], typer.Argument(metavar="PATH|URL…", help="recordings, folders")],
    bid: Annotated[str, typer.Option(help="the business")],
    transcript: Annotated[
        Path | None, typer.Option(help="words that come with the one recording", exists=True)
    ] = None,
    consent: Annotated[
        Literal["yes", "no", "unknown"] | None,
        typer.Option(help="whether the customers agreed to be recorded"),
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="until every call is done or failed")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print an object a call")] = False,
) -> None:
    """Take recordings in; with --wait, show progress and end with a table.

    A transcript beside a recording (same stem: .vtt .srt .json .ctm .rttm .txt) is taken along.
    Exit code 1 unless every call ends as `done`.
    """
    from locutory.cli.ingest import run_ingest
    from locutory.cli.report import print_table

    settings = Settings()
    settings.log_level = "warning"  # to standard error: standard output is the result
    configure_logs(settings)
    rows = run_async(
        run_ingest(
            settings,
            places,
            bid=bid,
            transcript=transcript,
            consent=consent,
            wait=wait,
            quiet=as_json,
        )
    )
    if as_json:
        for row in rows:
            print(json.dumps(row))
    else:
        print_table(rows, waited=wait)
    good = {"done"} if wait else {"done", "pending", "transcribed"}
    sys.exit(0 if all(row["status"] in good for row in rows) else 1)


_Bid = Annotated[str, typer.Option(help="the business")]
_Stage = Annotated[str | None, typer.Option(help="transcribe, analyze or index; else all")]
_AsJson = Annotated[bool, typer.Option("--json", help="print the answer as JSON")]


@app.command()
def status(bid: _Bid, as_json: _AsJson = False) -> None:
    """Show how a business's calls stand and what holds them up."""
    from locutory.cli.pipeline import print_status, run_status

    found = run_async(run_status(_quiet(), bid))
    if as_json:
        print(found.model_dump_json())
    else:
        print_status(found)


@app.command()
def pause(bid: _Bid, stage: _Stage = None) -> None:
    """Hold a business's stage, or all: what runs ends, what waits stays."""
    _control(bid, "pause", stage)


@app.command()
def resume(bid: _Bid, stage: _Stage = None) -> None:
    """Let a paused or blocked stage go on, or all."""
    _control(bid, "resume", stage)


@app.command("forget-copies")
def forget_copies(
    place: Annotated[str, typer.Argument(help="as `locutory doctor` names it")],
) -> None:
    """Say that a store of vectors which was left is empty, so that erasures do not wait for it.

    Delete its collections there before: nothing here can reach them.
    """
    from locutory.cli.pipeline import run_forget_copies

    print(f"{run_async(run_forget_copies(_quiet(), place))} copies forgotten")


@app.command()
def redrive(
    bid: _Bid,
    stage: _Stage = None,
    code: Annotated[str | None, typer.Option(help="only failures of this code")] = None,
    provider: Annotated[str | None, typer.Option(help="by this provider instead")] = None,
) -> None:
    """Let dead jobs run again; exit code 1 if one of them cannot."""
    from locutory.cli.pipeline import run_redrive
    from locutory.products.calls.pipeline.schemas import LetterSelect, Overrides

    select = _checked(LetterSelect, stage=stage, code=code)
    overrides = _checked(Overrides, provider=provider)
    done = run_async(run_redrive(_quiet(), bid, select, overrides))
    print(f"{done.queued} queued again")
    for refused in done.refused:
        print(f"{refused.id} stays: {refused.why}")
    sys.exit(1 if done.refused else 0)


@app.command()
def run(
    bid: Annotated[
        list[str] | None, typer.Option(help="only this business; may be repeated")
    ] = None,
    stage: Annotated[
        list[str] | None, typer.Option(help="only this stage; may be repeated; else all")
    ] = None,
    continuous: Annotated[
        bool, typer.Option(help="go on until SIGTERM, not only until nothing is left")
    ] = False,
) -> None:
    """Work stages as a process of their own, beside a server or alone."""
    from locutory.cli.working import run_worker
    from locutory.products.calls.records.contract import Stage

    known = [one.value for one in Stage]
    unknown = sorted(set(stage or ()) - set(known))
    if unknown:
        raise InvalidError(f"there is no stage {unknown[0]}; there are {', '.join(known)}")
    runs = run_async(
        run_worker(_quiet(), queues=stage or known, bids=bid or (), continuous=continuous)
    )
    if not continuous:
        print(f"{runs} jobs run, nothing is left")


@app.command(name="crm-sync")
def crm_sync(
    bid: Annotated[
        list[str] | None, typer.Option(help="only this business; may be repeated")
    ] = None,
    continuous: Annotated[
        bool, typer.Option(help="go on until SIGTERM, not only one sync of each")
    ] = False,
) -> None:
    """Read leads from CRMs as a process of its own, and write calls back; exit code 1 on errors."""
    from locutory.cli.crm import run_crm_sync

    found = run_async(run_crm_sync(_quiet(), bids=bid or (), continuous=continuous))
    for slug, health in found.items():
        counts = ", ".join(f"{health[key]} {key}" for key in ("created", "updated", "linked"))
        print(f"{slug}: {health['error'] or counts}")
    if not found and not continuous:
        print("no CRM is connected")
    sys.exit(1 if any(health["error"] for health in found.values()) else 0)


def _control(bid: str, action: str, stage: str | None) -> None:
    from locutory.cli.pipeline import run_control
    from locutory.products.calls.pipeline.schemas import ControlAsk

    ask = _checked(ControlAsk, action=action, stage=stage)
    done = run_async(run_control(_quiet(), bid, ask.action, ask.stage))
    for name, held in done.stages.items():
        print(f"{name}: {held.state}, {held.ready} ready, {held.running} running")


def _quiet() -> Settings:
    settings = Settings()
    settings.log_level = "warning"
    configure_logs(settings)
    return settings


def _checked(kind: type[M], **fields: Any) -> M:
    """What the options say. Raises InvalidError in their words."""
    try:
        return kind(**fields)
    except ValidationError as error:
        first = error.errors()[0]
        raise InvalidError(f"{first['loc'][0]}: {first['msg']}") from error


@app.command()
def register(
    bid: Annotated[str, typer.Option(help="the business's id in addresses")],
    file: Annotated[
        Path | None, typer.Argument(help="call rows to register: CSV or JSON lines")
    ] = None,
    name: Annotated[str | None, typer.Option(help="a new business's name")] = None,
    timezone: Annotated[str, typer.Option(help="a new business's, an IANA name")] = "UTC",
    map_: Annotated[
        list[str] | None,
        typer.Option("--map", help="our field=the file's column, such as callid=UniqueID"),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only say what would be")] = False,
    report: Annotated[
        Path | None, typer.Option(help="a CSV file for the rows that are rejected")
    ] = None,
    afresh: Annotated[
        bool, typer.Option("--afresh", help="from the first line, also after a run was cut off")
    ] = False,
    as_json: _AsJson = False,
) -> None:
    """Make a business; or with FILE, register its rows as calls of a business.

    A run that was cut off goes on where it was; a row that is offered again changes nothing.
    Exit code 1 if a row was rejected.
    """
    if file is None:
        from locutory.cli.ingest import run_register

        run_async(run_register(Settings(), bid, name or bid, timezone))
        print(f"business {bid} is ready")
        return
    from locutory.cli.intake import RowsAsk, run_rows

    ask = RowsAsk(
        path=file, names=_names(map_ or []), dry_run=dry_run, afresh=afresh, report=report
    )
    done = run_async(run_rows(_quiet(), bid, ask, quiet=as_json))
    if as_json:
        print(json.dumps(asdict(done)))
    else:
        would = "would be " if dry_run else ""
        print(f"{done.created} {would}registered, {done.updated} updated, {done.known} known")
        if done.rejected:
            where = f", see {report}" if report is not None else "; --report names them"
            print(f"{done.rejected} rejected{where}")
    sys.exit(1 if done.rejected else 0)


@app.command()
def backfill(
    bid: _Bid,
    source: Annotated[str, typer.Option(help="the name of a watched folder or a database")],
    since: Annotated[datetime, typer.Option("--from", help="first time of a file or call, UTC")],
    until: Annotated[datetime, typer.Option("--to", help="the time to end before, UTC")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only count")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="until the walk has ended")] = False,
    as_json: _AsJson = False,
) -> None:
    """Take in a source's past, behind the fresh calls; exit code 1 if the walk failed."""
    from locutory.cli.intake import WalkAsk, run_backfill

    ask = WalkAsk(
        source=source,
        since=since.replace(tzinfo=UTC),
        until=until.replace(tzinfo=UTC),
        dry_run=dry_run,
        wait=wait,
    )
    done = run_async(run_backfill(_quiet(), bid, ask))
    if as_json:
        print(done.model_dump_json())
    elif done.finished_at is None:
        print(f"backfill {done.id} is queued")
    else:
        counts = f"{done.created} taken in, {done.duplicates} known, {done.refused} refused"
        print(f"{done.state}: {done.files} files, {counts}")
        for fault in done.faults:
            print(f"{fault.name}: {fault.code}: {fault.detail}")
    sys.exit(1 if done.state == "failed" else 0)


@app.command()
def watch(bid: _Bid, as_json: _AsJson = False) -> None:
    """Look at a business's watched folders now; the server does so each minute."""
    from locutory.cli.intake import run_watch

    found = run_async(run_watch(_quiet(), bid))
    if as_json:
        print(json.dumps(found))
        return
    for name, looked in found.items():
        said = ", ".join(
            f"{looked[key]} {key}" for key in ("taken", "duplicates", "refused", "waiting")
        )
        print(f"{name}: {looked['error'] or said}")
    if not found:
        print("no folder is watched")


def _names(pairs: list[str]) -> dict[str, str]:
    """`callid=UniqueID` and so on. Raises InputError."""
    found = {}
    for pair in pairs:
        ours, equals, theirs = pair.partition("=")
        if not equals or not ours.strip() or not theirs.strip():
            raise InputError(f"--map {pair}: write our field=the file's column", code="USAGE")
        found[ours.strip()] = theirs.strip()
    return found
