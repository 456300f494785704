"""The use cases of calls, a file for each kind of deed."""

from locutory.products.calls.records.service.deleting import delete_call, delete_one
from locutory.products.calls.records.service.reading import (
    Sight,
    count_facets,
    exists,
    get_call,
    list_across,
    list_calls,
    narrowed,
    sections,
    settled,
    show_call,
    status_counts,
    streamed,
)

__all__ = [
    "Sight",
    "count_facets",
    "delete_call",
    "delete_one",
    "exists",
    "get_call",
    "list_across",
    "list_calls",
    "narrowed",
    "sections",
    "settled",
    "show_call",
    "status_counts",
    "streamed",
]
