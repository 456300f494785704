"""The manifest of the intake."""

from locutory.kernel.module import Module
from locutory.products.calls.sources import routes

module = Module(name="calls.sources", router=routes.router)
