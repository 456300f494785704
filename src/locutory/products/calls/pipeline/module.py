"""The manifest of the pipeline."""

from locutory.kernel.module import Module
from locutory.products.calls.pipeline import handlers, routes

module = Module(name="calls.pipeline", router=routes.router, jobs=handlers.JOBS)
