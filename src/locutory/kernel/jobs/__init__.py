"""Durable work in our own database (ADR 0002): enqueued with the data, leased, fenced, fair."""

from locutory.kernel.jobs.contract import (
    Claimed,
    Failure,
    Handler,
    JobKind,
    JobSpec,
    JobState,
    LeaseLost,
    Registry,
)
from locutory.kernel.jobs.queue import enqueue
from locutory.kernel.jobs.worker import Context, Worker

__all__ = [
    "Claimed",
    "Context",
    "Failure",
    "Handler",
    "JobKind",
    "JobSpec",
    "JobState",
    "LeaseLost",
    "Registry",
    "Worker",
    "enqueue",
]
