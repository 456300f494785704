"""The signature of a webhook's body, and how a receiver checks it (calls seed, 5.4.7)."""

import hashlib
import hmac
import secrets

SIGNATURE = "X-Locutory-Signature"
EVENT_ID = "X-Locutory-Event-Id"
_TOLERANCE_S = 300
_LONGEST_TIME = 12  # digits of seconds since 1970, far beyond any that can hold


def new_secret() -> str:
    """256 random bits, recognisable when somebody finds them in a file."""
    return f"whsec_{secrets.token_urlsafe(32)}"


def signature(secret: str, body: bytes, *, at: int) -> str:
    """`t=<unix>,v1=<hex>`: HMAC-SHA256 over `<unix>.<body>`."""
    digest = hmac.new(secret.encode(), b"%d." % at + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def holds(secret: str, body: bytes, given: str, *, now: int) -> bool:
    """Whether a signature fits the body and is at most five minutes old."""
    parts = dict(part.split("=", 1) for part in given.split(",") if "=" in part)
    said = parts.get("t", "")
    if not (said.isascii() and said.isdigit() and len(said) <= _LONGEST_TIME):
        return False
    at = int(said)
    return abs(now - at) <= _TOLERANCE_S and hmac.compare_digest(
        signature(secret, body, at=at).encode(), given.encode()
    )
