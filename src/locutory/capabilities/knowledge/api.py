"""What other modules call: filing what was said, finding it, asking about it.

`prepare` before the transaction, `store` in it; `search` and `chat` read on their own.
"""

from locutory.capabilities.knowledge.chatting import chat
from locutory.capabilities.knowledge.claims import closest_line
from locutory.capabilities.knowledge.contract import Filing, Note
from locutory.capabilities.knowledge.service import (
    Knowledge,
    count_sources,
    forget,
    prepare,
    search,
    search_places,
    status,
    store,
)

__all__ = [
    "Filing",
    "Knowledge",
    "Note",
    "chat",
    "closest_line",
    "count_sources",
    "forget",
    "prepare",
    "search",
    "search_places",
    "status",
    "store",
]
