"""`locutory demo`: real recordings through the real pipeline, then a server to look at them."""

import asyncio
import secrets
import signal
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import uvicorn
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from locutory.app import Server, compose, create_app
from locutory.cli import demo_house
from locutory.kernel.auth import people
from locutory.kernel.auth import queries as auth_queries
from locutory.kernel.auth.contract import Tenant
from locutory.kernel.db import Session
from locutory.kernel.settings import Settings
from locutory.kernel.signals import pause
from locutory.products.calls.demo import DemoBusiness, DemoCall, manifest, path
from locutory.products.calls.records import service as records
from locutory.products.calls.records.contract import Direction
from locutory.products.calls.sources import operator
from locutory.products.calls.sources.folder import Recording

_LOOK_S = 0.25
_PASSWORDS = "demo-logins.txt"


@dataclass(frozen=True, slots=True)
class Login:
    """Somebody who may look at the demo."""

    email: str
    name: str
    bid: str
    role: str


SUPERVISOR, FLOOR = "supervisor@harbour.example", "agent@harbour.example"
LOGINS = (
    Login("admin@harbour.example", "Harbour admin", "demo", "calls:business_admin"),
    Login(SUPERVISOR, "Harbour supervisor", "demo", "calls:supervisor"),
    Login(FLOOR, "Maya Lindqvist", "demo", "calls:floor_agent"),
    Login("viewer@harbour.example", "Harbour viewer", "demo", "calls:viewer"),
    Login("admin@northlight.example", "Northlight admin", "northlight", "calls:business_admin"),
)


async def run_demo(settings: Settings, *, once: bool) -> None:
    """Load what is not there yet, show progress, then serve until Ctrl-C."""
    console = Console()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    server = compose(settings)
    if once:
        async with server.running():
            await _load(server, console, stop)
        return
    api = create_app(server)
    config = uvicorn.Config(
        api,
        host=settings.server.host,
        port=settings.server.port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=5,
    )
    http = _QuietServer(config)
    serving = asyncio.create_task(http.serve())
    while not http.started and not serving.done():  # noqa: ASYNC110 - uvicorn says it by a flag only
        await asyncio.sleep(0.05)
    if serving.done():
        await serving
        return
    password = await _load(server, console, stop)
    if not stop.is_set():
        address = f"http://{settings.server.host}:{settings.server.port}"
        _greet(console, address, password)
        await stop.wait()
    console.print("\nstopping …")
    http.should_exit = True
    await serving


class _QuietServer(uvicorn.Server):
    """Leaves the signals to us: the demo also stops while it still loads."""

    def install_signal_handlers(self) -> None:
        """Nothing to install."""


async def _load(server: Server, console: Console, stop: asyncio.Event) -> str:
    data = manifest()
    console.print(f"[bold]Locutory demo[/] · {len(data.calls)} recorded calls")
    tenants = {b.bid: await _business(server, b) for b in data.businesses}
    password = await _people(server, tenants)
    fresh = await _furnish(server, tenants, data.calls)
    offering = asyncio.create_task(_offer_all(server, tenants, data.calls, stop))
    await _watch(server, tenants, data.calls, console, stop)
    if await offering == 0:
        console.print("everything was loaded already")
    if "demo" in fresh and not stop.is_set():
        await demo_house.review(server, tenants["demo"], reviewer=SUPERVISOR)
    return password


async def _furnish(
    server: Server, tenants: dict[str, Tenant], calls: tuple[DemoCall, ...]
) -> set[str]:
    """The businesses that got a roster, a template and moment rules just now."""
    fresh = set()
    for bid, tenant in tenants.items():
        keeper = next(login.email for login in LOGINS if login.bid == bid)
        own = [call for call in calls if call.bid == bid]
        floor = FLOOR if bid == "demo" else None
        if await demo_house.furnish(server, tenant, own, keeper=keeper, floor=floor):
            fresh.add(bid)
    return fresh


async def _business(server: Server, business: DemoBusiness) -> Tenant:
    async def find_or_make(tx: Session) -> Tenant:
        found = await auth_queries.find_tenant(tx, business.bid)
        if found is not None:
            return found
        new = people.NewTenant(
            slug=business.bid,
            name=business.name,
            timezone=business.timezone,
            country_code=business.country_code,
            currency=business.currency,
        )
        return await people.create_tenant(tx, new, actor=operator.OPERATOR)

    return await server.storage.database().write(find_or_make)


