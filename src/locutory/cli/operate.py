"""Commands that run and look after a server."""

import asyncio
import sys
import tempfile
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from locutory.kernel.collector import starting
from locutory.kernel.settings import Settings

T = TypeVar("T")


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    for command in (serve, worker, migrate, backup, restore, routes, doctor, demo):
        app.command()(command)
    app.command(name="add-user")(add_user)


def serve(
    host: Annotated[str | None, typer.Option(help="address to listen at")] = None,
    port: Annotated[int | None, typer.Option(help="port to listen at")] = None,
    only: Annotated[list[str] | None, typer.Option(help="mount these products only")] = None,
    work: Annotated[
        bool,
        typer.Option(
            "--work/--no-work", "--workers/--no-workers", help="also work the queues here"
        ),
    ] = True,
    reload: Annotated[bool, typer.Option(help="restart when the code changes")] = False,
) -> None:
    """Serve the API, and work the queues unless --no-work."""
    import uvicorn

    settings = _settings(host, port, only)
    if reload:
        uvicorn.run(
            "locutory.app:from_environment",
            factory=True,
            reload=True,
            host=settings.server.host,
            port=settings.server.port,
        )
        return
    configure_logs(settings)
    with starting():
        from locutory.app import compose, create_app

        api = create_app(compose(settings), work=work)
    config = uvicorn.Config(
        api,
        host=settings.server.host,
        port=settings.server.port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=10,
    )
    uvicorn.Server(config).run()


def worker(
    queue: Annotated[
        list[str] | None,
        typer.Option(
            "--queue",
            "--stage",
            "--stages",
            help="only this queue, such as transcribe, or several with commas; may be repeated",
        ),
    ] = None,
    bid: Annotated[
        list[str] | None, typer.Option(help="only this business; may be repeated")
    ] = None,
    metrics_port: Annotated[
        int | None, typer.Option(help="serve /metrics of this process at this port")
    ] = None,
    metrics_host: Annotated[str, typer.Option(help="the address of that port")] = "127.0.0.1",
) -> None:
    """Work the queues without serving HTTP; any number of these may run beside a server."""
    settings = Settings()
    configure_logs(settings)
    with starting():
        from locutory.cli.working import run_worker
    queues = [name for one in queue or () for name in one.split(",")]
    metrics_at = None if metrics_port is None else (metrics_host, metrics_port)
    run_async(run_worker(settings, queues=queues, bids=bid or (), metrics_at=metrics_at))


def migrate(
    grant_to: Annotated[
        str | None, typer.Option(help="PostgreSQL role that the server uses: grant it the rows")
    ] = None,
) -> None:
    """Bring the database schema up to date."""
    from locutory import app

    assert app.MODULES
    from locutory.kernel.db import migrate as schema

    settings = Settings()
    url = settings.database.migration_url or settings.database_url
    before = schema.migrate(schema.async_url(url))
    if grant_to is not None:
        schema.grant(schema.async_url(url), grant_to)
    print(f"schema: {before or 'empty'} -> {schema.head()}")


def backup(
    to: Annotated[Path, typer.Argument(metavar="DIR", help="an empty folder, or one to make")],
    with_keys: Annotated[
        bool, typer.Option("--with-keys", help="also secrets.json: whoever has both reads all")
    ] = False,
    without_recordings: Annotated[
        bool, typer.Option("--without-recordings", help="leave recordings where they lie")
    ] = False,
) -> None:
    """Copy database and recordings of a server that may go on meanwhile."""
    from locutory.cli.backup import make_backup

    began = time.monotonic()
    copies = not without_recordings
    made = make_backup(Settings(), to, with_keys=with_keys, with_recordings=copies)
    size, took_s = made.bytes / 1024**2, time.monotonic() - began
    print(f"{made.files} files, {size:.1f} MB in {took_s:.1f} s: {to}")
    if not with_keys:
        print("without the keys: keep secrets.json, or LOCUTORY_CRYPTO__KEYS, apart from it")
    if without_recordings:
        print(f"without the recordings: they stay in {made.store}, and only there")


def restore(
    backup: Annotated[Path, typer.Argument(metavar="DIR", help="what `locutory backup` made")],
    force: Annotated[bool, typer.Option("--force", help="replace data that is there")] = False,
    check: Annotated[bool, typer.Option("--check", help="only read the backup")] = False,
    without_recordings: Annotated[
        bool, typer.Option("--without-recordings", help="leave those that are there as they are")
    ] = False,
) -> None:
    """Make a backup the data of this server; every file is checked before anything is replaced."""
    from locutory.cli.recordings import store_of
    from locutory.cli.restore import check_backup, restore_backup

    settings = Settings()
    if check:
        done = check_backup(backup)
    else:
        wanted = not without_recordings
        done = restore_backup(settings, backup, force=force, with_recordings=wanted)
    told = f"{done.files} files of {done.made_at:%Y-%m-%d %H:%M} UTC, schema {done.revision}"
    print(f"whole: {told}" if check else f"restored into {settings.data_dir}: {told}")
    if done.recordings == "left":
        print(f"it holds no recordings: they were left in {done.store}")
    if not check:
        print(f"recordings are looked for in {store_of(settings)}")


def add_user(
    email: Annotated[str, typer.Option(help="the login")],
    name: Annotated[str, typer.Option(help="the person's name")],
    admin: Annotated[bool, typer.Option("--admin", help="may enter every business")] = False,
    bid: Annotated[str | None, typer.Option(help="a business to join")] = None,
    role: Annotated[str, typer.Option(help="the role there")] = "calls:business_admin",
) -> None:
    """Make a login and print its one-time password."""
    from locutory.cli.people import make_user

    password = run_async(make_user(Settings(), email, name, admin=admin, bid=bid, role=role))
    print(f"{email} may log in with {password} and must then set a password (POST /auth/password)")


def routes() -> None:
    """List every route, a line each: METHOD PATH."""
    from locutory.app import compose, create_app, route_lines

    with _scratch() as settings:
        print("\n".join(route_lines(create_app(compose(settings)))))


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="print the findings as JSON")] = False,
) -> None:
    """Say what works, what is degraded, and which setting would mend it; 1 if something must be."""
    from locutory.cli.doctor import examine

    sys.exit(asyncio.run(examine(as_json=as_json)))


def demo(
    host: Annotated[str | None, typer.Option(help="address to listen at")] = None,
    port: Annotated[int | None, typer.Option(help="port to listen at")] = None,
    once: Annotated[bool, typer.Option(help="load the data and stop instead of serving")] = False,
) -> None:
    """Load the demo data through the real pipeline, then serve it."""
    from locutory.cli.demo import run_demo

    settings = _settings(host, port, None)
    settings.log_level = "warning"
    configure_logs(settings)
    run_async(run_demo(settings, once=once))


def configure_logs(settings: Settings) -> None:
    """Send logs where the settings say."""
    from locutory.kernel.telemetry.logs import configure

    configure(settings, sys.stderr if settings.log_level == "warning" else None)


def _settings(host: str | None, port: int | None, only: list[str] | None) -> Settings:
    settings = Settings()
    if host is not None:
        settings.server.host = host
    if port is not None:
        settings.server.port = port
    if only:
        settings.only = tuple(only)
    return settings


def run_async(awaitable: Coroutine[Any, Any, T]) -> T:
    """Run a command's coroutine to its end."""
    import uvloop

    return uvloop.run(awaitable)


@contextmanager
def _scratch() -> Iterator[Settings]:
    with tempfile.TemporaryDirectory(prefix="locutory-routes-") as folder:
        yield Settings(data_dir=Path(folder))
