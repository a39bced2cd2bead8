"""The door of the page: who is not logged in sees a form and nothing else.

A session is a signed cookie (starlette's), which scripts cannot read and other sites cannot use (SameSite=strict).
"""

from __future__ import annotations

import html
from contextvars import ContextVar
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from assistant.errors import StoreFailed
from ui.accounts import Account, Accounts, session_secret
from ui.pace import Pace
from ui.web import theme

TRIES_A_MINUTE = 10
"""That fail, for one name; ten times as many from one address, behind which may be a whole office."""
SESSION_SECONDS = 14 * 24 * 3600
_USER: ContextVar[str] = ContextVar("parley_user", default="")


def user() -> str:
    """The name of the person for whom this code runs; "" where nobody has to log in."""
    asked = _asked()
    return asked.scope.get("parley.user", "") if asked is not None else _USER.get()


def person() -> str:
    """The same where people log in. Raises StoreFailed where nobody has: nothing is anybody's then."""
    name = user()
    if not name:
        raise StoreFailed("Nobody is logged in here.", hint="Log in again.")
    return name


def only_known() -> bool:
    """Whether that person is none of the administrators, who alone name files and addresses of this machine."""
    return not is_admin(_asked())


def is_admin(request: Any) -> bool:
    """Whether the person behind one of Gradio's requests may do everything."""
    inner = getattr(request, "request", request)
    return inner is None or inner.scope.get("parley.role", "admin") == "admin"


def _asked() -> Any:
    """The request behind one of Gradio's events, which run in tasks of its own; None elsewhere."""
    from gradio.context import LocalContext

    asked: Any = LocalContext.request.get(None)
    return getattr(asked, "request", asked)


def add_login(app: Starlette, accounts: Accounts, *, https: bool = False) -> None:
    """Put the app behind a login. https: its cookie is sent over TLS alone."""
    app.add_middleware(Login, accounts=accounts)
    app.add_middleware(
        SessionMiddleware,
        secret_key=session_secret(),
        session_cookie="parley",
        max_age=SESSION_SECONDS,
        same_site="strict",
        https_only=https,
    )


class Login:
    """Asks for a name and a password; wants scope["session"]."""

    def __init__(self, app: ASGIApp, accounts: Accounts) -> None:
        self.app, self.accounts = app, accounts
        self._tries = Pace()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        answer = await self._answer(Request(scope, receive))
        if answer is not None:
            await answer(scope, receive, send)
            return
        token = _USER.set(scope["parley.user"])
        try:
            await self.app(scope, receive, send)
        finally:
            _USER.reset(token)

    async def _answer(self, request: Request) -> Response | None:
        """What is said instead of the page; None lets the request through."""
        path = request.scope["path"]
        if path == "/logout" and request.method == "POST":
            request.session.clear()
            return RedirectResponse("/login", 303)
        if path == "/login":
            return await self._login(request)
        account = await run_in_threadpool(self._who, request)
        if account is not None and path == "/parley/me":
            return JSONResponse({"name": account.name, "admin": account.role == "admin"})
        if account is None:
            request.session.clear()
            if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
                return RedirectResponse("/login", 303)
            return PlainTextResponse("Log in first.", 401)
        request.scope["parley.user"], request.scope["parley.role"] = account.name, account.role
        if account.role != "admin" and _is_for_admins(request):
            return HTMLResponse(_page("<p>This page is for administrators.</p><p><a href='/'>Back</a></p>"), 403)
        return None

    def _who(self, request: Request) -> Account | None:
        account = self.accounts.get(str(request.session.get("user", "")))
        return account if account is not None and account.stamp == request.session.get("stamp") else None

    async def _login(self, request: Request) -> Response:
        if request.method != "POST":
            return HTMLResponse(_page(_form()))
        try:
            form = await request.form(max_files=0, max_fields=4)
        except HTTPException as error:
            return PlainTextResponse(error.detail, 400)
        name, password = str(form.get("name", "")), str(form.get("password", ""))
        address = request.client.host if request.client else ""
        tries = {f"name {name}": TRIES_A_MINUTE, f"address {address}": 10 * TRIES_A_MINUTE}
        if any(self._tries.wait(*each) for each in tries.items()):
            return HTMLResponse(_page(_form("Too many tries. Wait a minute.")), 429, {"Retry-After": "60"})
        account = await run_in_threadpool(self.accounts.check, name, password)
        if account is None:
            for each in tries:
                self._tries.count(each)
            return HTMLResponse(_page(_form("Name or password is wrong.", name)), 401)
        request.session.clear()
        request.session.update(user=account.name, stamp=account.stamp)
        return RedirectResponse("/", 303)


def _is_for_admins(request: Request) -> bool:
    """Whether a page, or what belongs to one, is asked for: by its path, or as Gradio's front page has them."""
    first, *rest = request.scope["path"].strip("/").split("/")
    named = {first, request.query_params.get("page", "").strip("/"), rest[0] if first == "parley" and rest else ""}
    return bool(named & set(theme.FOR_ADMINS))


def _form(problem: str = "", name: str = "") -> str:
    said = f'<p role="alert">{html.escape(problem)}</p>' if problem else ""
    return (
        f'<form method="post" action="/login">{said}'
        f'<label>Name <input name="name" value="{html.escape(name)}" autocomplete="username" required></label>'
        '<label>Password <input name="password" type="password" autocomplete="current-password" required></label>'
        "<button>Log in</button></form>"
    )


def _page(body: str) -> str:
    styles = "".join(path.read_text("utf-8") for path in theme.style_sheets()[:1])
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Parley</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{styles}</style></head>"
        f'<body class="door"><main><h1>Parley</h1>{body}</main></body></html>'
    )
