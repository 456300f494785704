"""One screen: what works, what is degraded, what must be fixed, and which setting mends it."""

import json
from dataclasses import asdict

from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from locutory.cli.checks import (
    Finding,
    State,
    of_blobs,
    of_bus,
    of_database,
    of_limits,
    of_machine,
    of_models,
    of_vectors,
)
from locutory.kernel.settings import Settings

_COLOURS = {State.OK: "green", State.DEGRADED: "yellow", State.MUST_FIX: "red"}


async def examine(*, as_json: bool = False) -> int:
    """Print the screen; return 1 if something must be fixed."""
    findings = await _findings()
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings]))
    else:
        _show(findings)
    return int(any(finding.state is State.MUST_FIX for finding in findings))


async def _findings() -> list[Finding]:
    try:
        settings = Settings()
    except ValidationError as error:
        return [_fault(fault["loc"], fault["msg"]) for fault in error.errors()]
    return [
        *await of_database(settings),
        await of_limits(settings),
        *await of_bus(settings),
        *await of_blobs(settings),
        *await of_vectors(settings),
        *of_machine(settings),
        *await of_models(settings),
    ]


def _fault(place: tuple[int | str, ...], words: str) -> Finding:
    name = "LOCUTORY_" + "__".join(str(part) for part in place).upper()
    return Finding("settings", State.MUST_FIX, words, name)


def _show(findings: list[Finding]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("part", "state", "what", "what would mend it"):
        table.add_column(name, overflow="fold")
    for finding in findings:
        colour = _COLOURS[finding.state]
        what, mend = escape(finding.words), escape(finding.mend)  # an extra is written locutory[x]
        table.add_row(finding.part, f"[{colour}]{finding.state}[/]", what, mend)
    Console().print(table)
