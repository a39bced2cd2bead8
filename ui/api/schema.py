"""What the API is asked in OpenAI's protocol.

Fields of OpenAI's that are not here are passed over, but for those whose loss would change an answer: `REFUSED`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from assistant.engines.forms import Form
from assistant.engines.protocol import Role
from assistant.errors import BadSettings

MOST_TEXTS = 2048
"""Of one request."""
MOST_TOOLS = 128
DEEPEST, MOST_VALUES = 64, 10_000
"""Levels and values of a JSON Schema: whatever reads one calls itself for each level, here and in llama.cpp, where all
replies wait until a grammar is made of it."""
REFUSED: dict[str, tuple[Any, ...]] = {
    "frequency_penalty": (None, 0, 0.0),
    "presence_penalty": (None, 0, 0.0),
    "logit_bias": (None, {}),
    "functions": (None, []),
    "suffix": (None, ""),
    "echo": (None, False),
    "best_of": (None, 1),
    "audio": (None,),
    "modalities": (None, ["text"]),
    "background": (None, False),
    "conversation": (None,),
    "parallel_tool_calls": (None, True),
    "n": (None, 1),
    "seed": (None,),
    "stop": (None, []),
    "logprobs": (None, False, 0),
    "top_logprobs": (None, 0),
    "max_tool_calls": (None,),
    "prompt": (None,),
    "web_search_options": (None,),
    "stream": (None, False),
    "max_tokens": (None,),
    "max_completion_tokens": (None,),
    "response_format": (None, {"type": "text"}),
    "tools": (None, []),
}
"""Field → the values at which it does nothing; any other is refused where a request has no such field: no engine here
can do it, or not for what is asked there."""

Text = Annotated[str, Field(min_length=1)]
Texts = Text | Annotated[list[Text], Field(min_length=1, max_length=MOST_TEXTS)]
Model = Annotated[
    str | None,
    Field(description="One of GET /v1/models; null takes the first of --model that can do it, or the best here."),
]


def _bounded(schema: dict[str, Any]) -> dict[str, Any]:
    level: list[Any] = [schema]
    left = MOST_VALUES
    for _ in range(DEEPEST):
        inner = [value for each in level for value in (each.values() if isinstance(each, dict) else each)]
        if (left := left - len(inner)) < 0:
            raise ValueError(f"it has more than {MOST_VALUES:,} values")
        level = [value for value in inner if isinstance(value, dict | list)]
        if not level:
            return schema
    raise ValueError(f"it has more than {DEEPEST} levels")


JsonSchema = Annotated[dict[str, Any], AfterValidator(_bounded)]


class Part(BaseModel):
    """A piece of a request; "1" is no number and 1 is no truth value."""

    model_config = ConfigDict(strict=True)


class Body(Part):
    """A request's body."""

    @model_validator(mode="before")
    @classmethod
    def _refuse(cls, given: Any) -> Any:
        if isinstance(given, dict):
            for name, harmless in REFUSED.items():
                if name not in cls.model_fields and name in given and given[name] not in harmless:
                    raise ValueError(f"{name} is not supported")
            try:
                json.dumps(given, ensure_ascii=False, allow_nan=False).encode()
            except UnicodeEncodeError as error:
                raise ValueError("a text has half a character in it (a lone surrogate)") from error
            except RecursionError as error:
                raise ValueError("it is nested too deeply") from error
            except ValueError as error:  # Python reads NaN and Infinity, and 1e999 as one; JSON has none of them
                raise ValueError("a number is infinite or none at all") from error
        return given


class TextPart(Part):
    """A piece of a message."""

    type: Literal["text", "input_text", "output_text", "refusal"] = Field(
        description="Models here read text, and no pictures or sound."
    )
    text: str = ""
    refusal: str = ""

    @property
    def said(self) -> str:
        """Its words."""
        return self.text or self.refusal


def words(content: str | list[TextPart] | None) -> str:
    """A message's content as one string."""
    return "".join(part.said for part in content) if isinstance(content, list) else content or ""


def role_of(asked: Literal["system", "developer", "user", "assistant", "tool"]) -> Role:
    """A message's role, as chat templates know it."""
    return "system" if asked == "developer" else asked


