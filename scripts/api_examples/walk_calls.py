"""Calls on their way in, and all that is kept of one."""

from api_examples.steps import NOBODY, Step, asked
from locutory.products.calls.demo import path

_CALL = "/call-records/{bid}/{callid}"
_SRT = path("transcripts/hc-0016.srt").read_bytes()
_FORM = {
    "callid": "c-1003",
    "direction": "inbound",
    "agent_id": "hc-a2",
    "started_at": "2026-05-18T10:12:00Z",
}
_WINDOW = {"from": "2026-04-20T00:00:00Z", "to": "2026-05-18T00:00:00Z"}
_LISTED = {"limit": 2, "sort": "started_at", **_WINDOW}


def _pushed(callid: str, file: str, agent: str, name: str, minute: int) -> dict[str, object]:
    return {
        "callid": callid,
        "audio_url": f"$outside/r/{file}",
        "direction": "inbound",
        "customer_phone": "+1-555-0171",
        "agent_id": agent,
        "agent_name": name,
        "disposition": "callback",
        "started_at": f"2026-05-18T09:{minute:02}:00Z",
        "ended_at": f"2026-05-18T09:{minute + 3:02}:10Z",
        "custom": {"lead_id": "L-204"},
    }


_INTAKE = [
    asked(
        "POST /ingest/{bid}/calls",
        "Two finished calls with the addresses of their recordings",
        {
            "calls": [
                _pushed("c-1001", "1001.ogg", "hc-a1", "Maya Lindqvist", 30),
                _pushed("c-1002", "1002.wav", "hc-a2", "Owen Baptiste", 41),
            ]
        },
        works=True,
    ),
    *(
        asked(
            "POST /ingest/{bid}/calls",
            "",
            {"calls": [_pushed(callid, "1002.wav", "hc-a2", "Owen Baptiste", 51)]},
            silent=True,
            works=True,
        )
        for callid in ("c-1005", "c-1006")
    ),
    asked(
        "POST /ingest/{bid}/audio",
        "A recording with its transcript (`@` is a file, as for curl)",
        files={
            "file": ("1003.ogg", path("audio/hc-0016.ogg").read_bytes()),
            "transcript": ("1003.srt", _SRT),
        },
        form=_FORM,
        shown={"file": "@1003.ogg", "transcript": "@1003.srt", **_FORM},
        status=202,
        works=True,
    ),
    asked(
        "POST /update-call",
        "One call, told by a relay",
        {
            "bid": "demo",
            "callid": "c-1004",
            "audio_url": "$outside/r/1004.ogg",
            "direction": "outbound",
            "customer_phone": "+1-555-0172",
            "agent_id": "hc-a3",
            "started_at": "2026-05-18T11:00:00Z",
            "consent": "yes",
        },
    ),
]

_FOLDERS = [
    asked(
        "POST /pipeline/{bid}/sources",
        "A folder that recordings appear in",
        {"name": "Dialler", "kind": "folder", "path": "$recordings/demo/dialler"},
        status=201,
        keep={"source_id": "id"},
    ),
    asked("GET /pipeline/{bid}/sources", "A page of sources", params={"limit": 2}),
    asked(
        "PATCH /pipeline/{bid}/sources/{source_id}",
        "Files stay where they are",
        {"name": "Dialler, first floor", "after": "leave"},
    ),
    asked("POST /pipeline/{bid}/sources/{source_id}/test", "Try a source"),
    asked(
        "POST /ingest/{bid}/backfill",
        "What a folder's past would bring",
        {
            "source_id": "$source_id",
            "from": "2026-05-01T00:00:00Z",
            "to": "2026-05-18T00:00:00Z",
            "dry_run": True,
        },
        status=202,
        keep={"backfill_id": "id"},
        works=True,
    ),
    asked("GET /ingest/{bid}/backfill/{backfill_id}", "A walk through a folder's past"),
    asked("POST /pipeline/{bid}/sync", "Look at the folders now", status=202, works=True),
    asked("DELETE /pipeline/{bid}/sources/{source_id}", "Watch no longer", status=204),
]

_DATABASES = [
    asked(
        "POST /pipeline/{bid}/sources",
        "A telephony system's database, not read yet",
        {
            "name": "Telephony",
            "kind": "mysql",
            "enabled": False,
            "connection": {
                "host": "telephony.example.com",
                "database": "pbx",
                "user": "reader",
                "password": "EXAMPLE",
                "tls": "verify",
            },
            "mapping": {
                "table": "call_history",
                "row_id": "id",
                "updated_at": "changed_at",
                "callid": "call_id",
                "started_at": "began_at",
                "duration": "seconds",
                "customer_phone": "caller",
                "audio_url": "recording",
            },
            "tz": "Europe/Berlin",
        },
        status=201,
        name="database",
        keep={"source_id": "id"},
    ),
    asked(
        "GET /pipeline/{bid}/watermarks",
        "How far databases are read",
        keep={"name": "items.0.name"},
    ),
    asked(
        "PUT /pipeline/{bid}/watermarks/{name}",
        "Read again from a day on",
        {"ts": "2026-05-01T00:00:00Z", "reason": "the mapping was mended"},
    ),
    asked("DELETE /pipeline/{bid}/sources/{source_id}", "Read no longer", status=204, silent=True),
]

