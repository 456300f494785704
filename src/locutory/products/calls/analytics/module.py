"""The manifest of analytics."""

from locutory.kernel.module import Module
from locutory.products.calls.analytics import routes

module = Module(name="calls.analytics", router=routes.router)
