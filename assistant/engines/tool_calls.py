"""Tool calls by a model that is held to JSON: for runtimes that can hold it to a schema, and no more.

Told in the system message, so that it works with any chat template.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from assistant.engines.forms import Form, ToolCallPart
from assistant.engines.protocol import Message
from assistant.errors import BadSettings

TOLD = """You answer by calling one of these functions. Write a JSON object with its name and its arguments.

{tools}"""


def forced(form: Form | None) -> bool:
    """Whether the reply has to be a call: nothing else may be written then."""
    return form is not None and bool(form.tools) and form.tool_choice not in ("auto", "none")


def choices(form: Form) -> list[Mapping[str, Any]]:
    """The functions that may be called."""
    found = [tool["function"] for tool in form.tools]
    if isinstance(form.tool_choice, Mapping):
        found = [each for each in found if each["name"] == form.tool_choice["function"]["name"]]
    return found


def call_schema(form: Form) -> dict[str, Any]:
    """A JSON Schema of a call: {"name", "arguments"}. Definitions that arguments refer to move to its root."""
    shared: dict[str, Any] = {}
    calls: list[dict[str, Any]] = []
    for each in choices(form):
        arguments = dict(each.get("parameters") or {"type": "object"})
        for key in ("$defs", "definitions"):
            own, all_of_them = arguments.pop(key, {}), shared.setdefault(key, {})
            if not isinstance(own, dict) or any(all_of_them.get(name, own[name]) != own[name] for name in own):
                raise BadSettings(f"{key} of {each['name']} is no object, or differs from another tool's of that name.")
            all_of_them.update(own)
        fields = {"name": {"const": each["name"]}, "arguments": arguments}
        calls.append({"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False})
    one = calls[0] if len(calls) == 1 else {"anyOf": calls}
    return one | {key: value for key, value in shared.items() if value}


def told(messages: Sequence[Message], form: Form) -> list[Message]:
    """The conversation with the functions told in its system message; earlier calls and answers are put in words."""
    tools = "\n".join(json.dumps(each, ensure_ascii=False) for each in choices(form))
    text = TOLD.format(tools=tools)
    system = [message.content for message in messages[:1] if message.role == "system"]
    return [Message("system", "\n\n".join([*system, text])), *(_plain(m) for m in messages[len(system) :])]


def read(text: str) -> ToolCallPart | None:
    """The call that a model wrote; None where it was cut off."""
    try:
        found = json.loads(text)
        return ToolCallPart(0, "", found["name"], json.dumps(found["arguments"], ensure_ascii=False))
    except (ValueError, TypeError, KeyError):
        return None


def _plain(message: Message) -> Message:
    if message.role == "tool":
        return Message("user", f"The function returned: {message.content}")
    if message.tool_calls:
        calls = "\n".join(json.dumps({"name": c.name, "arguments": c.arguments}) for c in message.tool_calls)
        return replace(message, content=f"{message.content}\n{calls}".strip(), tool_calls=())
    return message
