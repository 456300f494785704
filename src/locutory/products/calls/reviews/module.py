"""The manifest of scores and reviews."""

from locutory.kernel.module import Module
from locutory.products.calls.records.parts import add_part
from locutory.products.calls.reviews import handlers, routes
from locutory.products.calls.reviews.service.reading import in_brief
from locutory.products.calls.reviews.service.scores import scores_of

add_part("scores", scores_of)
add_part("reviews", in_brief)

module = Module(name="calls.reviews", router=routes.router, jobs=handlers.JOBS)
