"""Access tokens (JWT, HS256) and opaque secrets."""

import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import jwt

from locutory.kernel.auth.contract import PrincipalKind, TokenInvalid
from locutory.kernel.clock import Clock, from_ms, utc_now
from locutory.kernel.errors import ConfigError

KEY_BYTES = 32
KEY_MARK = "lct"
EMBED_MARK = "lce"
EMBED_LIFE = timedelta(minutes=10)
_ALGORITHM = "HS256"
_ISSUER = "locutory"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What an access token says. `session_id` is the family of its refresh tokens.

    That of an embedded page names its key in place of both.
    """

    user_id: UUID
    tenant_id: UUID | None
    session_id: UUID
    expires_at: datetime
    kind: PrincipalKind = PrincipalKind.USER


class Tokens:
    """Signs with one key; verifies with it and with former ones, told apart by `kid`."""

    def __init__(
        self,
        jwt_key: bytes,
        *,
        lifetime: timedelta,
        former_keys: Sequence[bytes] = (),
        clock: Clock = utc_now,
    ) -> None:
        """Raises ConfigError for a key under 32 bytes: PyJWT would only warn."""
        if any(len(key) < KEY_BYTES for key in (jwt_key, *former_keys)):
            raise ConfigError(f"a JWT key has at least {KEY_BYTES} bytes", code="JWT_KEY_SHORT")
        self._kid = _key_id(jwt_key)
        self._keys: Mapping[str, bytes] = {_key_id(key): key for key in (jwt_key, *former_keys)}
        self._clock = clock
        self.lifetime = lifetime

    def sign(self, *, user_id: UUID, tenant_id: UUID | None, session_id: UUID) -> str:
        """A new access token."""
        tid = None if tenant_id is None else str(tenant_id)
        return self._signed(self.lifetime, sub=str(user_id), sid=str(session_id), tid=tid)

    def sign_embed(self, *, key_id: UUID) -> str:
        """A token for a page that showed an embed key."""
        return self._signed(
            EMBED_LIFE, sub=str(key_id), sid=str(key_id), use=PrincipalKind.EMBED.value
        )

    def _signed(self, lifetime: timedelta, **said: str | None) -> str:
        issued = int(self._clock().timestamp())
        claims: dict[str, Any] = {
            "iss": _ISSUER,
            **said,
            "iat": issued,
            "exp": issued + int(lifetime.total_seconds()),
        }
        return jwt.encode(claims, self._keys[self._kid], _ALGORITHM, headers={"kid": self._kid})

    def verify(self, token: str) -> Claims:
        """The claims of a token that is ours and not expired. Raises TokenInvalid."""
        try:
            key = self._keys[jwt.get_unverified_header(token)["kid"]]
            claims = jwt.decode(
                token,
                key,
                algorithms=[_ALGORITHM],
                issuer=_ISSUER,
                # times are judged by the injected clock below
                options={
                    "require": ["sub", "sid", "exp"],
                    "verify_exp": False,
                    "verify_iat": False,
                },
            )
            found = Claims(
                user_id=UUID(claims["sub"]),
                tenant_id=UUID(claims["tid"]) if claims.get("tid") else None,
                session_id=UUID(claims["sid"]),
                expires_at=from_ms(int(claims["exp"]) * 1000),
                kind=PrincipalKind(claims.get("use", PrincipalKind.USER)),
            )
        except (jwt.InvalidTokenError, KeyError, ValueError, TypeError) as error:
            raise TokenInvalid from error
        if found.expires_at <= self._clock():
            raise TokenInvalid("the token has expired", code="TOKEN_EXPIRED")
        return found


def _key_id(key: bytes) -> str:
    return hashlib.sha256(b"kid:" + key).hexdigest()[:8]


def new_secret() -> str:
    """256 random bits as URL-safe text."""
    return secrets.token_urlsafe(32)


def hashed(secret: str) -> str:
    """SHA-256 in hex: enough for secrets with 256 random bits, which nobody can guess."""
    return hashlib.sha256(secret.encode()).hexdigest()


def matches(secret: str, stored: str) -> bool:
    """Whether a secret has this hash, in constant time."""
    return hmac.compare_digest(hashed(secret), stored)


def new_api_key(mark: str = KEY_MARK) -> tuple[str, str, str]:
    """A key as (prefix, secret, the text that its owner gets)."""
    prefix, secret = secrets.token_hex(6), new_secret()
    return prefix, secret, f"{mark}_{prefix}_{secret}"


def split_api_key(text: str, mark: str = KEY_MARK) -> tuple[str, str] | None:
    """(prefix, secret) of a key with this mark, None if the text is something else."""
    found, _, rest = text.partition("_")
    prefix, _, secret = rest.partition("_")
    return (prefix, secret) if found == mark and prefix and secret else None
