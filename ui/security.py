"""What every response carries: security headers, and a cookie that tells this browser's runs from those of others.

The cookie holds a random name and nothing about the person. It is set on the page itself, before the page opens its
websocket, so a script reads it from its first run on.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from functools import cache
from importlib.resources import files

import streamlit as st
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "layerlab_owner"
COOKIE_SECONDS = 365 * 24 * 3600
_OWNER = re.compile(r"[A-Za-z0-9_-]{22}")
_INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def owner() -> str:
    """A name that stays the same for this browser, across reloads and tabs, for a year.

    Where no cookie arrives (cookies refused, or a test without a browser) the name lasts as long as the session.
    """
    name = str(st.context.cookies.get(COOKIE, ""))
    if _OWNER.fullmatch(name):
        return name
    if COOKIE not in st.session_state:
        st.session_state[COOKIE] = _new_owner()
    return str(st.session_state[COOKIE])


@cache
def content_security_policy() -> str:
    """The policy of every page: this server alone, plus the inline scripts of Streamlit's own page, by their hashes."""
    page = files("streamlit").joinpath("static/index.html").read_text(encoding="utf-8")
    hashes = " ".join(f"'sha256-{_sha256(script)}'" for script in _INLINE_SCRIPT.findall(page))
    rules = (
        "default-src 'self'",
        f"script-src 'self' 'wasm-unsafe-eval' blob: {hashes}",
        "style-src 'self' 'unsafe-inline'",  # Streamlit and plotly write their styles at run time
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'self'",
    )
    return "; ".join(rules)


class SecurityMiddleware:
    """Adds the headers to every HTTP response, and the owner cookie to pages that are asked for without one.

    preload: a page's path -> value of its `Link` header, so that a browser fetches what the page will need at once.
    """

    def __init__(self, app: ASGIApp, preload: dict[str, str] | None = None) -> None:
        self.app = app
        self.preload = preload or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on; only the head of an HTTP response is touched."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._add_headers(scope, MutableHeaders(scope=message))
            await send(message)

        await self.app(scope, receive, send_with_headers)

    def _add_headers(self, scope: Scope, headers: MutableHeaders) -> None:
        headers["X-Content-Type-Options"] = "nosniff"
        headers["X-Frame-Options"] = "SAMEORIGIN"
        headers["Referrer-Policy"] = "same-origin"
        headers["Permissions-Policy"] = "camera=(), microphone=(), geolocation=()"
        headers["Content-Security-Policy"] = content_security_policy()
        asked = Headers(scope=scope).get("accept", "")  # a page that the browser has still ("304") carries no type
        if "text/html" in headers.get("content-type", asked):
            self._add_page_headers(scope, headers)

    def _add_page_headers(self, scope: Scope, headers: MutableHeaders) -> None:
        link = self.preload.get(scope["path"], self.preload.get("*"))
        if link:
            headers.append("Link", link)
        sent = cookie_parser(Headers(scope=scope).get("cookie", ""))
        if not _OWNER.fullmatch(sent.get(COOKIE, "")):
            secure = "; Secure" if scope.get("scheme") == "https" else ""
            headers.append(
                "Set-Cookie",
                f"{COOKIE}={_new_owner()}; Path=/; Max-Age={COOKIE_SECONDS}; HttpOnly; SameSite=Lax{secure}",
            )


def _new_owner() -> str:
    return secrets.token_urlsafe(16)


def _sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
