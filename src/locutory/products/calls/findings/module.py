"""The manifest of what is found in calls."""

from locutory.kernel.module import Module
from locutory.products.calls.findings import handlers, routes

module = Module(name="calls.findings", router=routes.router, jobs=handlers.JOBS)
