"""The API's application: its routes, what surrounds them, and what an operator asks of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, nullcontext
from typing import Any

from fastapi import APIRouter, FastAPI, HTTPException, Response
from fastapi.openapi.docs import get_swagger_ui_html
from openai.types import Model
from pydantic import BaseModel
from starlette.responses import HTMLResponse, JSONResponse
from starlette.staticfiles import StaticFiles

from assistant.heap import trim
from assistant.service import Assistant
from ui.api import failures
from ui.api.chat import chat_routes
from ui.api.embeddings import embedding_routes
from ui.api.guard import Cors, Guard, Record
from ui.api.keys import Keys
from ui.api.responses import response_routes
from ui.api.state import Serving, State
from ui.api.texts import text_routes

STARTED = int(time.time())
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
"""That an address under /v1 is answered in the API's shape for, where it is nobody's and the page would have it."""
TRIM_SECONDS = 60.0


class Models(BaseModel):
    """GET /v1/models."""

    object: str = "list"
    data: list[Model]


def create_api(
    assistant: Assistant, serving: Serving | None = None, *, keys: Keys | None = None, page: FastAPI | None = None
) -> FastAPI:
    """The ASGI app. `app.state.parley` is its State. page: the web page, which then has every other path."""
    state = State(assistant, serving or Serving())
    app = FastAPI(
        title="Parley",
        summary="Chat, embeddings and text tasks on your own machine, in OpenAI's protocol.",
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan(state, page),
    )
    app.state.parley = state
    for routes in (chat_routes, response_routes, embedding_routes, text_routes, _models, _health):
        app.include_router(routes(state), max_body_size=state.serving.body_bytes)
    failures.install(app)
    app.add_middleware(Guard, serving=state.serving, keys=keys or Keys())
    if state.serving.origins:
        app.add_middleware(Cors, origins=state.serving.origins)
    app.add_middleware(Record, metrics=state.metrics)
    _documented(app)
    if page is not None:
        app.add_api_route("/v1/{path:path}", _nothing, methods=METHODS, include_in_schema=False)
        app.mount("/", page)
    return app


def _documented(app: FastAPI) -> None:
    """GET /docs: swagger-ui over the schema, from this server, where FastAPI's own page comes from elsewhere."""

    def docs() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url="openapi.json",
            title="Parley",
            swagger_js_url="docs/static/swagger-ui-bundle.js",
            swagger_css_url="docs/static/swagger-ui.css",
            swagger_favicon_url="docs/static/favicon.png",
        )

    app.add_api_route("/docs", docs, include_in_schema=False)
    app.mount("/docs/static", StaticFiles(packages=[("fastapi_offline", "static")]))


def _nothing(path: str) -> None:
    raise HTTPException(404)


def _lifespan(state: State, page: FastAPI | None) -> Any:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        state.loop = asyncio.get_running_loop()
        trimming = asyncio.create_task(_trimming())
        try:
            # a mounted app is not told otherwise
            async with page.router.lifespan_context(page) if page else nullcontext():
                yield
        finally:
            trimming.cancel()
            state.closing = True
            state.threads.shutdown(wait=False, cancel_futures=True)

    return lifespan


async def _trimming() -> None:
    """Give memory back as long as the server is there."""
    while True:
        await asyncio.sleep(TRIM_SECONDS)
        await asyncio.to_thread(trim)


def _models(state: State) -> APIRouter:
    router = APIRouter(tags=["OpenAI"], responses=failures.DOCUMENTED)

    def described(key: str) -> dict[str, Any]:
        return {"id": key, "object": "model", "created": STARTED, "owned_by": "parley"}

    @router.get("/v1/models", response_model=Models)
    def models() -> Any:
        """The models that requests may name."""
        return {"object": "list", "data": [described(name) for name in state.served()]}

    @router.get("/v1/models/{model:path}", response_model=Model)
    def model(model: str) -> Any:
        """One of them."""
        state.found(model)
        return described(model)

    return router


def _health(state: State) -> APIRouter:
    router = APIRouter(tags=["Operation"])

    @router.get("/health", response_model=dict[str, str])
    async def health() -> Any:
        """Whether the process answers."""
        return {"status": "ok"}

    @router.get("/ready", response_model=dict[str, str], responses={503: {"model": failures.ErrorBody}})
    def ready() -> Any:
        """Whether a request would be answered: a model is here, and the server is not closing."""
        if state.closing:
            return JSONResponse(failures.error_body("The server is closing.", type="server_error"), 503)
        entry = next(iter(state.named.values()), None) or state.assistant.find()
        missing = state.assistant.missing("chat", entry.key) if "chat" in getattr(entry, "tasks", ()) else []
        if missing:
            said = f"{missing[0].key} is not on this machine yet."
            return JSONResponse(failures.error_body(said, type="server_error"), 503)
        return {"status": "ready"}

    @router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
    async def metrics() -> Response:  # on the loop, which alone changes the lines
        """Counters and gauges in Prometheus' text format."""
        state.metrics.loaded.set(len(state.assistant.loaded()))
        return Response(state.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return router
