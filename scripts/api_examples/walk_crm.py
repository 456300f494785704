"""Leads: a file of them, a connection to a CRM, and what is written there."""

from api_examples.steps import Step, asked

_FILE = b"lead_id,phone,name,stage,owner,Budget\nL-2001,+1-555-0150,Dana Whitfield,Open,Asha,900\n"
_LEAD = "/crm/{bid}/leads/{lead_id}"
_ABOUT = {"lead_id": "L-2001"}
_CRM = {
    "provider": "leadsquared",
    "url": "$outside",
    "credentials": {"access_key": "the-access-key", "secret_key": "the-secret-key"},
    "settings": {"attributes": ["mx_Budget"]},
    "writeback": {"on_done": False},
}

STEPS: list[Step] = [
    asked(
        "POST /crm/{bid}/leads/import",
        "A file of leads",
        files={"file": ("leads.csv", _FILE)},
        shown={"file": "leads.csv"},
        status=202,
        works=True,
    ),
    asked("GET /crm/{bid}/leads", "A page of leads", params={"limit": 2}),
    asked(f"GET {_LEAD}", "One lead, for somebody with pii:read", about=_ABOUT),
    asked(f"GET {_LEAD}/activities", "What happened with a lead", about=_ABOUT),
    asked(f"GET {_LEAD}/calls", "The calls with a lead", params={"limit": 1}, about=_ABOUT),
    asked("PUT /crm/{bid}/config", "Connect a CRM", _CRM),
    asked("GET /crm/{bid}/config", "How it is connected"),
    asked("POST /crm/{bid}/test", "Something answers there that is no CRM"),
    asked("POST /crm/{bid}/sync", "Read leads now", status=202),
    asked("POST /crm/{bid}/writeback/{callid}", "Write a call to its lead", status=202),
    asked("GET /crm/{bid}/status", "How it stands with the CRM"),
    asked("PUT /crm/{bid}/config", "", {**_CRM, "enabled": False}, silent=True),
]
