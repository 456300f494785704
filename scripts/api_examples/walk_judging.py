"""Agents, templates, reviews, objections and moments."""

from api_examples.steps import FLOOR, SUPERVISOR, Step, asked

_PROMISE = {
    "name": "Promises",
    "kind": "llm",
    "prompt_system": "You read calls of a clinic and list what the agent promised.",
    "prompt_user": "What was promised, and until when?\n\n{{ transcript }}",
    "output_schema": {
        "type": "object",
        "properties": {
            "promises": {"type": "array", "items": {"type": "string"}},
            "until": {"type": ["string", "null"]},
        },
        "required": ["promises", "until"],
    },
    "run_if": {"min_duration_s": 20, "directions": ["inbound"]},
    "on_failure": "skip",
}
_AGENT = "/agents/{bid}/{key}"
_AGENTS = [
    asked("GET /agents/library", "The first of the built-in agents"),
    asked(
        "POST /agents/{bid}/validate",
        "Check an agent before it is made",
        {"key": "promises", **_PROMISE},
    ),
    asked(
        "POST /agents/{bid}",
        "A draft of an agent of one's own",
        {"key": "promises", **_PROMISE},
        status=201,
        keep={"key": "key"},
    ),
    asked(f"POST {_AGENT}/publish", "Put the draft in force"),
    asked(
        f"PUT {_AGENT}",
        "A new draft in place of the old",
        {**_PROMISE, "name": "Promises and dates"},
    ),
    asked(f"PATCH {_AGENT}", "Some of a draft", {"params": {"temperature": 0.2}}),
    asked(
        f"POST {_AGENT}/test-run",
        "Try the draft on a call",
        {"callids": ["hc-0003"], "wait_s": 0},
        status=202,
        keep={"run_id": "id"},
        works=True,
    ),
    asked(
        "POST /agents/{bid}/test-run",
        "Try an agent that is not made yet",
        {
            "callids": ["hc-0003"],
            "wait_s": 0,
            "agent": {"key": "promises_two", **_PROMISE},
        },
        status=202,
        works=True,
    ),
    asked("GET /agents/{bid}/test-runs/{run_id}", "A trial that is done"),
    asked(
        f"POST {_AGENT}/backtest",
        "Compare the draft with what is in force",
        {"calls": 5, "from": "2026-05-01T00:00:00Z", "to": "2026-05-19T00:00:00Z"},
        status=202,
        keep={"backtest_id": "id"},
        works=True,
    ),
    asked("GET /agents/{bid}/backtests", "A page of comparisons", params={"limit": 2}),
    asked("GET /agents/{bid}/backtests/{backtest_id}", "A comparison that is done"),
    asked(f"POST {_AGENT}/publish", "", silent=True),
    asked(f"GET {_AGENT}/versions", "The versions of an agent", params={"limit": 2}),
    asked(f"POST {_AGENT}/rollback", "Go back to the first version", {"version": 1}),
    asked(f"GET {_AGENT}", "The version in force"),
    asked("GET /agents/{bid}", "A page of agents", params={"limit": 2}),
    asked(f"DELETE {_AGENT}", "Judge by it no longer", status=204),
]

_TEMPLATE = {
    "name": "Sales call",
    "grading_mode": "auto",
    "applies_if": {"directions": ["outbound"]},
    "pass_mark": 75,
    "parameters": [
        {
            "key": "greeting",
            "section": "Opening",
            "question": "Did the agent greet the customer?",
            "type": "phrase",
            "weight": 10,
            "binding": {"phrases": ["good morning", "hello"], "role": "agent"},
        },
        {
            "key": "need",
            "section": "Talk",
            "question": "How well was the need found out?",
            "type": "scale",
            "weight": 20,
            "options": {"max": 5},
        },
    ],
}
_SHEET = "/scoring-templates/{bid}/{template_id}"
_TEMPLATES = [
    asked(
        "POST /scoring-templates/{bid}",
        "A draft of a template",
        _TEMPLATE,
        status=201,
        keep={"template_id": "id"},
    ),
    asked(f"PUT {_SHEET}", "A new draft in place of the old", {**_TEMPLATE, "pass_mark": 80}),
    asked(
        f"POST {_SHEET}/preview",
        "What the draft would say of a call",
        {"callids": ["hc-0009"]},
    ),
    asked(f"POST {_SHEET}/publish", "Score by it from now on"),
    asked(f"GET {_SHEET}", "One template"),
    asked("GET /scoring-templates/{bid}", "A page of templates", params={"limit": 1}),
    asked(f"DELETE {_SHEET}", "Score by it no longer", status=204),
    asked("GET /quality-parameters/{bid}", "What calls are scored by now"),
]

