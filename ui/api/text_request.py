"""What the text tasks are asked: /v1/sentiment, /v1/translate and /v1/summarize."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ui.api.schema import Body, Model, Texts

MOST_TERMS = 1000
"""Of a glossary: each sentence is searched for all of them."""
Term = Annotated[str, Field(min_length=1, max_length=200)]


class SentimentRequest(Body):
    """POST /v1/sentiment."""

    model: Model = None
    input: Texts
    explain: bool = False


class TranslateRequest(Body):
    """POST /v1/translate. Languages by name or ISO 639-1 code; without `source` it is detected."""

    model: Model = None
    input: Texts
    target: Annotated[str, Field(min_length=2, max_length=40)]
    source: Annotated[str | None, Field(min_length=2, max_length=40)] = None
    glossary: Annotated[dict[Term, Term], Field(max_length=MOST_TERMS)] = Field(default_factory=dict)
    formality: Literal["", "formal", "informal"] = ""


class SummarizeRequest(Body):
    """POST /v1/summarize."""

    model: Model = None
    input: Texts
    sentences: Annotated[int | None, Field(ge=1, le=1000)] = None
    share: Annotated[float | None, Field(gt=0, le=1)] = None
    way: Literal["extractive", "abstractive"] | None = None
