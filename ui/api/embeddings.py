"""/v1/embeddings: many clients' texts go through the encoder together."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import orjson
from fastapi import APIRouter, Request
from openai.types.create_embedding_response import Usage
from pydantic import BaseModel
from starlette.responses import Response

from assistant.engines.protocol import Capability
from ui.api.failures import DOCUMENTED
from ui.api.schema import EmbeddingRequest
from ui.api.state import State
from ui.api.turns import Busy, Line, NoRoom
from ui.api.work import unless_gone

if TYPE_CHECKING:
    import numpy as np

MOST_TOGETHER = 256
"""Texts that go through the encoder at once: those of the next requests do not wait longer for it."""


class Row(BaseModel):
    """The embedding of a text: numbers, or float32 in base64 where that was asked for."""

    object: str = "embedding"
    index: int
    embedding: list[float] | str


class Embeddings(BaseModel):
    """What comes back, as OpenAI's CreateEmbeddingResponse."""

    object: str = "list"
    data: list[Row]
    model: str
    usage: Usage


@dataclass(eq=False)
class _Asked:
    texts: Sequence[str]
    rows: asyncio.Future[tuple[np.ndarray, int]]


class Gathering:
    """Texts for one encoder. While it reads some, the next gather, fairly between users; nobody waits for a timer."""

    def __init__(self, state: State, model: str) -> None:
        self._state, self._model = state, model
        self._waiting: Line[_Asked] = Line(max(1, state.serving.waiting))
        self._reader: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, "embeddings")
        """Of its own: each thread that computes has helpers that spin for a while when it is done."""

    async def embed(self, texts: Sequence[str], user: str) -> tuple[np.ndarray, int]:
        """(unit-length embeddings (text, dimension) float32, tokens read). Raises Busy where too many wait."""
        asked = _Asked(texts, asyncio.get_running_loop().create_future())
        try:
            loser = self._waiting.put(user, asked)
        except NoRoom:
            raise Busy(1) from None
        if loser is not None:
            _fail(loser, Busy(1))
        if self._reader is None or self._reader.done():
            self._reader = asyncio.create_task(self._read())
        try:
            return await asked.rows
        finally:
            self._waiting.leave(user, asked)

    async def _read(self) -> None:
        while self._waiting:
            some: list[_Asked] = []
            while self._waiting and (not some or sum(len(a.texts) for a in some) < MOST_TOGETHER):
                some.append(self._waiting.next())
            try:
                async with self._state.reading.turn(""):
                    await self._answer(some)
            except Exception as error:  # noqa: BLE001 - it belongs to those who asked
                for asked in some:
                    _fail(asked, error)

    async def _answer(self, some: Sequence[_Asked]) -> None:
        loop = asyncio.get_running_loop()
        try:
            rows, counts = await loop.run_in_executor(self._thread, self._rows, [a.texts for a in some])
        except Exception as error:  # noqa: BLE001 - it belongs to those who asked
            if len(some) == 1:
                _fail(some[0], error)
                return
            for asked in some:  # one request's text stands in the way of none but its own
                await self._answer([asked])
            return
        at = 0
        for asked, count in zip(some, counts, strict=True):
            ends = at + len(asked.texts)
            if not asked.rows.done():
                asked.rows.set_result((rows[at:ends], count))
            at = ends

    def _rows(self, requests: Sequence[Sequence[str]]) -> tuple[np.ndarray, list[int]]:
        """(embeddings of all texts in order, tokens of each request)."""
        engine = self._state.assistant.engine(self._model, capability=Capability.EMBED)
        rows, counts = engine.embed_counted([text for texts in requests for text in texts])
        each = iter(counts)
        return rows, [sum(islice(each, len(texts))) for texts in requests]


def embedding_routes(state: State) -> APIRouter:
    """The route."""
    router = APIRouter(tags=["OpenAI"], responses=DOCUMENTED)
    gatherings: dict[str, Gathering] = {}

    @router.post("/v1/embeddings", response_model=Embeddings)
    async def embeddings(body: EmbeddingRequest, request: Request) -> Response:
        """Embeddings of unit length."""
        texts = [body.input] if isinstance(body.input, str) else body.input
        model = state.key(body.model) or state.assistant.task_model("embed").key
        gathering = gatherings.setdefault(model, Gathering(state, model))
        work = gathering.embed(texts, request.scope.get("parley.client", ""))
        rows, tokens = await unless_gone(request, state.before(state.deadline(), work))
        state.metrics.tokens.labels(model, "prompt").inc(tokens)
        request.scope["parley.model"], request.scope["parley.tokens"] = model, tokens
        data = [
            {"object": "embedding", "index": n, "embedding": _written(row, body.encoding_format)}
            for n, row in enumerate(rows)
        ]
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        answer = {"object": "list", "data": data, "model": model, "usage": usage}
        # orjson writes NumPy's numbers as they are: of a thousand texts json would hold the event loop for a second.
        return Response(orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY), media_type="application/json")

    return router


def _written(row: np.ndarray, encoding: str | None) -> Any:
    return base64.b64encode(row.astype("<f4").tobytes()).decode() if encoding == "base64" else row


def _fail(asked: _Asked, error: Exception) -> None:
    if not asked.rows.done():
        asked.rows.set_exception(error)
