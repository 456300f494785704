"""The manifest of calls' records."""

from locutory.kernel.module import Module
from locutory.products.calls.records import bulk, handlers, routes
from locutory.products.calls.records.service import many

for action in many.ACTIONS:
    bulk.register(action)

module = Module(name="calls.records", router=routes.router, jobs=handlers.JOBS)
