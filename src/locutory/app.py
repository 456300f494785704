"""The composition root: settings -> engines -> modules -> server. The only file that knows all."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.routing import iter_route_contexts
from prometheus_client import Counter
from sqlalchemy import select

from locutory import __version__, reference
from locutory.capabilities.analysis.api import Analyst
from locutory.capabilities.knowledge.api import Knowledge
from locutory.capabilities.runtime.api import Ledger, Runtime
from locutory.capabilities.runtime.module import module as runtime
from locutory.engines.blobs import BlobStore, get_blobs
from locutory.engines.bus import get_bus
from locutory.engines.crm import Lines
from locutory.engines.embeddings.base import Embedder
from locutory.engines.embeddings.registry import get_embedder
from locutory.engines.llm.base import LLM
from locutory.engines.llm.registry import get_llm
from locutory.engines.llm.traced import TracedLLM
from locutory.engines.stt import STTProvider, get_stt_provider
from locutory.engines.vectors.embedded import EmbeddedVectors
from locutory.kernel import failpoints, http_errors
from locutory.kernel.auth import Auth, BlobPutter, Roles
from locutory.kernel.auth import routes as auth_routes
from locutory.kernel.auth.embedding import EmbedHeaders
from locutory.kernel.bodies import answers_with
from locutory.kernel.bus.linking import BusLink
from locutory.kernel.cpu import CpuPool
from locutory.kernel.crypto import Secrets, load_or_create_secrets
from locutory.kernel.db import Session, Storage
from locutory.kernel.db.migrate import migrate, require_current
from locutory.kernel.errors import ConfigError
from locutory.kernel.events.relay import KEEP_UNTOLD_DAYS
from locutory.kernel.events.sealer import Sealer
from locutory.kernel.http.client import HttpClient
from locutory.kernel.jobs import Registry, Worker
from locutory.kernel.jobs.health import workers_check
from locutory.kernel.jobs.housekeeping import ensure_schedule
from locutory.kernel.jobs.metrics import JobMetrics, QueueDepth
from locutory.kernel.jobs.watching import Watcher
from locutory.kernel.module import Module
from locutory.kernel.ratelimit import Limiter
from locutory.kernel.realtime import Hub
from locutory.kernel.scratch import sweep
from locutory.kernel.services import Services
from locutory.kernel.settings import Settings
from locutory.kernel.telemetry.health import Check, HealthChecks
from locutory.kernel.telemetry.health import router as health_router
from locutory.kernel.telemetry.metrics import CONTENT_TYPE, Metrics
from locutory.kernel.telemetry.middleware import TelemetryMiddleware
from locutory.kernel.telemetry.tracing import Tracing, tracing_of
from locutory.products.calls.analytics.upkeep import Keeper
from locutory.products.calls.module import MODULES as CALLS
from locutory.products.calls.pipeline.gauges import BusinessGauges, PipelineGauges
from locutory.products.calls.pipeline.metrics import measure
from locutory.products.calls.pipeline.service.backlog import Backlog
from locutory.products.calls.records.contract import Measure
from locutory.products.calls.records.counting import CallCounters, CallWatcher
from locutory.products.calls.records.service.audio import Listenings

MODULES: tuple[Module, ...] = (*CALLS, runtime)
_LIGHT_QUEUE = 16
# queues whose work is each business's own, by the name that their topics have on a broker
_TOPICS = {name: name for name in ("transcribe", "analyze", "index", "notify")} | {"intake": "sync"}


@dataclass(slots=True, kw_only=True)
class Server:
    """The composed parts. `running()` brings them to life and lays them down again."""

    settings: Settings
    modules: tuple[Module, ...]
    storage: Storage
    services: Services
    registry: Registry
    roles: Roles
    metrics: Metrics
    watcher: Watcher
    sealer: Sealer
    hub: Hub
    auth: Auth
    secrets: Secrets
    link: BusLink | None = None

    def slots(self) -> dict[str, int]:
        """How many jobs of each queue run at once in one worker process."""
        heavy = {
            "transcribe": self.settings.stt.concurrency,
            "analyze": self.settings.llm.concurrency,
            "index": 4,
            "trials": 2,  # each asks a model for several calls at once
            "reindex": 1,
        }
        return {name: heavy.get(name, _LIGHT_QUEUE) for name in sorted(self.registry.queues)}

    def worker(
        self, *, queues: Collection[str] = (), tenants: frozenset[UUID] | None = None
    ) -> Worker:
        """A worker for every queue, or for some; for everybody's jobs, or those of `tenants`."""
        slots = self.slots()
        return Worker(
            self.storage,
            self.registry,
            {name: slots[name] for name in queues or slots},
            self.settings.jobs,
            tenants=tenants,
            services=self.services,
            watcher=self.watcher,
            tracing=self.services.get(Tracing),
        )

    async def work(
        self,
        stop: asyncio.Event,
        *,
        queues: Collection[str] = (),
        tenants: frozenset[UUID] | None = None,
    ) -> None:
        """Work queues until `stop`, woken over the broker where there is one."""
        worker = self.worker(queues=queues, tenants=tenants)
        hearing = None
        if self.link is not None:
            hearing = asyncio.create_task(self.link.hear(stop, worker.queues, tenants))
        await worker.run(stop)
        if hearing is not None:
            await hearing

    async def _schedule(self) -> None:
        """Put the modules' schedules in place; a worker runs them when they are due."""

        async def place(tx: Session) -> None:
            for one in (s for module in self.modules for s in module.schedules):
                await ensure_schedule(tx, name=one.name, cron=one.cron, kind=one.kind)

        await self.storage.database().write(place)

    @asynccontextmanager
    async def running(self, *, work: bool = True) -> AsyncIterator["Server"]:
        """Migrate if we may, open everything, and close it in the opposite order.

        With `work` this process also works the queues. Raises ConfigError for an old schema.
        """
        url = self.storage.url
        if self.storage.is_sqlite:
            await asyncio.to_thread(migrate, url)
        else:
            await asyncio.to_thread(require_current, url)
        await asyncio.to_thread(sweep, self.settings.data_dir / "tmp")
        async with AsyncExitStack() as stack:
            await self.storage.open()
            stack.push_async_callback(self.storage.close)
            stack.callback(self.auth.close)
            stack.callback(self.services.get(CpuPool).close)
            stack.push_async_callback(self.services.get(HttpClient).close)
            stack.push_async_callback(asyncio.to_thread, self.services.get(Tracing).close)
            await self._schedule()
            stop = asyncio.Event()
            tasks = [asyncio.create_task(self.sealer.run(stop), name="sealer")]
            tasks.append(asyncio.create_task(self.hub.run(stop), name="hub"))
            if self.link is not None:
                stack.push_async_callback(self.link.bus.close)
                tasks += [asyncio.create_task(one) for one in self.link.tasks(stop)]
            models = self.services.get(Runtime)
            tasks.append(asyncio.create_task(models.run(stop), name="models"))
            if work:
                tasks.append(asyncio.create_task(self.work(stop), name="worker"))
                keeper = Keeper(self.storage)
                tasks.append(asyncio.create_task(keeper.run(stop), name="read-models"))

            async def wind_down() -> None:
                stop.set()
                await asyncio.gather(*tasks, return_exceptions=True)

            stack.push_async_callback(wind_down)
            yield self


