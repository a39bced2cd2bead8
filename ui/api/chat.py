"""/v1/chat/completions and /v1/completions: replies as OpenAI's clients expect them, streamed or whole."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any

from fastapi import APIRouter, Request
from openai.types import Completion
from openai.types.chat import ChatCompletion
from starlette.responses import JSONResponse, Response

from assistant.engines.forms import Form, ToolCall
from assistant.engines.protocol import Delta, Message, Prompt, Sampling, Usage
from assistant.engines.remote import Remote
from assistant.errors import BadSettings
from assistant.settings import sampling_from
from ui.api.choices import Chat, Plain, Written
from ui.api.failures import STREAMED, answer_to
from ui.api.schema import (
    ChatRequest,
    CompletionRequest,
    Drawing,
    ToolChoice,
    Turn,
    checked_form,
    role_of,
    words,
)
from ui.api.state import State
from ui.api.work import EventStream

Piece = tuple[int, Delta]
"""(which of the request's replies, what is new of it)."""
DONE = b"data: [DONE]\n\n"
MOST_REPLIES = 128
"""Of one request, which has one turn."""


@dataclass(frozen=True)
class Job:
    """What is to be written: replies to each prompt in turn."""

    model: str
    """As the assistant knows it."""
    called: str
    """As the client does."""
    prompts: Sequence[Prompt]
    replies: int
    sampling: Sampling
    probabilities: int = 0
    form: Form | None = None
    asked: float = field(default_factory=time.perf_counter)
    """When."""

    def run(self, state: State, cancel: threading.Event) -> Iterator[Piece]:
        """The pieces of every reply, one reply after another: a request takes one turn, however much it asks for."""
        begun = False
        for number in range(len(self.prompts) * self.replies):
            drawn = self.sampling
            if drawn.seed is not None:
                drawn = replace(drawn, seed=(drawn.seed + number % self.replies) % 2**32)
            deltas = state.assistant.stream(
                self.prompts[number // self.replies],
                model=self.model,
                sampling=drawn,
                probabilities=self.probabilities,
                cancel=cancel,
                form=self.form,
            )
            for delta in deltas:
                if delta.text or delta.usage or delta.probabilities or delta.tool_calls:
                    if not begun:
                        state.metrics.first_token.labels(self.called).observe(time.perf_counter() - self.asked)
                        begun = True
                    yield number, delta
            if cancel.is_set():
                return


def chat_routes(state: State) -> APIRouter:
    """The two routes."""
    router = APIRouter(tags=["OpenAI"], responses=STREAMED)

    @router.post("/v1/chat/completions", response_model=ChatCompletion)
    async def chat(body: ChatRequest, request: Request) -> Response:
        """Answer a conversation."""
        messages = [_message(turn) for turn in body.messages]
        shown = max(1, body.top_logprobs or 0) if body.logprobs else 0
        job = _job(state, body, [messages], probabilities=shown, form=_form(body))
        return await _answer(state, request, body, job, Chat(body.top_logprobs or 0))

    @router.post("/v1/completions", response_model=Completion)
    async def complete(body: CompletionRequest, request: Request) -> Response:
        """Go on with a text as it stands."""
        prompts = [body.prompt] if isinstance(body.prompt, str) else body.prompt
        return await _answer(state, request, body, _job(state, body, prompts), Plain())

    return router


async def _answer(state: State, request: Request, body: Drawing, job: Job, form: Chat | Plain) -> Response:
    model = job.called
    head = {"id": form.prefix + secrets.token_hex(12), "created": int(time.time()), "model": model}
    request.scope["parley.model"] = model
    if body.stream:
        batches = await state.stream(request, lambda cancel: job.run(state, cancel), state.writing)
        usage = bool(body.stream_options and body.stream_options.include_usage)
        events = _events(state, request, batches, head | {"object": form.chunk}, form, usage=usage)
        return EventStream(events, state.serving.deadline_seconds)
    replies: dict[int, Written] = {}
    for number, delta in await state.result(request, lambda cancel: list(job.run(state, cancel)), state.writing):
        replies.setdefault(number, Written()).add(delta)
    choices = [form.whole(number, replies[number]) for number in sorted(replies)]
    counted = count(state, request, model, [each.usage for each in replies.values()])
    return JSONResponse(head | {"object": form.kind, "choices": choices, "usage": counted})


async def _events(
    state: State,
    request: Request,
    batches: AsyncGenerator[list[Piece]],
    head: dict[str, Any],
    form: Chat | Plain,
    *,
    usage: bool,
) -> AsyncGenerator[bytes]:
    """Server-sent events. A failure on the way is an event of its own: the status is out already."""
    begun: set[int] = set()
    used: list[Usage | None] = []

    def event(choices: list[dict[str, Any]], **more: Any) -> bytes:
        return b"data: " + json.dumps(head | {"choices": choices} | more).encode() + b"\n\n"

    try:
        async with aclosing(batches):
            async for batch in batches:
                fresh: dict[int, Written] = {}
                for number, delta in batch:
                    fresh.setdefault(number, Written()).add(delta)
                events: list[bytes] = []  # what is there at once is sent at once
                for number, written in fresh.items():
                    if number not in begun and (first := form.begin(number)):
                        events.append(event([first]))
                    begun.add(number)
                    if written.usage is not None:
                        used.append(written.usage)
                    events.append(event([form.piece(number, written, last=written.usage is not None)]))
                yield b"".join(events)
        counted = count(state, request, head["model"], used)
        told = event([], usage=counted) if usage else b""
    except Exception as error:  # noqa: BLE001 - it is told to the client
        request.scope["parley.failed"], failure, _ = answer_to(error)  # the status that is out says 200
        told = b"data: " + json.dumps(failure).encode() + b"\n\n"
    yield told + DONE


def count(state: State, request: Request, model: str, used: Sequence[Usage | None]) -> dict[str, Any]:
    """The usage of all replies together, which is noted down as well."""
    counted = [each for each in used if each is not None]
    read, written = sum(each.prompt_tokens for each in counted), sum(each.completion_tokens for each in counted)
    state.metrics.tokens.labels(model, "prompt").inc(read)
    state.metrics.tokens.labels(model, "completion").inc(written)
    request.scope["parley.tokens"] = read + written
    cached = sum(each.cached_tokens for each in counted)
    return {
        "prompt_tokens": read,
        "completion_tokens": written,
        "total_tokens": read + written,
        "prompt_tokens_details": {"cached_tokens": cached},
    }


def _job(state: State, body: Drawing, prompts: Sequence[Prompt], **more: Any) -> Job:
    if len(prompts) * (body.n or 1) > MOST_REPLIES:
        raise BadSettings(f"A request may ask for {MOST_REPLIES} replies.", hint="Send several requests.")
    return made_job(state, body.model, prompts, body.n or 1, body.sampling(), **more)


def made_job(
    state: State, model: str | None, prompts: Sequence[Prompt], replies: int, changes: Mapping[str, Any], **more: Any
) -> Job:
    """A job for the model that a client names, or for the best one here; `changes` are to what its card recommends."""
    entry, called = state.chat_model(model)
    sampling = sampling_from({} if isinstance(entry, Remote) else entry.sampling, changes)
    return Job(entry.key, called, prompts, replies, sampling, **more)


def _message(turn: Turn) -> Message:
    if turn.role == "tool" and not turn.tool_call_id:
        raise BadSettings("A message of the role tool needs a tool_call_id.")
    calls = tuple(ToolCall(c.id, c.function.name, c.function.arguments) for c in turn.tool_calls or ())
    return Message(role_of(turn.role), words(turn.content), calls, turn.tool_call_id or "")


def _form(body: ChatRequest) -> Form | None:
    wanted = body.response_format
    schema: dict[str, Any] | None = None
    if wanted and wanted.type != "text":
        schema = wanted.json_schema.schema_ if wanted.json_schema else {}
    tools = [tool.model_dump(exclude_none=True) for tool in body.tools or ()]
    choice = body.tool_choice.model_dump() if isinstance(body.tool_choice, ToolChoice) else body.tool_choice
    return checked_form(schema, tools, choice)