def checked_form(
    schema: dict[str, Any] | None, tools: Sequence[dict[str, Any]], choice: str | dict[str, Any] | None
) -> Form | None:
    """What a reply has to be. Raises BadSettings for a choice of what is not there."""
    if choice == "required" and not tools:
        raise BadSettings("tool_choice is required, and there are no tools.")
    if isinstance(choice, dict):
        wanted = choice["function"]["name"]
        if wanted not in [tool["function"]["name"] for tool in tools]:
            raise BadSettings(f"tool_choice names {wanted!r}, which is none of the tools.")
    return Form(schema, tuple(tools), choice or "auto") if tools or schema is not None else None


class CalledFunction(Part):
    """What was called, and with what: a JSON text."""

    name: str
    arguments: str


class ToolCallTurn(Part):
    """A call that an earlier reply has made."""

    id: str
    type: Literal["function"] = "function"
    function: CalledFunction


class Turn(Part):
    """One message of a conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[TextPart] | None = None
    tool_calls: list[ToolCallTurn] | None = None
    tool_call_id: str | None = None


class FunctionSpec(Part):
    """A function that the model may call; `parameters` is a JSON Schema."""

    name: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_.-]{1,64}$")]
    description: str | None = None
    parameters: JsonSchema | None = None


class Tool(Part):
    """Something that the model may ask to be called."""

    type: Literal["function"] = "function"
    function: FunctionSpec


class NamedFunction(Part):
    """A function's name."""

    name: str


class ToolChoice(Part):
    """The tool that has to be called."""

    type: Literal["function"] = "function"
    function: NamedFunction


class NamedSchema(Part):
    """A JSON Schema for the reply."""

    name: str = "reply"
    schema_: Annotated[JsonSchema, Field(alias="schema")]
    strict: bool | None = None


class ResponseFormat(Part):
    """What the reply has to be."""

    type: Literal["text", "json_object", "json_schema"] = "text"
    json_schema: NamedSchema | None = None

    @model_validator(mode="after")
    def _complete(self) -> ResponseFormat:
        if self.type == "json_schema" and self.json_schema is None:
            raise ValueError("json_schema is missing")
        return self


class StreamOptions(Part):
    """What a stream carries beside the reply."""

    include_usage: bool | None = None


class Drawing(Body):
    """How a reply is drawn. null is what the model's card recommends."""

    model: Model = None
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    n: Annotated[int | None, Field(ge=1, le=16)] = 1
    temperature: Annotated[float | None, Field(ge=0, le=5)] = None
    top_p: Annotated[float | None, Field(gt=0, le=1)] = None
    top_k: Annotated[int | None, Field(ge=0, le=1_000_000)] = None
    min_p: Annotated[float | None, Field(ge=0, le=1)] = None
    repeat_penalty: Annotated[float | None, Field(gt=0, le=5)] = None
    seed: Annotated[int | None, Field(ge=0, lt=2**32)] = None
    stop: Text | Annotated[list[Text], Field(max_length=16)] | None = None
    max_tokens: Annotated[int | None, Field(ge=1, le=10_000_000)] = None
    user: str | None = None

    def sampling(self) -> dict[str, Any]:
        """The fields of Sampling that were asked for."""
        names = ("temperature", "top_p", "top_k", "min_p", "repeat_penalty", "seed", "max_tokens")
        stop = [self.stop] if isinstance(self.stop, str) else self.stop or []
        return {name: value for name in names if (value := getattr(self, name)) is not None} | {"stop": stop}


class ChatRequest(Drawing):
    """POST /v1/chat/completions."""

    messages: Annotated[list[Turn], Field(min_length=1)]
    max_completion_tokens: Annotated[int | None, Field(ge=1, le=10_000_000)] = None
    logprobs: bool | None = False
    top_logprobs: Annotated[int | None, Field(ge=0, le=20)] = None
    response_format: ResponseFormat | None = None
    tools: Annotated[list[Tool], Field(max_length=MOST_TOOLS)] | None = None
    tool_choice: Literal["auto", "none", "required"] | ToolChoice | None = None

    def sampling(self) -> dict[str, Any]:
        longest = {"max_tokens": self.max_completion_tokens} if self.max_completion_tokens else {}
        return super().sampling() | longest


class CompletionRequest(Drawing):
    """POST /v1/completions: text that is gone on with as it stands."""

    prompt: Texts
    logprobs: Annotated[None, Field(description="Not supported here; chat completions have it.")] = None


class EmbeddingRequest(Body):
    """POST /v1/embeddings."""

    model: Model = None
    input: Texts
    encoding_format: Literal["float", "base64"] | None = "float"
    dimensions: Annotated[None, Field(description="The models here have one size each.")] = None
    user: str | None = None
