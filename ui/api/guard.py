"""Around every request: who asks, whether they may, how much at once, and a line that says what became of it."""

from __future__ import annotations

import logging
import math
import secrets
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from assistant.errors import StoreFailed
from ui.api.failures import answer_to, error_body, request_id
from ui.api.keys import Key, Keys
from ui.api.metrics import Metrics
from ui.api.state import Serving
from ui.api.work import in_time
from ui.listening import LOOPBACK, refused_on_loopback
from ui.pace import Pace

SCOPE_OF = {
    "/v1/chat": "chat",
    "/v1/completions": "chat",
    "/v1/responses": "chat",
    "/v1/embeddings": "embeddings",
    "/v1/sentiment": "texts",
    "/v1/translate": "texts",
    "/v1/summarize": "texts",
    "/metrics": "metrics",
    "/v1/": "",
}
"""What a path's beginning needs a key's scope for, the longest first; "" is any valid key. Other paths need no key."""
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
}

audit, log = logging.getLogger("parley.audit"), logging.getLogger("parley.api")


class Guard:
    """Lets in who may come in; what it refuses never reaches a model."""

    def __init__(self, app: ASGIApp, *, serving: Serving, keys: Keys) -> None:
        self.app, self.serving, self.keys = app, serving, keys
        self._open: Counter[str] = Counter()
        self._pace = Pace()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        unguarded = self.serving.host in LOOPBACK and not self.serving.keys
        if unguarded and (why := refused_on_loopback(headers, forwarded=self.serving.forwarded)):
            await refusal(403, why, "loopback_only")(scope, receive, send)
            return
        key, refused = self._who(scope, headers)
        if refused is not None:
            await refused(scope, receive, send)
            return
        user = key.id if key else (scope.get("client") or ("",))[0]
        scope["parley.client"], scope["parley.key"] = user, key.id if key else ""
        scope["parley.ends"] = ends = time.monotonic() + self.serving.deadline_seconds
        # Files that people upload to the page may take longer.
        asked = in_time(receive, ends) if scope["path"].startswith("/v1/") else receive
        self._open[user] += 1
        try:
            await self.app(scope, asked, send)
        finally:
            self._open[user] -= 1
            self._open += Counter()  # forget who has none

    def _who(self, scope: Scope, headers: Headers) -> tuple[Key | None, Response | None]:
        needed = next((need for start, need in SCOPE_OF.items() if scope["path"].startswith(start)), None)
        if not self.serving.keys or needed is None or scope["method"] == "OPTIONS":
            return None, None
        kind, _, secret = headers.get("authorization", "").partition(" ")
        try:
            key = self.keys.find(secret.strip()) if kind.lower() == "bearer" else None
        except StoreFailed as error:  # whoever has no key need not know where they are kept
            log.error("%s", error)
            return None, refusal(503, "The keys cannot be read; the server's log says why.", "store_failed")
        if key is None:
            said = refusal(401, "A valid key is needed: Authorization: Bearer KEY.", "invalid_api_key")
            said.headers["WWW-Authenticate"] = "Bearer"
            return None, said
        if needed and needed not in key.scopes:
            return None, refusal(403, f"This key may not use {scope['path']}.", "insufficient_scope")
        return key, self._too_much(key)

    def _too_much(self, key: Key) -> Response | None:
        if key.at_once and self._open[key.id] >= key.at_once:
            return refusal(429, f"This key may have {key.at_once} requests open.", "too_many_open", retry_seconds=1)
        if not key.a_minute:
            return None
        if (wait := self._pace.wait(key.id, key.a_minute)) > 0:
            said = f"This key may make {key.a_minute} requests a minute."
            return refusal(429, said, "rate_limit_exceeded", retry_seconds=math.ceil(wait))
        self._pace.count(key.id)
        return None


class Cors:
    """Lets pages of the named origins call the API, and nothing else that may be on the same port."""

    def __init__(self, app: ASGIApp, *, origins: Sequence[str]) -> None:
        self.app = app
        self._cors = CORSMiddleware(app, allow_origins=origins, allow_methods=["*"], allow_headers=["*"])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        chosen = self._cors if scope["type"] == "http" and scope["path"].startswith("/v1/") else self.app
        await chosen(scope, receive, send)


class Record:
    """Counts every request and writes a line of it: who, what, when, how it ended. Never a word of a text."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics, headers: Mapping[str, str] = HEADERS) -> None:
        self.app, self.metrics, self.headers = app, metrics, headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        id, start, status = secrets.token_hex(8), time.perf_counter(), 0
        request_id.set(id)

        async def send_recorded(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message).update({**self.headers, "X-Request-Id": id})
            await send(message)

        try:
            await self.app(scope, receive, send_recorded)
        except Exception as error:  # noqa: BLE001 - starlette would answer, and then break the connection
            code, body, headers = answer_to(error)
            if not status:
                await JSONResponse(body, code, headers)(scope, receive, send_recorded)
        finally:
            seconds = time.perf_counter() - start
            route = getattr(scope.get("route"), "path", "other")
            status = scope.get("parley.failed", status or 500)
            self.metrics.requests.labels(route, str(status)).inc()
            self.metrics.seconds.labels(route).observe(seconds)
            audit.info("request", extra={"fields": _fields(scope, id, route, status, seconds)})


def refusal(status: int, message: str, code: str, *, retry_seconds: int = 0) -> Response:
    """An answer that says no."""
    kind = "rate_limit_error" if status == 429 else "invalid_request_error"
    headers = {"Retry-After": str(retry_seconds)} if retry_seconds else {}
    return JSONResponse(error_body(message, type=kind, code=code), status, headers)


def _fields(scope: Scope, id: str, route: str, status: int, seconds: float) -> dict[str, Any]:
    return {
        "request": id,
        "client": (scope.get("client") or ("",))[0],
        "key": scope.get("parley.key", ""),
        "method": scope["method"],
        "route": route,
        "status": status,
        "model": scope.get("parley.model", ""),
        "tokens": scope.get("parley.tokens", 0),
        "texts": scope.get("parley.texts", 0),
        "characters": scope.get("parley.characters", 0),
        "seconds": round(seconds, 4),
    }
