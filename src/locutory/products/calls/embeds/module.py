"""The manifest of embed keys."""

from locutory.kernel.module import Module
from locutory.products.calls.embeds import routes

module = Module(name="calls.embeds", router=routes.router)
