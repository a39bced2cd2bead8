"""The form that a reply is asked for in: JSON under a schema, or calls of tools. In the terms of OpenAI's protocol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

FinishReason = Literal["stop", "length", "tool_calls", "cancelled"]


@dataclass(frozen=True)
class ToolCall:
    """A model's wish that a tool be called. `arguments` is the JSON text that the model wrote: check it before use."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True)
class ToolCallPart:
    """A piece of a tool call as it is being written: what is new of the call number `index` of a reply."""

    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""


@dataclass(frozen=True)
class Form:
    """What a reply has to be. The engine holds the model to it while it writes; nothing is tried again.

    schema: a JSON Schema that the reply is an instance of; {} is any JSON object; None is free text.
    tools: what the model may call, each as {"type": "function", "function": {"name", "description", "parameters"}}.
    tool_choice: "auto", "none", "required", or {"type": "function", "function": {"name"}}.
    """

    schema: Mapping[str, Any] | None = None
    tools: tuple[Mapping[str, Any], ...] = ()
    tool_choice: str | Mapping[str, Any] = "auto"

    def fields(self) -> dict[str, Any]:
        """As a request of OpenAI's protocol has it."""
        found: dict[str, Any] = {}
        if self.schema is not None:
            named = {"name": "reply", "schema": dict(self.schema), "strict": True}
            kind = {"type": "json_schema", "json_schema": named} if self.schema else {"type": "json_object"}
            found["response_format"] = kind
        if self.tools:
            found |= {"tools": [dict(tool) for tool in self.tools], "tool_choice": self.tool_choice}
        return found


def finish_reason(told: str) -> FinishReason:
    """Why a reply ended, in a server's words."""
    return told if told in ("length", "tool_calls") else "stop"
