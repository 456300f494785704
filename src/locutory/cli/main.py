"""`locutory …`."""

import sys

import typer

from locutory.cli import calls, operate
from locutory.kernel.errors import LocutoryError

app = typer.Typer(
    name="locutory",
    help="A self-hosted server for organisations whose work is talking with people.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
operate.register(app)
app.add_typer(calls.app, name="calls", help="Post-call analytics.")


def main() -> None:
    """Run a command. An expected failure is one line on standard error and exit code 1."""
    try:
        app()
    except LocutoryError as error:
        print(f"locutory: {error.detail} ({error.error_code})", file=sys.stderr)
        sys.exit(1)
