"""`locutory calls …`."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from locutory.cli.operate import configure_logs, run_async
from locutory.kernel.settings import Settings

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
        run_ingest(settings, places, bid=bid, transcript=transcript, wait=wait, quiet=as_json)
    )
    if as_json:
        for row in rows:
            print(json.dumps(row))
    else:
        print_table(rows, waited=wait)
    good = {"done"} if wait else {"done", "pending", "transcribed"}
    sys.exit(0 if all(row["status"] in good for row in rows) else 1)


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
