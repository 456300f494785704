"""The manifest of the pipeline."""

from locutory.kernel.events import subscribe
from locutory.kernel.module import Module, Schedule
from locutory.products.calls.pipeline import handlers, routes
from locutory.products.calls.pipeline.contract import WATCH
from locutory.products.calls.reviews.contract import ScoreChanged

module = Module(
    name="calls.pipeline",
    router=routes.router,
    jobs=handlers.JOBS,
    subscriptions=(subscribe(ScoreChanged, handlers.file_anew),),
    schedules=(Schedule(name=WATCH, cron="* * * * *", kind=WATCH),),
)
