"""The manifest of businesses, and of the product's roles."""

from locutory.kernel.module import Module
from locutory.products.calls.businesses import handlers, routes
from locutory.products.calls.businesses.contract import ROLES

module = Module(name="calls.businesses", router=routes.router, roles=ROLES, jobs=handlers.JOBS)
