"""The manifest of privacy."""

from locutory.kernel.module import Module
from locutory.products.calls.privacy import handlers, routes

module = Module(name="calls.privacy", router=routes.router, jobs=handlers.JOBS)
