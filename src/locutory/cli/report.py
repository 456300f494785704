"""What the command line shows of calls."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

_COLOURS = {"done": "green", "failed": "red", "skipped": "yellow"}


def print_table(rows: Sequence[dict[str, Any]], *, waited: bool) -> None:
    """A line a call: speakers, minutes, talk ratio, sentiment, score, status."""
    console = Console()
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name, justify in (
        ("call", "left"),
        ("speakers", "right"),
        ("minutes", "right"),
        ("talk ratio", "right"),
        ("sentiment", "right"),
        ("score", "right"),
        ("status", "left"),
    ):
        table.add_column(name, justify="right" if justify == "right" else "left", overflow="fold")
    for row in rows:
        colour = _COLOURS.get(row["status"], "default")
        table.add_row(
            row["callid"],
            _number(row["speakers"], "{:d}"),
            _number(row["minutes"], "{:.2f}"),
            _number(row["talk_ratio"], "{:.0%}"),
            _number(row["sentiment"], "{:+.2f}"),
            _number(row["score"], "{:.0f}"),
            f"[{colour}]{row['status']}[/]{_why(row)}",
        )
    console.print(table)
    if not waited:
        console.print("queued; `--wait` would have shown the results")


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else form.format(value)


def _why(row: dict[str, Any]) -> str:
    parts = [part for part in (row["reason"], row["detail"]) if part]
    if not row["has_words"] and row["status"] == "done":
        parts.append("no words")
    return f" [dim]{' · '.join(parts)}[/]" if parts else ""
