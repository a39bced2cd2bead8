"""The web app: pages, the stream of running replies, and the server that carries them."""

from __future__ import annotations

import os
import threading
import warnings
import webbrowser
from typing import Any

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # before gradio is imported
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.pop("GRADIO_SERVER_PORT", None)  # of a server of Gradio's own, whose import fails at what is no number
os.environ.pop("GRADIO_NUM_PORTS", None)

from ui.web.stubs import no_stubs

with no_stubs():
    import gradio as gr
import uvicorn
from fastapi import FastAPI
from gradio.components import Navbar
from starlette.middleware.cors import CORSMiddleware

from assistant.errors import BadSettings
from assistant.service import Assistant
from ui.accounts import Accounts
from ui.announcing import Announcing
from ui.listening import KEEP_ALIVE_SECONDS, LOOPBACK, check_port
from ui.web import theme
from ui.web.chat import build_chat
from ui.web.compare_page import build_compare
from ui.web.evaluate_page import build_evaluate
from ui.web.keeping import file_routes
from ui.web.lab_page import build_lab
from ui.web.lab_view import lab_routes
from ui.web.login import add_login, is_admin, only_known, person
from ui.web.middleware import FirstScript, Guard
from ui.web.models_page import build_models
from ui.web.stream import follow_route
from ui.web.text_page import build_text
from ui.web.train_page import build_train
from ui.web.uploads import CHECKED_SECONDS, KEPT_SECONDS, refuse_others

QUEUE_POLL_SECONDS = 0.03
"""How often Gradio's queue looks for events. Its own millisecond costs 4 % of a core, which the engine needs."""


class Pages(gr.Blocks):
    """Every page. However an event is asked for, it names uploaded files alone, and what pages for administrators do is
    done for them alone."""

    async def process_api(self, block_fn: Any, inputs: Any, *args: Any, request: Any = None, **more: Any) -> Any:
        refuse_others(inputs)
        called = self.fns[block_fn] if isinstance(block_fn, int) else block_fn
        if called.page.strip("/") in theme.FOR_ADMINS and not is_admin(request):
            raise gr.Error("This is for administrators.")
        return await super().process_api(block_fn, inputs, *args, request=request, **more)


def build(assistant: Assistant, *, login: bool = False) -> gr.Blocks:
    """Every page of the web app. login: people log in."""
    with Pages(title="Parley", analytics_enabled=False, delete_cache=(CHECKED_SECONDS, KEPT_SECONDS)) as page:
        build_bar("Chat", login=login)
        build_chat(assistant, page)
    with page.route("Text", "/text"):
        build_bar("Text", login=login)
        build_text(assistant, page)
    with page.route("Compare", "/compare"):
        build_bar("Compare", login=login)
        build_compare(assistant)
    with page.route("Train", "/train"):
        build_bar("Train", login=login)
        build_train(assistant, page)
    with page.route("Evaluate", "/evaluate"):
        build_bar("Evaluate", login=login)
        build_evaluate(assistant, page)
    with page.route("Lab", "/lab"):
        build_bar("Lab", login=login)
        build_lab(assistant, page)
    with page.route("Models", "/models"):
        build_bar("Models", login=login)
        build_models(assistant, page)
    return page


def build_bar(here: str, *, login: bool) -> None:
    """The bar above every page."""
    Navbar(visible=False)
    gr.HTML(theme.header(here, login=login), js_on_load=theme.script("header"), apply_default_css=False, elem_id="bar")


def create_app(
    assistant: Assistant,
    host: str = "127.0.0.1",
    accounts: Accounts | None = None,
    *,
    https: bool = False,
    forwarded: bool = False,
) -> FastAPI:
    """The ASGI app: our routes, and Gradio's pages under them. accounts: who may log in; without, nobody has to.
    https: TLS is spoken before it. forwarded: whether requests may come through a proxy though nobody has to log in."""
    app = FastAPI(title="Parley", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_api_route("/parley/replies/{id}", follow_route(assistant), methods=["GET"], include_in_schema=False)
    app.router.routes.extend([*file_routes(assistant), *lab_routes()])
    app.add_middleware(FirstScript, script="".join(map(theme.script, ("early", "streams", "held"))))
    if accounts is not None:
        add_login(app, accounts, https=https)
    app.add_middleware(CORSMiddleware, allow_origins=[])  # Gradio would admit every origin on some addresses
    app.add_middleware(Guard, host=host, guarded=accounts is not None, forwarded=forwarded)
    warnings.filterwarnings("ignore", message="SSR mode is not supported")  # nobody asked for it
    page = build(assistant, login=accounts is not None)
    mounted = gr.mount_gradio_app(
        app,
        page,
        path="/",
        server_name=host,
        footer_links=[],
        run_history=False,
        theme=theme.theme(),
        css_paths=theme.style_sheets(),
        max_file_size="50mb",
        ssr_mode=False,
        show_error=True,
        enable_monitoring=False,
    )
    page._queue.sleep_when_free = QUEUE_POLL_SECONDS  # pyright: ignore[reportPrivateUsage]
    return mounted


def launch(
    *, host: str = "127.0.0.1", port: int = 7860, open_browser: bool = True, auth: str = "auto", https: bool = False
) -> None:
    """Serve the page until Ctrl-C. auth: "login", "none", or "auto": a login as soon as other machines reach the page.
    https: a proxy before it speaks TLS.

    Raises UserError where the port is taken, BadSettings where people have to log in and there are none.
    """
    accounts = door(host, auth)
    check_port(host, port)
    assistant = assistant_for(accounts)
    assistant.start_pulls()
    assistant.preload()
    config = uvicorn.Config(
        create_app(assistant, host, accounts, https=https, forwarded=auth == "none"),
        host=host,
        port=port,
        log_level="warning",
        timeout_graceful_shutdown=2,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )
    who = "" if host in LOOPBACK else ", for who logs in" if accounts else ", for EVERYONE who can reach it"

    def listening(address: str) -> None:
        print(f"Parley is at {address}{who}  (Ctrl-C ends it)", flush=True)  # noqa: T201
        if open_browser:
            threading.Thread(target=webbrowser.open, args=[address], daemon=True).start()

    try:
        Announcing(config, listening).run()
    finally:
        assistant.close()


def assistant_for(accounts: Accounts | None) -> Assistant:
    """The assistant of the page: one for all, or with a store for each person who logs in."""
    return Assistant(whose=person, only_known=only_known) if accounts else Assistant()


def door(host: str, auth: str) -> Accounts | None:
    """Who may log in; None where nobody has to. Raises BadSettings."""
    if auth not in ("auto", "login", "none"):
        raise BadSettings(f"--auth is auto, login or none, not {auth}.")
    if auth == "none" or (auth == "auto" and host in LOOPBACK):
        return None
    accounts = Accounts()
    if not accounts.list():
        raise BadSettings(
            "Other machines would reach the page, and there is nobody who could log in.",
            hint="`parley accounts add NAME --role admin` adds you; --auth none lets everyone in who can reach it.",
        )
    return accounts
