"""/v1/embeddings: many clients' texts go through the encoder together, and a long request is read in parts."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import orjson
from fastapi import APIRouter, Request
from openai.types.create_embedding_response import Usage
from pydantic import BaseModel
from starlette.responses import Response

from assistant.errors import TextTooLong
from ui.api.failures import DOCUMENTED
from ui.api.gathering import PART_CHARACTERS, Gatherings
from ui.api.schema import EmbeddingRequest
from ui.api.state import State
from ui.api.work import unless_gone

if TYPE_CHECKING:
    import numpy as np

MOST_CHARACTERS = 1_200_000
"""Of a request: OpenAI's own limit is 300,000 tokens, which are about as many."""


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


def embedding_routes(state: State) -> APIRouter:
    """The route."""
    router = APIRouter(tags=["OpenAI"], responses=DOCUMENTED)
    gatherings = Gatherings(state.assistant, state.reading, state.serving.waiting)
    state.metrics.watch("embeddings", gatherings)

    @router.post("/v1/embeddings", response_model=Embeddings)
    async def embeddings(body: EmbeddingRequest, request: Request) -> Response:
        """Embeddings of unit length."""
        texts = [body.input] if isinstance(body.input, str) else body.input
        check_length(texts)
        model = state.key(body.model, "embed") or state.assistant.task_model("embed").key
        request.scope["parley.model"] = model
        ends, user = state.deadline(request), request.scope.get("parley.client", "")
        rows, tokens = await unless_gone(request, state.before(ends, gatherings.of(model).embed(texts, user)))
        state.metrics.tokens.labels(model, "prompt").inc(tokens)
        request.scope["parley.tokens"] = tokens
        data = [
            {"object": "embedding", "index": n, "embedding": _written(row, body.encoding_format)}
            for n, row in enumerate(rows)
        ]
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        answer = {"object": "list", "data": data, "model": model, "usage": usage}
        # orjson writes NumPy's numbers as they are: of a thousand texts json would hold the event loop for a second.
        return Response(orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY), media_type="application/json")

    return router


def check_length(texts: Sequence[str]) -> None:
    """Raise TextTooLong for more than one request may have read: nobody could read it within minutes."""
    longest, total = max(map(len, texts)), sum(map(len, texts))
    if longest > PART_CHARACTERS:
        said = f"A text has {longest:,} characters; {PART_CHARACTERS:,} can be embedded as one."
        raise TextTooLong(said, hint="Embed it in pieces.")
    if total > MOST_CHARACTERS:
        said = f"These texts have {total:,} characters; a request may have {MOST_CHARACTERS:,}."
        raise TextTooLong(said, hint="Send several requests.")


def _written(row: np.ndarray, encoding: str | None) -> Any:
    return base64.b64encode(row.astype("<f4").tobytes()).decode() if encoding == "base64" else row
