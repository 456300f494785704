"""The manifest of exports."""

from locutory.kernel.jobs import JobKind
from locutory.kernel.module import Module
from locutory.products.calls.exchange import routes, service
from locutory.products.calls.exchange.bulk import EXPORT_CHOSEN
from locutory.products.calls.exchange.contract import EXPORT, QUEUE
from locutory.products.calls.records import bulk

bulk.register(EXPORT_CHOSEN)

module = Module(
    name="calls.exchange",
    router=routes.router,
    jobs=(
        JobKind(
            kind=EXPORT,
            queue=QUEUE,
            handler=service.write_file,
            max_attempts=3,
            timeout_s=3600,
            on_dead=service.give_up,
        ),
    ),
)