def compose(settings: Settings, *, tracing: Tracing | None = None) -> Server:
    """Put a server together; nothing is opened yet. Raises ConfigError for settings that clash.

    `tracing` is what the settings say unless it is given.
    """
    failpoints.arm(settings.failpoint, production=settings.production)
    if settings.production and settings.auth.is_weak:
        raise ConfigError(
            "LOCUTORY_AUTH__ARGON2_MEMORY_KIB must be 19456 and ..._PASSES 2 at least in production"
        )
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    secrets = load_or_create_secrets(settings.data_dir, settings)
    storage = Storage.from_settings(settings)
    metrics, registry, roles = Metrics(), Registry(), Roles()
    modules = tuple(m for m in MODULES if not settings.only or m.product in settings.only)
    for module in modules:
        roles.add(module.product, module.roles)
        for kind in module.jobs:
            registry.add(kind)
    tracing = tracing or tracing_of(settings.tracing)
    services, hub = _services(settings, secrets, metrics, storage, tracing), Hub(storage)
    metrics.watch_process()
    metrics.gauge("sse_clients", "Open event streams").set_function(lambda: hub.clients)
    sealer = Sealer(
        storage,
        registry,
        tuple(s for m in modules for s in m.subscriptions),
        keep_untold_days=KEEP_UNTOLD_DAYS if settings.bus.url and settings.bus.events else 0,
    )
    storage.shared["registry"] = registry
    link = None
    if settings.bus.url is not None:
        bus = get_bus(settings.bus.url.get_secret_value(), settings.bus.prefix)
        link = BusLink(bus, storage, settings.bus, metrics, _TOPICS)
    return Server(
        settings=settings,
        modules=modules,
        storage=storage,
        services=services,
        registry=registry,
        roles=roles,
        metrics=metrics,
        watcher=CallWatcher(JobMetrics(metrics), services.get(CallCounters)),
        sealer=sealer,
        hub=hub,
        auth=Auth(storage, settings, roles, jwt_key=secrets.jwt_key),
        secrets=secrets,
        link=link,
    )


def _services(
    settings: Settings, secrets: Secrets, metrics: Metrics, storage: Storage, tracing: Tracing
) -> Services:
    services = Services()
    services.add(Tracing, tracing)
    services.add(Settings, settings)
    services.add(Secrets, secrets)
    services.add(Metrics, metrics)
    services.add(CallCounters, CallCounters(metrics, storage))
    services.add(Backlog, Backlog(storage, settings.pipeline))
    services.add(CpuPool, CpuPool())
    services.add(Measure, measure)
    services.add(Listenings, Listenings())
    http = HttpClient(settings.http, metrics=metrics, tracing=tracing)
    services.add(HttpClient, http)
    services.add(Lines, Lines())
    blobs = get_blobs(settings)
    services.add(BlobStore, blobs)
    services.add(BlobPutter, blobs)
    embedder = get_embedder("hashed")
    services.add(Embedder, embedder)
    speech = get_stt_provider(settings.stt.provider, settings=settings.stt, http=http)
    services.add(STTProvider, speech)
    ledger = Ledger(storage, metrics)
    routed = get_llm(settings.llm, http, fallbacks=_fallback_count(metrics), watch=ledger.note)
    models = Runtime.of(routed, ledger, storage)
    if models.llm is not None and tracing.on:
        models.llm = TracedLLM(models.llm, tracing)
    services.add(Runtime, models)
    model = models.llm
    _show_limits(metrics, settings, speech, model)
    services.add(Analyst, Analyst(model, context_tokens=settings.llm.context_tokens))
    services.add(Knowledge, Knowledge.of(embedder, EmbeddedVectors(), model))
    if model is not None:
        services.add(LLM, model)
    return services


