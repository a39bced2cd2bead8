"""An engine without a model, for tests and for people who build on Parley."""

from __future__ import annotations

import copy
import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from string import ascii_lowercase
from typing import TYPE_CHECKING

from assistant.engines.forms import FinishReason, Form, ToolCallPart
from assistant.engines.protocol import (
    Capability,
    Delta,
    Engine,
    Message,
    Prompt,
    Rewriting,
    Sampling,
    Score,
    ScoreRequest,
    Span,
    TokenProbability,
    Usage,
)
from assistant.errors import TextTooLong

if TYPE_CHECKING:
    import numpy as np


class FakeEngine(Engine):
    """Replies with what `reply` makes of the messages, one word a token, at `seconds_per_token`."""

    name = "fake"
    capabilities = frozenset(Capability)
    template_hash = "fake"

    def __init__(
        self,
        reply: str | Callable[[Sequence[Message]], str] = lambda messages: f"You said: {messages[-1].content}",
        *,
        model: str = "fake",
        context_length: int = 4096,
        seconds_per_token: float = 0.0,
    ) -> None:
        self.reply = reply
        self.model = model
        self.context_length = context_length
        self.seconds_per_token = seconds_per_token

    def carries(self, adapter: Path) -> bool:
        return True

    def with_adapter(self, adapter: Path, model: str) -> FakeEngine:
        """Itself, under the adapter's name."""
        view = copy.copy(self)
        view.model = model
        return view

    def generate(
        self,
        messages: Prompt,
        sampling: Sampling,
        *,
        probabilities: int = 0,
        cancel: threading.Event | None = None,
        form: Form | None = None,
    ) -> Iterator[Delta]:
        messages = [Message("user", messages)] if isinstance(messages, str) else messages
        start = time.perf_counter()
        prompt_tokens = self.count_tokens(messages)
        if prompt_tokens >= self.context_length:
            raise TextTooLong(f"The text has {prompt_tokens} tokens, the model reads {self.context_length}.")
        text = self.reply if isinstance(self.reply, str) else self.reply(messages)
        if form is not None and form.tools and form.tool_choice != "none":
            call = ToolCallPart(0, "call-1", form.tools[0]["function"]["name"], json.dumps({"said": text}))
            yield Delta("", tokens=1, tool_calls=(call,))
            yield Delta("", usage=Usage(prompt_tokens, 1, time.perf_counter() - start, 0.0, "tool_calls"))
            return
        if form is not None and form.schema is not None:
            text = json.dumps({"said": text})
        words = re.findall(r"\s*\S+", text)
        finish: FinishReason = "stop"
        first = 0.0
        sent = 0
        for word in words:
            if self.seconds_per_token:
                time.sleep(self.seconds_per_token)
            if cancel is not None and cancel.is_set():
                finish = "cancelled"
                break
            if sent == sampling.max_tokens:
                finish = "length"
                break
            sent += 1
            first = first or time.perf_counter() - start
            shown = (TokenProbability(word, -0.1, ((word, -0.1),)),) if probabilities else ()
            yield Delta(word, tokens=1, probabilities=shown)
        yield Delta("", usage=Usage(prompt_tokens, sent, time.perf_counter() - start, first, finish))

    def count_tokens(self, messages: Sequence[Message]) -> int:
        return sum(len(message.content.split()) + 4 for message in messages)

    def score(self, requests: Sequence[ScoreRequest]) -> list[Score]:
        """Each word costs its length: shorter continuations are likelier."""
        return [
            Score(
                -float(len(r.continuation)), tuple(-float(len(word)) for word in r.continuation.split()), greedy=False
            )
            for r in requests
        ]

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Letters, counted: texts of the same letters are alike."""
        import numpy as np

        rows = np.array([[text.lower().count(letter) for letter in ascii_lowercase] for text in texts], np.float32)
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)

    def classify(self, texts: Sequence[str]) -> list[dict[str, float]]:
        """Positive for each "good", negative for each "bad", else neutral."""
        found: list[dict[str, float]] = []
        for text in texts:
            good, bad = text.lower().count("good"), text.lower().count("bad")
            total = good + bad + 0.5
            found.append({"negative": bad / total, "neutral": 0.5 / total, "positive": good / total})
        return found

    def text2text(self, texts: Sequence[str], asked: Rewriting, *, cancel: threading.Event | None = None) -> list[str]:
        """Each text in capitals."""
        return [text.upper() for text in texts]

    def answer(self, question: str, passages: Sequence[str]) -> Span | None:
        """The first word."""
        words = re.match(r"\S+", passages[0])
        return Span(0, 0, words.end(), 1.0) if words else None
