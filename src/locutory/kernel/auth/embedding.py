"""Pages of other sites: an embed key is exchanged for a short token, bound to its origins.

A browser tells the origin of the page that asks, and asks first whether it may (preflight) before
it sends a token. Whoever is no browser can tell any origin: what a key cannot do is what protects,
the origin keeps other sites from using it in their visitors' browsers.
"""

from dataclasses import dataclass
from typing import Any

from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from locutory.kernel.auth.contract import (
    EmbedTerms,
    KeyKind,
    OriginDenied,
    Principal,
    TokenInvalid,
)
from locutory.kernel.auth.gate import Auth
from locutory.kernel.auth.tokens import EMBED_MARK, split_api_key

_ASKED = "access-control-request-method"
_PREFLIGHT = {
    "access-control-allow-methods": "GET, POST",
    "access-control-allow-headers": "authorization, content-type, range",
    "access-control-max-age": "600",
    "vary": "Origin",
}
_EXPOSED = (
    "content-range, etag, ratelimit-limit, ratelimit-remaining, ratelimit-reset, x-correlation-id"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PageOpened:
    """A page that may ask for ten minutes."""

    access_token: str
    principal: Principal
    terms: EmbedTerms


async def open_page(auth: Auth, request: Request, text: str) -> PageOpened:
    """Exchange an embed key for a token. Raises TokenInvalid, OriginDenied also without origin."""
    parts = split_api_key(text, EMBED_MARK)
    if parts is None:
        raise TokenInvalid("this is no embed key")
    principal = await auth.by_key(parts, KeyKind.EMBED)
    assert principal.embed is not None
    if "origin" not in request.headers:
        raise OriginDenied("an embed key is exchanged by a page: send its Origin")
    check_origin(request, principal.embed)
    token = auth.tokens.sign_embed(key_id=principal.id)
    return PageOpened(access_token=token, principal=principal, terms=principal.embed)


def check_origin(request: Request, terms: EmbedTerms) -> None:
    """Let a page of these origins read the answer. Raises OriginDenied.

    A browser leaves the origin out where a page asks its own server, and then it is not another's.
    """
    origin = request.headers.get("origin")
    if origin is not None and origin not in terms.origins:
        raise OriginDenied
    request.state.embed = terms


class EmbedHeaders:
    """Answers preflights of known origins, and tells browsers who may read and frame an answer."""

    def __init__(self, app: ASGIApp, *, auth: Auth) -> None:
        """`auth` knows the origins."""
        self._app = app
        self._auth = auth

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        if (
            origin is not None
            and scope["method"] == "OPTIONS"
            and _ASKED in headers
            and await self._auth.embeds(origin)
        ):
            await _permit(origin, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                terms: EmbedTerms | None = scope.get("state", {}).get("embed")
                if terms is not None:
                    _mark(MutableHeaders(scope=message), terms, origin)
            await send(message)

        await self._app(scope, receive, with_headers)


async def _permit(origin: str, send: Send) -> None:
    told: dict[str, Any] = {**_PREFLIGHT, "access-control-allow-origin": origin}
    headers = [(name.encode(), value.encode()) for name, value in told.items()]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def _mark(headers: MutableHeaders, terms: EmbedTerms, origin: str | None) -> None:
    headers["content-security-policy"] = f"frame-ancestors {' '.join(terms.origins)}"
    headers.add_vary_header("Origin")
    if origin is not None:
        headers["access-control-allow-origin"] = origin
        headers["access-control-expose-headers"] = _EXPOSED
