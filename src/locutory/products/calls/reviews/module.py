"""The manifest of scores and reviews."""

from locutory.kernel.module import Module
from locutory.products.calls.records.parts import add_parts
from locutory.products.calls.reviews import handlers, routes
from locutory.products.calls.reviews.service.reading import judged

add_parts(("scores", "reviews"), judged)

module = Module(name="calls.reviews", router=routes.router, jobs=handlers.JOBS)