_REVIEWS = [
    asked(
        "POST /call-records/{bid}/{callid}/reviews",
        "Ask for a review",
        {"kind": "review", "due_at": "2030-01-08T17:00:00Z"},
        status=201,
        who=SUPERVISOR,
        keep={"review_id": "id"},
    ),
    asked(
        "PATCH /reviews/{review_id}",
        "Final answers",
        {
            "answers": [
                {"key": "courtesy", "value": True},
                {"key": "solution", "value": 3, "comment": "settled at 00:41"},
            ],
            "state": "submitted",
        },
        who=SUPERVISOR,
        works=True,
    ),
    asked("GET /call-records/{bid}/{callid}/reviews", "The reviews of a call", who=SUPERVISOR),
    asked("GET /reviews", "A page of reviews", params={"bid": "demo", "limit": 1}, who=SUPERVISOR),
    asked(
        "GET /call-records/{bid}/{callid}/reviews",
        "",
        about={"callid": "hc-0010"},
        who=SUPERVISOR,
        silent=True,
        keep={"review_id": "items.0.id"},
    ),
    asked(
        "POST /reviews/{review_id}/dispute",
        "A floor agent disagrees",
        {
            "reasons": [{"key": "solution", "reason": "The refund was made the same day."}],
            "comment": "Please listen again from 00:30.",
        },
        who=FLOOR,
    ),
    asked(
        "POST /reviews/{review_id}/resolve",
        "The score is put right",
        {
            "outcome": "overturn",
            "answers": [{"key": "solution", "value": 4}],
            "comment": "Agreed, it was.",
        },
        who=SUPERVISOR,
        works=True,
    ),
    asked(
        "POST /call-records/{bid}/{callid}/reviews",
        "",
        {
            "answers": [{"key": "courtesy", "value": True}, {"key": "solution", "value": 4}],
            "state": "submitted",
        },
        about={"callid": "hc-0005"},
        who=SUPERVISOR,
        status=201,
        silent=True,
        keep={"review_id": "id"},
    ),
    asked("POST /reviews/{review_id}/acknowledge", "Seen by the floor agent", who=FLOOR),
]
_SAMPLING = [
    asked(
        "PUT /review-sampling/{bid}",
        "Two calls of each agent a week",
        {"enabled": True, "per_agent": 2, "due_days": 7, "min_duration_s": 20},
        who=SUPERVISOR,
    ),
    asked("GET /review-sampling/{bid}", "How reviews are drawn", who=SUPERVISOR),
    asked(
        "POST /review-sampling/{bid}/draw", "Draw a week now", {"week": "2026-W19"}, who=SUPERVISOR
    ),
]

_OBJECTIONS = [
    asked(
        "POST /objections/{bid}/types",
        "An objection that only this business hears",
        {
            "key": "parking",
            "label": "Parking",
            "synonyms": {"en": ["nowhere to park"]},
            "playbook": "Tell of the garage behind the house.",
        },
        status=201,
        keep={"type_key": "key"},
    ),
    asked("GET /objections/{bid}/types", "A page of types", params={"limit": 2}),
    asked(
        "PATCH /objections/{bid}/types/{type_key}",
        "More words for it",
        {"synonyms": {"en": ["nowhere to park", "no parking"]}},
    ),
    asked(
        "POST /objections/{bid}/reclassify",
        "Look for the types in earlier calls",
        {"from": "2026-05-01T00:00:00Z", "to": "2026-05-19T00:00:00Z"},
        status=202,
        keep={"reclassification_id": "id"},
        works=True,
    ),
    asked("GET /objections/{bid}/reclassify/{reclassification_id}", "Earlier calls, looked over"),
    asked("GET /objections/{bid}", "A page of objections", params={"limit": 2}),
    asked("GET /objections/{bid}/summary", "How often each type occurs"),
    asked("DELETE /objections/{bid}/types/{type_key}", "Look for it no longer", status=204),
]
_MOMENTS = [
    asked(
        "POST /moments/{bid}",
        "Find calls where a second opinion is asked for",
        {
            "key": "second_opinion",
            "name": "Second opinion",
            "rule": {
                "kind": "phrase",
                "role": "customer",
                "phrases": ["second opinion", "another doctor"],
            },
        },
        status=201,
        keep={"moment_id": "id"},
    ),
    asked("GET /moments/{bid}", "A page of rules", params={"limit": 2}),
    asked(
        "PATCH /moments/{bid}/{moment_id}",
        "Another rule",
        {"rule": {"kind": "silence", "min_ms": 1500}},
    ),
    asked(
        "POST /moments/{bid}/{moment_id}/test",
        "Where the rule holds in some calls",
        {"callids": ["hc-0003", "hc-0005"]},
    ),
    asked("DELETE /moments/{bid}/{moment_id}", "Look for it no longer", status=204),
]

STEPS: list[Step] = [
    *_AGENTS,
    *_TEMPLATES,
    *_REVIEWS,
    *_SAMPLING,
    *_OBJECTIONS,
    *_MOMENTS,
]

# with a worker that answers at once
MANNED: list[Step] = [
    asked(
        f"POST {_AGENT}/test-run",
        "Try an agent on a call and wait for it",
        {"callids": ["hc-0009"], "wait_s": 60},
        about={"key": "sentiment"},
        manned=True,
    ),
    asked(
        "POST /agents/{bid}/test-run",
        "Try an agent that is not made yet and wait for it",
        {"callids": ["hc-0009"], "agent": {"key": "promises_too", **_PROMISE}},
        manned=True,
    ),
]
