"""The pipeline in the hands of its operators, news to others, exports, and what takes away."""

from api_examples.house import PLATFORM
from api_examples.steps import Step, asked

_CONFIG = {
    "stages": {"transcribe": {"concurrency": 10, "weight": 2}},
    "filters": {"min_duration_s": 20, "directions": ["inbound", "outbound"]},
    "retention": {"audio_days": 90},
    "budgets": {"audio_minutes": 6000},
}
# what a recording that is none leaves behind
_TROUBLE = [
    asked(
        "GET /alerts/{bid}",
        "A page of alerts",
        params={"limit": 2},
        keep={"alert_id": "items.0.id"},
    ),
    asked(
        "POST /alerts/{bid}/{alert_id}/ack",
        "Somebody looks after it",
        {"note": "The exchange sends pages in place of recordings."},
    ),
    asked(
        "GET /dlq/{bid}",
        "A page of dead letters",
        params={"limit": 2},
        keep={"job_id": "items.0.job_id"},
    ),
    asked("GET /dlq/{bid}/{job_id}", "One dead letter"),
    asked(
        "POST /dlq/{bid}/{job_id}/redrive",
        "Try it again with another engine",
        {"overrides": {"provider": "stub"}},
        works=True,
    ),
    asked("GET /dlq/{bid}", "", silent=True, keep={"job_id": "items.0.job_id"}),
    asked("DELETE /dlq/{bid}/{job_id}", "Give a letter up", {"reason": "a test call"}, status=204),
    asked(
        "POST /dlq/{bid}/redrive",
        "Try again all of a kind",
        {"filter": {"code": "AUDIO_NOT_AUDIO"}, "overrides": {"provider": "stub"}},
        works=True,
    ),
]

_PIPELINE = [
    asked("GET /pipeline/providers", "The engines that there are"),
    asked("GET /pipeline/workers", "The processes that work"),
    asked("PUT /pipeline/{bid}/config", "The whole configuration", _CONFIG),
    asked("PATCH /pipeline/{bid}/config", "Some of it", {"filters": {"min_duration_s": 10}}),
    asked(
        "PATCH /pipeline/{bid}/config",
        "A part back to its default",
        {"stages": {"transcribe": None}},
        name="back",
    ),
    asked("GET /pipeline/{bid}/config/versions", "Who changed what", params={"limit": 2}),
    asked("POST /pipeline/{bid}/config/rollback", "Back to an earlier version", {"version": 1}),
    asked("GET /pipeline/{bid}/config", "The configuration in force"),
    asked("PUT /pipeline/{bid}/budgets", "Limits for a day", {"audio_minutes": 6000}),
    asked("GET /pipeline/{bid}/budgets", "What is used of them"),
    asked("GET /pipeline/{bid}/cost", "What each day cost"),
    asked(
        "POST /pipeline/{bid}/control",
        "Pause a stage",
        {"action": "pause", "stage": "transcribe", "reason": "maintenance"},
    ),
    asked("GET /pipeline/{bid}/status", "A pipeline with a stage at rest"),
    asked(
        "POST /pipeline/{bid}/control", "", {"action": "resume", "stage": "transcribe"}, silent=True
    ),
]

_HOOK = "/webhooks/{bid}/{webhook_id}"
_NEWS = [
    asked(
        "POST /webhooks/{bid}",
        "Tell a ticket system of finished calls",
        {
            "name": "Ticket system",
            "url": "$outside/locutory",
            "events": ["call.done", "score.auto_fail"],
        },
        status=201,
        keep={"webhook_id": "id"},
    ),
    asked("GET /webhooks/{bid}", "The webhooks of a business"),
    asked(f"POST {_HOOK}/test", "A delivery to try it"),
    asked(f"PATCH {_HOOK}", "More events", {"events": ["call.done", "call.failed"]}),
    asked(
        "POST /call-records/{bid}/hc-0001/reanalyze",
        "",
        {"force": True},
        status=202,
        silent=True,
        works=True,
    ),
    asked(
        f"GET {_HOOK}/deliveries",
        "A page of the log",
        params={"limit": 1},
        keep={"delivery_id": "items.0.id"},
    ),
    asked(
        f"POST {_HOOK}/deliveries/{{delivery_id}}/replay",
        "Send it again, byte for byte",
        status=202,
        works=True,
    ),
    asked(f"DELETE {_HOOK}", "Tell it no longer", status=204),
    asked(
        "PUT /notices/{bid}/settings",
        "What people are told of",
        {"news": ["call.failed", "score.low"], "score_below": 40},
    ),
    asked("GET /notices/{bid}/settings", "What people are told of"),
    asked("GET /notices/{bid}", "A page of notices", params={"limit": 2}),
    asked("POST /notices/{bid}/seen", "All is read", status=204),
]

_EXPORTS = [
    asked(
        "POST /exports/{bid}",
        "Finished calls as CSV",
        {
            "kind": "calls",
            "format": "csv",
            "filter": {"from": "2026-05-01T00:00:00Z", "status": "done"},
            "columns": ["callid", "started_at", "score"],
        },
        status=202,
        keep={"export_id": "id"},
        works=True,
    ),
    asked("GET /exports/{bid}/{export_id}/download", "Calls as CSV"),
    asked(
        "POST /exports/{bid}",
        "",
        {"kind": "calls", "format": "jsonl", "columns": ["callid", "started_at", "score"]},
        status=202,
        keep={"lines_id": "id"},
        silent=True,
        works=True,
    ),
    asked(
        "GET /exports/{bid}/{export_id}/download",
        "Calls as JSON lines",
        about={"export_id": "$lines_id"},
    ),
    asked("GET /exports/{bid}/{export_id}", "An export that is ready"),
    asked("GET /exports/{bid}", "A page of exports", params={"limit": 1}),
]

_HEALTH = [
    asked("GET /health", "All is well"),
    asked("GET /healthz", "The process lives"),
    asked("GET /readyz", "It can serve"),
    asked("GET /metrics", "The first of the metrics"),
]

_LEAVING = [
    asked("GET /privacy/{bid}/retention", "What goes next"),
    asked(
        "POST /privacy/{bid}/erase",
        "Erase all that is kept of a phone",
        {"phone": "+1-555-0150", "reason": "request 4711 of the data subject"},
        status=202,
        keep={"request_id": "id"},
        works=True,
    ),
    asked("GET /privacy/{bid}/requests", "A page of requests", params={"limit": 2}),
    asked("GET /privacy/{bid}/requests/{request_id}", "A request that is done, with its receipt"),
    asked("DELETE /call-records/{bid}/{callid}", "Delete a call", status=202, works=True),
    asked(
        "POST /api/auth/logout", "End this session", who="supervisor@harbour.example", status=204
    ),
    asked("POST /auth/logout", "End this session", who="agent@harbour.example", status=204),
    asked(
        "DELETE /businesses/{bid}",
        "Delete a business and all that it holds",
        params={"confirm": "demo"},
        who=PLATFORM,
        status=202,
    ),
]

TROUBLE: list[Step] = _TROUBLE
STEPS: list[Step] = [*_PIPELINE, *_NEWS, *_EXPORTS, *_HEALTH]
LEAVING: list[Step] = _LEAVING
