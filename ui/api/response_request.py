"""What /v1/responses is asked, and the conversation that it means."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from assistant.engines.forms import Form, ToolCall
from assistant.engines.protocol import Message
from assistant.errors import BadSettings
from ui.api.schema import MOST_TOOLS, Body, JsonSchema, Model, Part, TextPart, checked_form, role_of, words


class Said(Part):
    """A message."""

    type: Literal["message"] = "message"
    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[TextPart]


class Called(Part):
    """A call that an earlier reply has made."""

    type: Literal["function_call"]
    call_id: str
    name: str
    arguments: str


class Returned(Part):
    """What a called function returned."""

    type: Literal["function_call_output"]
    call_id: str
    output: str


class FlatTool(Part):
    """A function that the model may call."""

    type: Literal["function"]
    name: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_.-]{1,64}$")]
    description: str | None = None
    parameters: JsonSchema | None = None
    strict: bool | None = None


class Format(Part):
    """What the reply has to be."""

    type: Literal["text", "json_object", "json_schema"] = "text"
    name: str | None = None
    schema_: Annotated[JsonSchema | None, Field(alias="schema")] = None


class TextFormat(Part):
    """How text is written."""

    format: Format | None = None


class ResponseRequest(Body):
    """POST /v1/responses."""

    model: Model = None
    input: Annotated[str, Field(min_length=1)] | Annotated[list[Called | Returned | Said], Field(min_length=1)]
    instructions: str | None = None
    max_output_tokens: Annotated[int | None, Field(ge=1, le=10_000_000)] = None
    temperature: Annotated[float | None, Field(ge=0, le=5)] = None
    top_p: Annotated[float | None, Field(gt=0, le=1)] = None
    stream: bool | None = False
    text: TextFormat | None = None
    tools: Annotated[list[FlatTool], Field(max_length=MOST_TOOLS)] | None = None
    tool_choice: Literal["auto", "none", "required"] | None = None
    previous_response_id: Annotated[None, Field(description="Nothing is kept: send the conversation as input.")] = None

    def messages(self) -> list[Message]:
        """The conversation; calls that follow one another belong to one message."""
        found = [Message("system", self.instructions)] if self.instructions else []
        items = [Said(role="user", content=self.input)] if isinstance(self.input, str) else self.input
        for item in items:
            if isinstance(item, Called):
                call = ToolCall(item.call_id, item.name, item.arguments)
                before = found.pop() if found and found[-1].tool_calls else Message("assistant", "")
                found.append(Message("assistant", before.content, (*before.tool_calls, call)))
            elif isinstance(item, Returned):
                found.append(Message("tool", item.output, tool_call_id=item.call_id))
            else:
                found.append(Message(role_of(item.role), words(item.content)))
        return found

    def form(self) -> Form | None:
        """What the reply has to be."""
        wanted = self.text.format if self.text else None
        schema = None if wanted is None or wanted.type == "text" else wanted.schema_ or {}
        if wanted is not None and wanted.type == "json_schema" and wanted.schema_ is None:
            raise BadSettings("text.format has no schema.")
        tools = [
            {"type": "function", "function": tool.model_dump(exclude_none=True, exclude={"type", "strict"})}
            for tool in self.tools or ()
        ]
        return checked_form(schema, tools, self.tool_choice)
