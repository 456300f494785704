"""What other modules call: filing what was said, finding it, asking about it.

`prepare` before the transaction, `store` in it; `search` and `chat` read on their own.
"""

from locutory.capabilities.knowledge.chatting import Exchange, begin, chat
from locutory.capabilities.knowledge.claims import closest_line
from locutory.capabilities.knowledge.contract import Filing, Note
from locutory.capabilities.knowledge.copies import CopyCounters, Outside
from locutory.capabilities.knowledge.copying import (
    copy_places,
    drop_copies,
    forget_place,
    go_round,
    purge_copies,
    run_copy,
)
from locutory.capabilities.knowledge.reindexing import (
    give_up_reindex,
    reindex_if_behind,
    run_reindex,
    start_reindex,
    status,
)
from locutory.capabilities.knowledge.service import (
    Knowledge,
    containing_sources,
    count_sources,
    forget,
    prepare,
    search,
    search_places,
    store,
)
from locutory.capabilities.knowledge.sessions import (
    delete_chat,
    forget_questions,
    get_chat,
    list_chats,
)
from locutory.capabilities.knowledge.words import (
    forget_some,
    purge_words,
    says,
    sources_saying,
)

__all__ = [
    "CopyCounters",
    "Exchange",
    "Filing",
    "Knowledge",
    "Note",
    "Outside",
    "begin",
    "chat",
    "closest_line",
    "containing_sources",
    "copy_places",
    "count_sources",
    "delete_chat",
    "drop_copies",
    "forget",
    "forget_place",
    "forget_questions",
    "forget_some",
    "get_chat",
    "give_up_reindex",
    "go_round",
    "list_chats",
    "prepare",
    "purge_copies",
    "purge_words",
    "reindex_if_behind",
    "run_copy",
    "run_reindex",
    "says",
    "search",
    "search_places",
    "sources_saying",
    "start_reindex",
    "status",
    "store",
]
