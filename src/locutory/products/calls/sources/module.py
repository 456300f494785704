"""The manifest of the intake."""

from locutory.kernel.module import Module, Schedule
from locutory.products.calls.sources import handlers, routes
from locutory.products.calls.sources.contract import WATCH_FOLDERS

module = Module(
    name="calls.sources",
    router=routes.router,
    jobs=handlers.JOBS,
    schedules=(Schedule(name=WATCH_FOLDERS, cron="* * * * *", kind=WATCH_FOLDERS),),
)
