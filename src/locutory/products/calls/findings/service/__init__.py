"""Use cases of findings."""

from locutory.products.calls.findings.service.found import Findings, store_findings
from locutory.products.calls.findings.service.moments import (
    create_moment,
    delete_moment,
    list_moments,
    try_moment,
    update_moment,
)
from locutory.products.calls.findings.service.occurrences import list_objections, summary
from locutory.products.calls.findings.service.reclassify import (
    fail,
    get_run,
    reclassify,
    request_run,
)
from locutory.products.calls.findings.service.types import (
    create_type,
    delete_type,
    list_types,
    update_type,
)
from locutory.products.calls.findings.service.watched import Vocabulary, vocabulary

__all__ = [
    "Findings",
    "Vocabulary",
    "create_moment",
    "create_type",
    "delete_moment",
    "delete_type",
    "fail",
    "get_run",
    "list_moments",
    "list_objections",
    "list_types",
    "reclassify",
    "request_run",
    "store_findings",
    "summary",
    "try_moment",
    "update_moment",
    "update_type",
    "vocabulary",
]
