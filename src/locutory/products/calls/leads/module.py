"""The manifest of leads."""

from locutory.kernel.module import Module
from locutory.products.calls.leads import routes

module = Module(name="calls.leads", router=routes.router)
