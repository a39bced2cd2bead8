"""/v1/sentiment, /v1/translate, /v1/summarize: the text tasks, for one text or many."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel

from assistant.languages import code
from assistant.tasks.summary import Length
from ui.api.failures import DOCUMENTED
from ui.api.state import State
from ui.api.text_request import SentimentRequest, SummarizeRequest, TranslateRequest
from ui.api.turns import Turns
from ui.objects import sentiment_object, summary_object, translation_object

DEFAULT_SENTENCES = 3


class Found(BaseModel):
    """An object for each text, in their order, as `parley … --json` prints it."""

    object: str = "list"
    data: list[dict[str, Any]]


def text_routes(state: State) -> APIRouter:
    """The three routes."""
    router = APIRouter(tags=["Texts"], responses=DOCUMENTED)
    assistant = state.assistant

    async def each(
        request: Request,
        task: str,
        given: str | Sequence[str],
        work: Callable[[str, threading.Event], dict[str, Any]],
        line: Turns,
        model: str | None,
    ) -> dict[str, Any]:
        texts = [given] if isinstance(given, str) else given
        noted = {"model": model or "", "texts": len(texts), "characters": sum(map(len, texts))}
        request.scope.update({f"parley.{name}": value for name, value in noted.items()})

        def all_of_them(cancel: threading.Event) -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = []
            for text in texts:
                if cancel.is_set():
                    break
                found.append(work(text, cancel))
            return found

        data = await state.result(request, all_of_them, line)
        if models := dict.fromkeys(each["model"] for each in data if "model" in each):  # each language has its own
            request.scope["parley.model"] = ", ".join(models)
        state.metrics.texts.labels(task).inc(len(texts))
        return {"object": "list", "data": [{"index": n, **found} for n, found in enumerate(data)]}

    @router.post("/v1/sentiment", response_model=Found)
    async def sentiment(body: SentimentRequest, request: Request) -> Any:
        """How texts feel, as a whole and sentence by sentence; `explain` adds the words that carried it."""
        model = state.key(body.model, "sentiment") or assistant.task_model("sentiment").key

        def work(text: str, cancel: threading.Event) -> dict[str, Any]:
            return sentiment_object(assistant.sentiment(text, model=model, explain=body.explain))

        return await each(request, "sentiment", body.input, work, state.reading, model)

    @router.post("/v1/translate", response_model=Found)
    async def translate(body: TranslateRequest, request: Request) -> Any:
        """Translate texts, with what did not come through."""
        model, target = state.key(body.model, "translate"), code(body.target)
        source = code(body.source) if body.source else None
        wishes: dict[str, Any] = {"glossary": body.glossary, "formality": body.formality}

        def work(text: str, cancel: threading.Event) -> dict[str, Any]:
            order = assistant.order(text, target, source, **wishes)
            return translation_object(assistant.translation(text, order, model=model, cancel=cancel))

        return await each(request, "translate", body.input, work, state.reading, model)

    @router.post("/v1/summarize", response_model=Found)
    async def summarize(body: SummarizeRequest, request: Request) -> Any:
        """Summarise texts; each sentence comes with what supports it."""
        model = state.key(body.model, "summarize")
        length = Length(body.sentences or (None if body.share is not None else DEFAULT_SENTENCES), body.share)

        def work(text: str, cancel: threading.Event) -> dict[str, Any]:
            return summary_object(assistant.summarize(text, length, way=body.way, model=model, cancel=cancel))

        return await each(request, "summarize", body.input, work, state.writing, model)

    return router
