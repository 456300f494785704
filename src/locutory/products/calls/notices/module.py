"""The manifest of notices."""

from locutory.kernel.events import subscribe
from locutory.kernel.module import Module
from locutory.products.calls.findings.contract import MomentMatched
from locutory.products.calls.notices import handlers, routes
from locutory.products.calls.records.contract import CallStatusChanged, DeadLetterAdded
from locutory.products.calls.reviews.contract import ReviewDisputed

module = Module(
    name="calls.notices",
    router=routes.router,
    jobs=handlers.JOBS,
    subscriptions=(
        subscribe(CallStatusChanged, handlers.tell_of_status),
        subscribe(DeadLetterAdded, handlers.tell_of_dead_letter),
        subscribe(MomentMatched, handlers.tell_of_moment),
        subscribe(ReviewDisputed, handlers.tell_of_dispute),
    ),
)
