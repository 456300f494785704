"""Whom the work at hand is for, where that cannot be handed down: to book what engines use.

It decides no access. Requests and jobs set it for their own task.
"""

from contextvars import ContextVar
from uuid import UUID

caller_tenant: ContextVar[UUID | None] = ContextVar("caller_tenant", default=None)