_PUSHES = [
    asked(
        "PUT /pipeline/{bid}/webhooks-in/{provider}",
        "A provider that cannot sign gets a token",
        {"scheme": "token"},
        about={"provider": "generic"},
        keep={"token": "token"},
    ),
    asked("GET /pipeline/{bid}/webhooks-in", "The providers that may tell of calls"),
    asked(
        "POST /ingest/{bid}/webhooks/{provider}",
        "A missed call, the token in the query",
        {"callid": "c-1007", "direction": "inbound", "status": "no-answer"},
        about={"provider": "generic"},
        params={"token": "$token"},
        who=NOBODY,
    ),
    asked(
        "POST /ingest/{bid}/webhooks/{provider}/{token}",
        "A missed call, the token in the path",
        {"callid": "c-1008", "direction": "inbound", "status": "busy"},
        about={"provider": "generic"},
        who=NOBODY,
    ),
    asked(
        "DELETE /pipeline/{bid}/webhooks-in/{provider}",
        "Listen no longer",
        status=204,
        about={"provider": "generic"},
    ),
    asked(
        "POST /pipeline/{bid}/sources",
        "",
        {
            "name": "Changes",
            "kind": "push",
            "mapping": {"table": "call_history", "row_id": "id", "callid": "call_id"},
        },
        status=201,
        silent=True,
        keep={"source_id": "id"},
    ),
    asked(
        "POST /ingest/{bid}/cdc",
        "A row that was added, as Debezium tells it",
        [
            {
                "op": "c",
                "before": None,
                "after": {"id": 9, "call_id": "c-1009"},
                "source": {"connector": "mysql", "table": "call_history", "ts_ms": 1779098400000},
            }
        ],
        params={"source": "Changes"},
    ),
    asked("DELETE /pipeline/{bid}/sources/{source_id}", "", status=204, silent=True),
]

_LISTS = (
    [
        asked(f"GET {path_}", "A page of calls, newest first", params=_LISTED)
        for path_ in ("/call-records/{bid}", "/calls/{bid}")
    ]
    + [
        asked(
            f"GET {path_}",
            "A page of calls of all one's businesses",
            params={"limit": 2, **_WINDOW},
        )
        for path_ in ("/call-records", "/calls")
    ]
    + [
        asked(
            "GET /call-records/{bid}/facets",
            "How many calls there are of each kind",
            params=_WINDOW,
        ),
        *(
            asked(f"GET {path_}/{{bid}}/{{callid}}", "A complaint, judged by rules")
            for path_ in ("/call-records", "/calls")
        ),
        asked(
            "GET /call-records/{bid}/stream",
            "The first events of a business",
            params={"since": 0},
            stream_bytes=1500,
        ),
    ]
)

_ONE = [
    asked(f"GET {_CALL}/transcript", "A transcript as JSON"),
    asked(f"GET {_CALL}/transcript", "A transcript as text", params={"format": "txt"}, name="text"),
    asked(f"GET {_CALL}/transcript", "Who spoke when", params={"format": "rttm"}, name="rttm"),
    asked(f"GET {_CALL}/transcript", "A transcript as SRT", params={"format": "srt"}),
    asked(f"GET {_CALL}/transcript", "A transcript as WebVTT", params={"format": "vtt"}),
    asked(f"GET {_CALL}/timeline", "What the pipeline did with a call"),
    asked(f"GET {_CALL}/peaks", "The beginning of a recording's loudness"),
    asked(
        f"POST {_CALL}/comments",
        "A note at a place in the recording",
        {"text": "Here the letter should have been offered.", "at_ms": 14_000},
        status=201,
    ),
    asked(f"GET {_CALL}/comments", "Notes on a call"),
    asked(
        f"PATCH {_CALL}",
        "Tags, and fields of one's own",
        {"tags": ["audit"], "custom": {"case": "T-88"}, "consent": "yes"},
    ),
    asked(
        f"PATCH {_CALL}/transcript",
        "Correct the words of a turn",
        {"base_version": 1, "edits": [{"idx": 0, "text": "Good afternoon, Harbour Clinic."}]},
        works=True,
    ),
    asked(
        f"POST {_CALL}/speakers",
        "Say who is who",
        {"map": {"left": "agent", "right": "customer"}},
        about={"callid": "c-1001"},
        works=True,
    ),
    asked(f"GET {_CALL}/transcript/versions", "The versions of a transcript"),
    asked(
        f"POST {_CALL}/reanalyze",
        "Judge a call anew, in part",
        {"agents": ["summary", "sentiment"], "force": True},
        status=202,
        works=True,
    ),
    asked(f"POST {_CALL}/retranscribe", "Hear a call anew", {"language": "en"}, status=202),
    asked(f"POST {_CALL}/cancel", "Stop what waits", status=202),
    asked(f"POST {_CALL}/retry", "Run it after all", status=202, works=True),
    asked(
        "POST /call-records/{bid}/bulk",
        "Tag the calls that a filter finds",
        {
            "action": "tag",
            "params": {"add": ["audit"]},
            "callids": ["hc-0001", "hc-0009"],
            "confirm_count": 2,
        },
        status=202,
        keep={"bulk_id": "job_id"},
        works=True,
    ),
    asked("GET /call-records/{bid}/bulk/{bulk_id}", "A deed on many calls that is done"),
]

ARRIVING: list[Step] = [*_INTAKE, *_FOLDERS, *_DATABASES, *_PUSHES]
READING: list[Step] = [*_LISTS, *_ONE]
