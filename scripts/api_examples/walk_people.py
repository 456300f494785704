"""Sessions, people, businesses and keys."""

from api_examples.house import PASSWORD, PLATFORM
from api_examples.steps import ADMIN, NOBODY, VIEWER, Step, asked

_PNG = b"\x89PNG\r\n\x1a\n" + bytes(16)
_SITE = "https://portal.example.org"
_LOGIN = {"email": ADMIN, "password": PASSWORD, "tenant": "demo"}
_KEY = {
    "name": "telephony",
    "scopes": ["calls:ingest", "calls:read"],
    "expires_at": "2030-01-01T00:00:00Z",
}
_ROSTER = [
    {"external_id": "hc-a1", "name": "Maya Lindqvist", "team": "Front desk"},
    {
        "external_id": "hc-a2",
        "name": "Owen Baptiste",
        "phones": ["+1-555-0102"],
        "team": "Front desk",
    },
    {"external_id": "hc-a3", "name": "Priya Raman", "team": "Sales"},
    {"external_id": "hc-a4", "name": "Callum Reid", "team": "Sales"},
    {"external_id": "hc-a5", "name": "Ruth Okafor", "team": "Sales"},
]
_CSV = b"external_id,name,team\nhc-a5,Ruth Okafor,Front desk\n"

_SESSIONS = [
    asked(
        f"POST {path}",
        "Log in to a business",
        _LOGIN,
        who=NOBODY,
        keep={f"refresh_{n}": "refresh_token"},
    )
    for n, path in enumerate(("/api/auth/login", "/auth", "/auth/login"))
] + [
    asked(
        f"POST {path}",
        "New tokens for a refresh token",
        {"refresh_token": f"$refresh_{n}", "tenant": "demo"},
        who=NOBODY,
    )
    for n, path in enumerate(("/api/auth/refresh", "/auth/refresh"))
]

_ONESELF = [
    asked(
        "POST /api/auth/profile/avatar",
        "A picture of oneself",
        files={"file": ("me.png", _PNG)},
        shown={"file": "@me.png"},
    ),
    asked("GET /api/auth/me", "An administrator"),
    asked("GET /auth/me", "An administrator"),
    asked("GET /auth/validate", "A valid token"),
    asked("POST /auth/stream-ticket", "A ticket for a business's stream", {"bid": "demo"}),
    asked(
        "POST /auth/password",
        "A new password of one's own",
        {"current_password": PASSWORD, "new_password": "seven green bottles"},
        who=VIEWER,
        status=204,
    ),
]

_BUSINESSES = [
    asked("GET /businesses", "The businesses that one may see", params={"limit": 2}),
    asked(
        "POST /businesses",
        "A new business",
        {
            "bid": "acme",
            "name": "Acme Repairs",
            "timezone": "Europe/Berlin",
            "country_code": "DE",
            "currency": "EUR",
        },
        who=PLATFORM,
        status=201,
    ),
    asked("GET /businesses/{bid}", "One business"),
    asked("PATCH /businesses/{bid}", "Another name", {"name": "Harbour Eye Clinic"}),
    asked(
        "PUT /businesses/{bid}/floor-agents", "The whole roster of floor agents", {"items": _ROSTER}
    ),
    asked(
        "POST /businesses/{bid}/floor-agents/import",
        "A roster as CSV",
        files={"file": ("agents.csv", _CSV)},
        shown={"file": _CSV.decode()},
    ),
    asked("GET /businesses/{bid}/floor-agents", "A page of the roster", params={"limit": 2}),
    asked(
        "POST /businesses/{bid}/users",
        "A reviewer is taken in",
        {"email": "reviewer@harbour.example", "name": "Harbour reviewer", "role": "reviewer"},
        status=201,
        keep={"user_id": "id"},
    ),
    asked("GET /businesses/{bid}/users", "A page of the people", params={"limit": 2}),
    asked("PATCH /businesses/{bid}/users/{user_id}", "Another role", {"role": "supervisor"}),
    asked("GET /api/auth/users", "A page of the people", params={"limit": 2}),
    asked("DELETE /businesses/{bid}/users/{user_id}", "Let somebody go", status=204),
]

_KEYS = [
    asked(
        "POST /api/auth/keys",
        "A key for a telephone system",
        _KEY,
        status=201,
        keep={"key_id": "id"},
    ),
    asked("GET /api/auth/keys", "A page of keys", params={"limit": 2}),
    asked("DELETE /api/auth/keys/{key_id}", "Revoke a key", status=204),
    asked(
        "POST /businesses/{bid}/api-keys",
        "A key that may read",
        {"name": "warehouse", "scopes": ["read"]},
        status=201,
        keep={"api_key_id": "id"},
    ),
    asked("GET /businesses/{bid}/api-keys", "A page of keys", params={"limit": 2}),
    asked("DELETE /businesses/{bid}/api-keys/{api_key_id}", "Revoke a key", status=204),
    asked(
        "POST /businesses/{bid}/embed-keys",
        "A key for the pages of a portal",
        {
            "name": "Customer portal",
            "scopes": ["calls:read"],
            "origins": [_SITE],
            "filters": {"tag": "portal", "from": "2026-01-01T00:00:00Z"},
        },
        status=201,
        keep={"embed_key_id": "id", "embed_key": "key"},
    ),
    asked("GET /businesses/{bid}/embed-keys", "A page of embed keys", params={"limit": 2}),
    asked(
        "POST /auth/embed",
        "A page exchanges its key for a token",
        {"embed_key": "$embed_key"},
        headers={"origin": _SITE},
        who=NOBODY,
    ),
    asked("DELETE /businesses/{bid}/embed-keys/{embed_key_id}", "Revoke a key", status=204),
]

STEPS: list[Step] = [*_SESSIONS, *_ONESELF, *_BUSINESSES, *_KEYS]
