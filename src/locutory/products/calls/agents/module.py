"""The manifest of agents."""

from locutory.kernel.module import Module
from locutory.products.calls.agents import handlers, routes
from locutory.products.calls.agents.bulk import ACTIONS
from locutory.products.calls.records import bulk

for action in ACTIONS:
    bulk.register(action)

module = Module(name="calls.agents", router=routes.router, jobs=handlers.JOBS)