async def _people(server: Server, tenants: dict[str, Tenant]) -> str:
    """Make the logins that are missing; their password is kept beside the data, for people."""
    file = server.settings.data_dir / _PASSWORDS
    if file.exists():
        password = file.read_text().strip()
    else:
        password = secrets.token_urlsafe(9)
        file.touch(mode=0o600)
        file.write_text(password + "\n")
    password_hash = await server.auth.passwords.hash(password)
    for login in LOGINS:

        async def make(tx: Session, login: Login = login) -> None:
            if await auth_queries.find_user_by_email(tx, login.email) is not None:
                return
            new = people.NewUser(email=login.email, name=login.name, password_hash=password_hash)
            user_id = await people.create_user(tx, new, actor=operator.OPERATOR)
            await people.add_member(
                tx, tenants[login.bid].id, user_id, [login.role], actor=operator.OPERATOR
            )

        await server.storage.database().write(make)
    return password


async def _offer_all(
    server: Server, tenants: dict[str, Tenant], calls: tuple[DemoCall, ...], stop: asyncio.Event
) -> int:
    """Register what is missing, until told to stop; return how many that were."""
    new = 0
    for call in calls:
        if stop.is_set():
            break
        new += await _offer(server, tenants[call.bid], call)
    return new


async def _offer(server: Server, tenant: Tenant, call: DemoCall) -> bool:
    """Register a call that is not there yet; a second run doubles nothing."""
    db = server.storage.database(tenant.id)
    if await records.exists(db, call.callid):
        return False
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    started = midnight - timedelta(days=call.days_ago) + timedelta(seconds=call.seconds_of_day)
    recording = Recording(
        callid=call.callid,
        path=path(call.audio),
        sidecar=None if call.transcript is None else path(call.transcript),
    )
    await operator.offer(
        db,
        server.services,
        recording,
        scratch=server.settings.data_dir / "tmp",
        direction=Direction(call.direction),
        started_at=started,
        agent_id=call.agent_id,
        agent_name=call.agent_name,
        customer_phone=call.customer_phone,
        disposition=call.disposition,
    )
    return True


async def _watch(
    server: Server,
    tenants: dict[str, Tenant],
    calls: tuple[DemoCall, ...],
    console: Console,
    stop: asyncio.Event,
) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        tasks = {
            bid: progress.add_task(f"{bid:12}", total=sum(c.bid == bid for c in calls))
            for bid in tenants
        }
        left = set(calls)
        while left and not stop.is_set():
            for call in tuple(left):
                db = server.storage.database(tenants[call.bid].id)
                if await records.settled(db, call.callid):
                    left.discard(call)
                    progress.advance(tasks[call.bid])
            await pause(stop, _LOOK_S)
    for bid, tenant in tenants.items():
        counts = await records.status_counts(server.storage.database(tenant.id))
        words = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
        console.print(f"{bid:12} {words}")


def _greet(console: Console, address: str, password: str) -> None:
    lines = [
        "",
        f"[bold green]Locutory is up[/] at {address}   API docs: {address}/docs",
        "",
        "Logins (password of all: " + password + ")",
        *(f"  {login.email:28} {login.role} of {login.bid}" for login in LOGINS),
        "",
        "Three lines worth trying:",
        f"  TOKEN=$(curl -s {address}/api/auth/login -H 'content-type: application/json' "
        f'-d \'{{"email":"{LOGINS[0].email}","password":"{password}"}}\' '
        "| python3 -c 'import json,sys; print(json.load(sys.stdin)[\"access_token\"])')",
        f'  curl -s -H "authorization: Bearer $TOKEN" "{address}/call-records/demo?limit=3"',
        f'  curl -s -H "authorization: Bearer $TOKEN" -H "content-type: application/json" '
        f'{address}/rag/demo/chat -d \'{{"message":"what did customers say about the price?"}}\'',
        "",
        "Ctrl-C ends it.",
    ]
    for line in lines:
        console.print(line, soft_wrap=True, highlight=False, markup=not line.startswith("  "))
