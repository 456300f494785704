"""The manifest of search and answers over calls."""

from locutory.kernel.module import Module
from locutory.products.calls.insights import handlers, routes

module = Module(name="calls.insights", router=routes.router, jobs=handlers.JOBS)