def _show_limits(
    metrics: Metrics, settings: Settings, speech: STTProvider, model: LLM | None
) -> None:
    text = "Calls that this process works with a provider at once"
    limit = metrics.gauge("provider_limit", text, ["provider"])
    if speech.name != "embedded":
        limit.labels(speech.name).set(settings.stt.concurrency)
    if model is not None:
        limit.labels(model.name).set(settings.llm.concurrency)


def _fallback_count(metrics: Metrics) -> Counter:
    text = "Answers of a model that stood in for another"
    return metrics.counter("llm_fallbacks_total", text, ["asked", "answered"])


def _database_check(server: Server) -> Check:
    async def check() -> dict[str, str]:
        async with server.storage.read(None) as session:
            await session.execute(select(1))
        return {"kind": "sqlite" if server.storage.is_sqlite else "postgresql"}

    return check


def _blobs_check(server: Server) -> Check:
    async def check() -> dict[str, str]:
        await server.services.get(BlobStore).check()
        return {"kind": "local" if server.settings.blobs.url is None else "s3"}

    return check


class Scrape:
    """What `/metrics` shows: figures that are counted as they happen, and those read for it."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._queue_depth = QueueDepth(server.metrics)
        self._pipeline = PipelineGauges(server.metrics, server.settings)
        self._businesses = BusinessGauges(server.metrics, server.storage)

    async def render(self) -> bytes:
        """Prometheus' text form."""
        async with self._server.storage.read(None) as session:
            await self._queue_depth.refresh(session)
            await self._pipeline.refresh(session)
        await self._businesses.refresh()
        return self._server.metrics.render()


metrics_router = APIRouter(tags=["health"])


@metrics_router.get("/metrics", response_class=Response, responses=answers_with("text/plain"))
async def metrics(request: Request) -> Response:
    """Everything that is counted, in Prometheus' text form."""
    scrape: Scrape = request.app.state.scrape
    return Response(await scrape.render(), media_type=CONTENT_TYPE)


def create_app(server: Server, *, work: bool = True) -> FastAPI:
    """The ASGI app of a composed server."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with server.running(work=work):
            yield

    app = FastAPI(
        title="Locutory",
        version=__version__,
        description="Every conversation a transcribed, scored, searchable record.",
        lifespan=lifespan,
        docs_url="/docs",
        redoc_url=None,
        max_body_size=server.settings.server.max_body_bytes,
        # its own spans would hold paths and queries, and so call ids and phones
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.settings = server.settings
    app.state.storage = server.storage
    app.state.services = server.services
    app.state.auth = server.auth
    app.state.hub = server.hub
    app.state.limiter = Limiter(server.settings.limits)
    http_errors.install(app)
    app.add_middleware(EmbedHeaders, auth=server.auth)
    tracing = server.services.get(Tracing)
    app.add_middleware(TelemetryMiddleware, metrics=server.metrics, tracing=tracing)

    checks = HealthChecks()
    checks.add("database", _database_check(server))
    silent_s = server.settings.jobs.silent_s
    workers = workers_check(server.storage, server.registry, silent_s)
    checks.add("workers", workers, gates_ready=False)
    if server.link is not None:
        checks.add("bus", server.link.check, gates_ready=False)
    checks.add("blobs", _blobs_check(server), gates_ready=False)
    checks.add("models", server.services.get(Runtime).check, gates_ready=False)
    for module in server.modules:
        for name, check in module.checks.items():
            checks.add(f"{module.name}.{name}", check, gates_ready=False)
    app.state.health = checks
    app.include_router(health_router)
    app.include_router(auth_routes.router)
    for module in server.modules:
        if module.router is not None:
            app.include_router(module.router)

    app.state.scrape = Scrape(server)
    app.include_router(metrics_router)
    reference.install(app)
    return app


def from_environment() -> FastAPI:
    """The app that the environment describes, for servers that import one."""
    return create_app(compose(Settings()))


def route_lines(app: FastAPI) -> list[str]:
    """`METHOD PATH` for every route, sorted by path; a WebSocket's method is WS."""
    lines = [
        f"{method} {route.path}"
        for route in iter_route_contexts(app.routes)  # included routers are not flattened
        for method in route.methods or {"WS"}
        if method != "HEAD"
    ]
    return sorted(lines, key=lambda line: line.split(" ")[::-1])
