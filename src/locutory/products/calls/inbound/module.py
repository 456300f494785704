"""The manifest of inbound webhooks."""

from locutory.kernel.module import Module
from locutory.products.calls.inbound import routes

module = Module(name="calls.inbound", router=routes.router)
