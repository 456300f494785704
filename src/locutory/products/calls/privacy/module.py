"""The manifest of privacy."""

from locutory.kernel.module import Module, Schedule
from locutory.products.calls.privacy import handlers, routes
from locutory.products.calls.privacy.contract import ROUND

module = Module(
    name="calls.privacy",
    router=routes.router,
    jobs=handlers.JOBS,
    schedules=(Schedule(name=ROUND, cron="20 2 * * *", kind=ROUND),),
)
