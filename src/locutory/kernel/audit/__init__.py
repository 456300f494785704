"""Who did what: one row a mutation, in its transaction, chained afterwards."""

from locutory.kernel.audit.log import audit, verify

__all__ = ["audit", "verify"]
