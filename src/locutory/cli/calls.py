"""`locutory calls …`."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import typer
from pydantic import BaseModel, ValidationError

from locutory.cli.operate import configure_logs, run_async
from locutory.kernel.errors import InvalidError
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
    name: Annotated[str | None, typer.Option(help="its name")] = None,
    timezone: Annotated[str, typer.Option(help="an IANA name")] = "UTC",
) -> None:
    """Make a business."""
    from locutory.cli.ingest import run_register

    run_async(run_register(Settings(), bid, name or bid, timezone))
    print(f"business {bid} is ready")
