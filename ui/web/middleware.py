"""What surrounds every request: who may ask, the page's policy, and the script that each page runs first."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui.listening import LOOPBACK, name_in, refused_on_loopback

POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
"""The page may fetch from its own server alone. Gradio's front end needs inline scripts and eval."""
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # with none at all, browsers do not say where a form comes from
}


CLOSED = (
    "/gradio_api/file=http",
    "/gradio_api/file/http",
    "/gradio_api/proxy=",
    "/gradio_api/deep_link",
    "/gradio_api/startup-events",
    "/gradio_api/process_recording",
    "/gradio_api/dev",
    "/monitoring",
)
"""Routes of Gradio's that the page has no use for: some fetch from any address, some start the queue a second time."""


class Guard:
    """Where nobody has to log in, answers this machine alone (`refused_on_loopback`); what changes something comes
    from our own page; sends the page's policy."""

    def __init__(self, app: ASGIApp, *, host: str, guarded: bool, forwarded: bool = False) -> None:
        """guarded: whether people have to log in. forwarded: whether requests may come through a proxy where they do
        not."""
        self.app = app
        self.open = host in LOOPBACK and not guarded
        self.forwarded = forwarded

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        refused = self._refused(Request(scope))
        if refused is not None:
            await refused(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self.app(scope, receive, send_with_headers)

    def _refused(self, request: Request) -> Response | None:
        headers, path = request.headers, request.scope["path"]  # the URL's path would be the Host header's too
        if self.open and (why := refused_on_loopback(headers, forwarded=self.forwarded)):
            return PlainTextResponse(why, 403)
        if (host := headers.get("host")) and not name_in(host):
            return PlainTextResponse("The header Host names no host.", 400)
        if request.method not in ("GET", "HEAD", "OPTIONS") and not from_here(headers):
            return PlainTextResponse("This came from another site.", 403)
        return PlainTextResponse("Not Found", 404) if path.startswith(CLOSED) else None


def from_here(headers: Headers) -> bool:
    """Whether a browser says that our own page asks; programs say nothing, and have no cookie to lend."""
    if (site := headers.get("sec-fetch-site")) is not None:
        return site == "same-origin"
    origin = headers.get("origin")
    try:
        return origin is None or urlsplit(origin).netloc == headers.get("host")
    except ValueError:  # no browser calls a page so
        return False


class FirstScript:
    """Puts a script at the top of every page's head. Gradio's own `head` arrives when its front end already runs."""

    def __init__(self, app: ASGIApp, *, script: str) -> None:
        self.app = app
        self.top = f"<head><script>{script}</script>".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        page = scope["type"] == "http" and scope["method"] == "GET"
        if not page or "text/html" not in Headers(scope=scope).get("accept", ""):
            await self.app(scope, receive, send)
            return
        plain = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
        held: list[Message] = []

        async def send_with_script(message: Message) -> None:
            if message["type"] == "http.response.start":
                if Headers(scope=message).get("content-type", "").startswith("text/html"):
                    held.append(message)
                    return
            elif held and message["type"] == "http.response.body":
                held.append(message)
                if message.get("more_body"):
                    return
                start, *parts = held
                body = b"".join(part.get("body", b"") for part in parts).replace(b"<head>", self.top, 1)
                MutableHeaders(scope=start)["content-length"] = str(len(body))
                await send(start)
                message = {"type": "http.response.body", "body": body}
            await send(message)

        await self.app({**scope, "headers": plain}, receive, send_with_script)
