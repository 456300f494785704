"""Figures, search and chat."""

from api_examples.house import PLATFORM
from api_examples.steps import Step, asked

_WINDOW = {"from": "2026-05-04", "to": "2026-05-18"}  # and the two weeks before
_WEEKS = {**_WINDOW, "granularity": "week"}
_VIEWS = {
    "asr-quality": "How well calls were heard",
    "bant": "How far leads are known",
    "conversation": "How people talk",
    "cost": "What the work cost",
    "coverage": "How much is answered, heard and judged",
    "objections": "Which objections are heard",
    "outcomes": "How calls end",
    "overview": "Two weeks at a glance",
    "score-distribution": "How scores are spread",
    "sentiment": "How customers feel",
    "topics": "What calls are about",
    "trends": "A measure by week",
}
_ANALYTICS = [
    asked("GET /analytics/catalog", "Measures and dimensions of free questions"),
    asked(
        "GET /analytics/{bid}/agreement",
        "How far engine and people agree",
        params={"from": "$today", "to": "$tomorrow"},
    ),
    *(
        asked(f"GET /analytics/{{bid}}/{view}", summary, params=_WEEKS)
        for view, summary in _VIEWS.items()
    ),
    asked(
        "GET /analytics/{bid}/floor-agents",
        "A page of the leaderboard",
        params={**_WEEKS, "limit": 2},
    ),
    asked("GET /analytics/{bid}/floor-agents/{agent_id}", "One floor agent", params=_WEEKS),
    asked(
        "POST /analytics/{bid}/query",
        "Calls and scores by agent",
        {"metrics": ["calls", "score"], "dimensions": ["agent"], "filters": _WINDOW},
    ),
]

_FILTERS = {"from": "2026-04-20T00:00:00Z", "direction": "inbound"}
_ASKED = "What did customers say about the price?"
_RAG = [
    asked(
        "POST /rag/{bid}/search",
        "Passages about the price",
        {"query": "over my budget", "filters": _FILTERS, "limit": 2},
    ),
    asked(
        "POST /rag/search",
        "Passages of two businesses",
        {
            "bids": ["demo", "northlight"],
            "query": "over my budget",
            "filters": _FILTERS,
            "limit": 2,
        },
        who=PLATFORM,
    ),
    asked(
        "POST /rag/{bid}/chat",
        "A question with citations",
        {"message": _ASKED, "filters": _FILTERS},
        keep={"session_id": "session_id"},
    ),
    asked(
        "POST /rag/{bid}/chat",
        "The same as a stream",
        {"message": _ASKED, "stream": True},
        name="streamed",
    ),
    asked(
        "POST /rag/chat",
        "A count over businesses",
        {
            "bids": ["demo", "northlight"],
            "message": "How many calls mention price?",
            "filters": _FILTERS,
        },
        who=PLATFORM,
    ),
    asked(
        "POST /rag/chat",
        "The same as a stream",
        {"bids": ["demo", "northlight"], "message": _ASKED, "stream": True},
        name="streamed",
        who=PLATFORM,
    ),
    asked("GET /rag/{bid}/sessions", "A page of one's chats", params={"limit": 2}),
    asked("GET /rag/{bid}/sessions/{session_id}", "One of one's chats"),
    asked("DELETE /rag/{bid}/sessions/{session_id}", "Forget a chat", status=204),
    asked("POST /rag/{bid}/reindex", "Make the index anew", status=202, works=True),
    asked("GET /rag/{bid}/status", "The state of the index"),
]

STEPS: list[Step] = [*_ANALYTICS, *_RAG]
