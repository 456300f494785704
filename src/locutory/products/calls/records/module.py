"""The manifest of calls' records and roles."""

from locutory.kernel.module import Module
from locutory.products.calls.records import routes

module = Module(name="calls.records", router=routes.router)
