"""The web app: pages, the stream of running replies, and the server that carries them."""

from __future__ import annotations

import os
import threading
import warnings
import webbrowser

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # before gradio is imported
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

from ui.web.stubs import no_stubs

with no_stubs():
    import gradio as gr
import uvicorn
from fastapi import FastAPI
from gradio.components import Navbar

from assistant.service import Assistant
from ui.listening import check_port
from ui.web import theme
from ui.web.chat import build_chat
from ui.web.compare_page import build_compare
from ui.web.evaluate_page import build_evaluate
from ui.web.keeping import file_routes
from ui.web.lab_page import build_lab
from ui.web.lab_view import lab_routes
from ui.web.middleware import FirstScript, Guard
from ui.web.models_page import build_models
from ui.web.stream import follow_route
from ui.web.text_page import build_text
from ui.web.train_page import build_train

QUEUE_POLL_SECONDS = 0.03
"""How often Gradio's queue looks for events. Its own millisecond costs 4 % of a core, which the engine needs."""


def build(assistant: Assistant) -> gr.Blocks:
    """Every page of the web app."""
    with gr.Blocks(title="Parley", analytics_enabled=False) as page:
        build_bar("Chat")
        build_chat(assistant, page)
    with page.route("Text", "/text"):
        build_bar("Text")
        build_text(assistant, page)
    with page.route("Compare", "/compare"):
        build_bar("Compare")
        build_compare(assistant)
    with page.route("Train", "/train"):
        build_bar("Train")
        build_train(assistant, page)
    with page.route("Evaluate", "/evaluate"):
        build_bar("Evaluate")
        build_evaluate(assistant, page)
    with page.route("Lab", "/lab"):
        build_bar("Lab")
        build_lab(assistant, page)
    with page.route("Models", "/models"):
        build_bar("Models")
        build_models(assistant, page)
    return page


def build_bar(here: str) -> None:
    """The bar above every page."""
    Navbar(visible=False)
    gr.HTML(theme.header(here), js_on_load=theme.script("header"), apply_default_css=False, elem_id="bar")


def create_app(assistant: Assistant, host: str = "127.0.0.1") -> FastAPI:
    """The ASGI app: our routes, and Gradio's pages under them."""
    app = FastAPI(title="Parley", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_api_route("/parley/replies/{id}", follow_route(assistant), methods=["GET"], include_in_schema=False)
    app.router.routes.extend([*file_routes(assistant), *lab_routes()])
    app.add_middleware(FirstScript, script=theme.script("early"))
    app.add_middleware(Guard, host=host)
    warnings.filterwarnings("ignore", message="SSR mode is not supported")  # nobody asked for it
    page = build(assistant)
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
    )
    page._queue.sleep_when_free = QUEUE_POLL_SECONDS  # pyright: ignore[reportPrivateUsage]
    return mounted


def launch(*, host: str = "127.0.0.1", port: int = 7860, open_browser: bool = True) -> None:
    """Serve the page until Ctrl-C. Raises UserError where the port is taken."""
    check_port(host, port)
    assistant = Assistant()
    assistant.start_pulls()
    assistant.preload()
    config = uvicorn.Config(
        create_app(assistant, host), host=host, port=port, log_level="warning", timeout_graceful_shutdown=2
    )
    server = uvicorn.Server(config)
    address = f"http://{host}:{port}"
    if open_browser:
        threading.Timer(1.0, webbrowser.open, [address]).start()
    print(f"Parley is at {address}  (Ctrl-C ends it)", flush=True)  # noqa: T201
    try:
        server.run()
    finally:
        assistant.close()
