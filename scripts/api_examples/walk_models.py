"""Language models: asked by our own paths and the OpenAI way, at once, as a stream, as a batch."""

from api_examples.steps import Step, asked

_TALK = [{"role": "user", "content": "When is the pharmacy open?"}]
_CHAT = {"messages": _TALK, "system": "Answer in one sentence.", "max_tokens": 100}
_JOB = "GET /api/runtime/llm/jobs/{batch_id}"

STEPS: list[Step] = [
    asked("POST /api/runtime/llm/chat", "A whole answer", _CHAT),
    asked(
        "POST /api/runtime/llm/chat",
        "The same as a stream",
        {**_CHAT, "stream": True},
        name="streamed",
    ),
    asked(
        "POST /api/runtime/llm/batch",
        "Two requests that nobody waits for",
        {
            "items": [
                {"id": "hours", "messages": _TALK},
                {"id": "door", "messages": [{"role": "user", "content": "Where is the door?"}]},
            ]
        },
        status=202,
        keep={"batch_id": "job_id"},
        works=True,
    ),
    asked(_JOB, "A batch that is done"),
    asked(f"{_JOB}/results", "A page of its results", params={"limit": 1}),
    asked(
        "POST /api/runtime/llm/batch",
        "One that is thought better of",
        {"items": [{"id": "hours", "messages": _TALK}]},
        status=202,
        keep={"batch_id": "job_id"},
        name="second",
    ),
    asked("POST /api/runtime/llm/jobs/{batch_id}/cancel", "Ask nothing more of it"),
    asked("GET /api/runtime/llm/providers", "The providers and how they fare"),
    asked("GET /api/runtime/llm/usage", "What was used"),
    asked("GET /v1/models", "The models that may be asked for"),
    asked(
        "POST /v1/chat/completions",
        "A whole answer",
        {"model": "locutory-default", "messages": _TALK},
    ),
    asked(
        "POST /v1/chat/completions",
        "The same as a stream",
        {
            "model": "locutory-default",
            "messages": _TALK,
            "stream": True,
            "stream_options": {"include_usage": True},
        },
        name="streamed",
    ),
]
