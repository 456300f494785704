"""The manifest of search and answers over calls."""

from locutory.kernel.module import Module
from locutory.products.calls.insights import routes

module = Module(name="calls.insights", router=routes.router)
