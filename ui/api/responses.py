"""/v1/responses: OpenAI's newer protocol, over the same replies. Nothing is kept between two requests."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from typing import Any

from fastapi import APIRouter, Request
from openai.types import responses as openai_responses
from starlette.responses import JSONResponse, Response

from ui.api.chat import Piece, count, made_job
from ui.api.choices import Written
from ui.api.failures import STREAMED, answer_to
from ui.api.response_request import ResponseRequest
from ui.api.state import State
from ui.api.work import EventStream


def response_routes(state: State) -> APIRouter:
    """The route."""
    router = APIRouter(tags=["OpenAI"], responses=STREAMED)

    @router.post("/v1/responses", response_model=openai_responses.Response)
    async def respond(body: ResponseRequest, request: Request) -> Response:
        """Answer a conversation, or one question."""
        changes = {"temperature": body.temperature, "top_p": body.top_p, "max_tokens": body.max_output_tokens}
        job = made_job(state, body.model, [body.messages()], 1, changes, form=body.form())
        reply = Reply(body, job.called)
        request.scope["parley.model"] = reply.model
        if body.stream:
            batches = await state.stream(request, lambda cancel: job.run(state, cancel), state.writing)
            return EventStream(_events(state, request, batches, reply), state.serving.deadline_seconds)
        for _, delta in await state.result(request, lambda cancel: list(job.run(state, cancel)), state.writing):
            reply.written.add(delta)
        return JSONResponse(reply.whole(_usage(count(state, request, reply.model, [reply.written.usage]))))

    return router


class Reply:
    """A response in the making, and its events."""

    def __init__(self, body: ResponseRequest, model: str) -> None:
        self.model = model
        self.written = Written()
        self.id, self._created = f"resp_{secrets.token_hex(12)}", int(time.time())
        self._message_id = f"msg_{secrets.token_hex(12)}"
        self._asked = body.model_dump(include={"instructions", "temperature", "top_p", "max_output_tokens"})
        self._tools = [{"strict": False, **tool.model_dump(exclude_none=True)} for tool in body.tools or ()]
        self._choice = body.tool_choice or "auto"
        self._number = 0

    def whole(self, usage: dict[str, Any] | None = None) -> dict[str, Any]:
        """The response, as far as it is there. usage: once it is complete."""
        status = "in_progress" if usage is None else "completed"
        cut = usage is not None and self.written.finish == "length"
        return {
            "id": self.id,
            "object": "response",
            "created_at": self._created,
            "status": "incomplete" if cut else status,
            "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
            "error": None,
            "model": self.model,
            "output": list(self._items()) if usage is not None else [],
            "parallel_tool_calls": True,
            "tool_choice": self._choice,
            "tools": self._tools,
            "usage": usage,
            **self._asked,
        }

    def event(self, kind: str, **more: Any) -> bytes:
        """One server-sent event."""
        told = {"type": kind, "sequence_number": self._number, **more}
        self._number += 1
        return f"event: {kind}\ndata: {json.dumps(told)}\n\n".encode()

    def begun(self) -> Iterator[bytes]:
        """The events before the first word."""
        yield self.event("response.created", response=self.whole())
        yield self.event("response.in_progress", response=self.whole())

    def message_begun(self) -> Iterator[bytes]:
        """The events before a message's text."""
        item = {"id": self._message_id, "type": "message", "role": "assistant", "status": "in_progress", "content": []}
        yield self.event("response.output_item.added", output_index=0, item=item)
        part = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
        yield self.event("response.content_part.added", part=part, **self._place())

    def grown(self, text: str) -> bytes:
        """The event of some words."""
        return self.event("response.output_text.delta", delta=text, logprobs=[], **self._place())

    def ended(self, usage: dict[str, Any]) -> Iterator[bytes]:
        """The events after the last word."""
        for index, item in enumerate(self._items()):
            if item["type"] == "message":
                (part,) = item["content"]
                yield self.event("response.output_text.done", text=part["text"], logprobs=[], **self._place())
                yield self.event("response.content_part.done", part=part, **self._place())
            else:
                bare = {**item, "arguments": "", "status": "in_progress"}
                yield self.event("response.output_item.added", output_index=index, item=bare)
                of = {"item_id": item["id"], "output_index": index}
                yield self.event("response.function_call_arguments.delta", delta=item["arguments"], **of)
                told = {"arguments": item["arguments"], "name": item["name"]}
                yield self.event("response.function_call_arguments.done", **told, **of)
            yield self.event("response.output_item.done", output_index=index, item=item)
        whole = self.whole(usage)
        yield self.event(f"response.{whole['status']}", response=whole)

    def _place(self) -> dict[str, Any]:
        return {"item_id": self._message_id, "output_index": 0, "content_index": 0}

    def _items(self) -> Iterator[dict[str, Any]]:
        text = "".join(self.written.text)
        if text or not self.written.calls:
            part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
            head = {"id": self._message_id, "type": "message", "role": "assistant", "status": "completed"}
            yield {**head, "content": [part]}
        for call in self.written.calls.values():
            named = {"call_id": call["id"], **call["function"]}
            yield {"id": f"fc_{call['id']}", "type": "function_call", "status": "completed", **named}


async def _events(
    state: State, request: Request, batches: AsyncGenerator[list[Piece]], reply: Reply
) -> AsyncGenerator[bytes]:
    for event in reply.begun():
        yield event
    said = False
    try:
        async with aclosing(batches):
            async for batch in batches:
                for _, delta in batch:
                    reply.written.add(delta)
                if text := "".join(delta.text for _, delta in batch):
                    for event in () if said else reply.message_begun():
                        yield event
                    said = True
                    yield reply.grown(text)
        usage = _usage(count(state, request, reply.model, [reply.written.usage]))
        for event in (
            reply.ended(usage) if said or reply.written.calls else (*reply.message_begun(), *reply.ended(usage))
        ):
            yield event
    except Exception as error:  # noqa: BLE001 - it is told to the client
        request.scope["parley.failed"], body, _ = answer_to(error)  # the status that is out says 200
        told = body["error"]
        yield reply.event("error", code=told["code"], message=told["message"], param=told["param"])


def _usage(counted: dict[str, Any]) -> dict[str, Any]:
    """In this protocol's words."""
    return {
        "input_tokens": counted["prompt_tokens"],
        "input_tokens_details": {**counted["prompt_tokens_details"], "cache_write_tokens": 0},
        "output_tokens": counted["completion_tokens"],
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": counted["total_tokens"],
    }
