"""The use cases of the pipeline, one verb a file."""

from locutory.products.calls.pipeline.service.alerts import acknowledge, list_alerts
from locutory.products.calls.pipeline.service.analyze import analyze
from locutory.products.calls.pipeline.service.configure import (
    change_config,
    list_versions,
    read_config,
    rollback,
)
from locutory.products.calls.pipeline.service.control import control
from locutory.products.calls.pipeline.service.give_up import give_up
from locutory.products.calls.pipeline.service.index import index
from locutory.products.calls.pipeline.service.letters import (
    discard,
    get_letter,
    list_letters,
    redrive_many,
    redrive_one,
)
from locutory.products.calls.pipeline.service.refilter import refilter
from locutory.products.calls.pipeline.service.speech import require_engines
from locutory.products.calls.pipeline.service.spending import read_budgets, read_cost
from locutory.products.calls.pipeline.service.status import status
from locutory.products.calls.pipeline.service.transcribe import transcribe
from locutory.products.calls.pipeline.service.watch import watch
from locutory.products.calls.pipeline.service.workers import list_providers, list_workers

__all__ = [
    "acknowledge",
    "analyze",
    "change_config",
    "control",
    "discard",
    "get_letter",
    "give_up",
    "index",
    "list_alerts",
    "list_letters",
    "list_providers",
    "list_versions",
    "list_workers",
    "read_budgets",
    "read_config",
    "read_cost",
    "redrive_many",
    "redrive_one",
    "refilter",
    "require_engines",
    "rollback",
    "status",
    "transcribe",
    "watch",
]
