"""The manifest of search and answers over calls."""

from locutory.capabilities.knowledge.contract import COPIES
from locutory.kernel.module import Module, Schedule
from locutory.products.calls.insights import handlers, routes

module = Module(
    name="calls.insights",
    router=routes.router,
    jobs=handlers.JOBS,
    schedules=(Schedule(name=COPIES, cron="* * * * *", kind=COPIES),),
)
