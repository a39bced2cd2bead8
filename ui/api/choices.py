"""Replies as OpenAI's protocol writes them down: the choices of a chat completion, or of a text completion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from assistant.engines.protocol import Delta, TokenProbability, Usage

UNLIKELY = -9999.0
"""What OpenAI's protocol says of a token that cannot come; JSON has no infinity."""


@dataclass
class Written:
    """One reply, put together."""

    text: list[str] = field(default_factory=list[str])
    probabilities: list[TokenProbability] = field(default_factory=list[TokenProbability])
    calls: dict[int, dict[str, Any]] = field(default_factory=dict[int, dict[str, Any]])
    usage: Usage | None = None

    def add(self, delta: Delta) -> None:
        """Take a piece on."""
        self.text.append(delta.text)
        self.probabilities.extend(delta.probabilities)
        for part in delta.tool_calls:
            call = self.calls.setdefault(part.index, _call(part.id, "", ""))
            call["id"] = call["id"] or part.id
            call["function"]["name"] += part.name
            call["function"]["arguments"] += part.arguments
        self.usage = delta.usage or self.usage

    @property
    def finish(self) -> str:
        """In OpenAI's words."""
        reason = self.usage.finish if self.usage else "stop"
        return "stop" if reason == "cancelled" else reason


class Chat:
    """How chat completions are written down."""

    kind, chunk, prefix = "chat.completion", "chat.completion.chunk", "chatcmpl-"

    def __init__(self, alternatives: int) -> None:
        self.alternatives = alternatives

    def whole(self, number: int, written: Written) -> dict[str, Any]:
        """A choice."""
        text = "".join(written.text)
        message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None}
        if written.calls:
            message |= {"content": text or None, "tool_calls": [written.calls[n] for n in sorted(written.calls)]}
        shown = self._logprobs(written.probabilities)
        return {"index": number, "message": message, "logprobs": shown, "finish_reason": written.finish}

    def begin(self, number: int) -> dict[str, Any] | None:
        """The first chunk of a choice."""
        return {"index": number, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}

    def piece(self, number: int, written: Written, *, last: bool) -> dict[str, Any]:
        """A chunk of a choice."""
        delta: dict[str, Any] = {"content": "".join(written.text)} if any(written.text) else {}
        if written.calls:
            parts = ({"index": n, **call} for n, call in written.calls.items())
            delta["tool_calls"] = [part if part["id"] else _without_name(part) for part in parts]
        shown = self._logprobs(written.probabilities)
        return {"index": number, "delta": delta, "logprobs": shown, "finish_reason": written.finish if last else None}

    def _logprobs(self, probabilities: Sequence[TokenProbability]) -> dict[str, Any] | None:
        if not probabilities:
            return None
        return {
            "content": [
                _token(each.text, each.logprob)
                | {"top_logprobs": [_token(*other) for other in each.alternatives[: self.alternatives]]}
                for each in probabilities
            ],
            "refusal": None,
        }


class Plain:
    """How text completions are written down."""

    kind, chunk, prefix = "text_completion", "text_completion", "cmpl-"

    def whole(self, number: int, written: Written) -> dict[str, Any]:
        """A choice."""
        return self.piece(number, written, last=True)

    def begin(self, number: int) -> dict[str, Any] | None:
        """Nothing: the text itself is the first chunk."""
        return None

    def piece(self, number: int, written: Written, *, last: bool) -> dict[str, Any]:
        """A chunk of a choice."""
        text = "".join(written.text)
        return {"index": number, "text": text, "logprobs": None, "finish_reason": written.finish if last else None}


def _call(id: str, name: str, arguments: str) -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def _without_name(part: dict[str, Any]) -> dict[str, Any]:
    """A later chunk of a call: its arguments alone."""
    return {"index": part["index"], "function": {"arguments": part["function"]["arguments"]}}


def _token(text: str, logprob: float | None) -> dict[str, Any]:
    told = logprob if logprob is not None and logprob > UNLIKELY else UNLIKELY
    return {"token": text, "logprob": told, "bytes": list(text.encode())}
