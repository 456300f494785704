"""The manifest of connections to CRMs."""

from locutory.kernel.events import subscribe
from locutory.kernel.module import Module, Schedule
from locutory.products.calls.crm import handlers, routes
from locutory.products.calls.crm.contract import ROUND
from locutory.products.calls.crm.writeback import parts
from locutory.products.calls.records.contract import CallStatusChanged
from locutory.products.calls.records.parts import add_parts

add_parts(("crm",), parts)

module = Module(
    name="calls.crm",
    router=routes.router,
    jobs=handlers.JOBS,
    subscriptions=(subscribe(CallStatusChanged, handlers.write_done_calls),),
    schedules=(Schedule(name=ROUND, cron="* * * * *", kind=ROUND),),
)
