"""The running reply, sent to every page that shows it, as server-sent events.

Each event is what changed since the last: `append` (blocks that are whole now), `tail` (the block being written),
`stage`. The reply belongs to the assistant, not to the connection: a page that leaves or comes back loses nothing.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from assistant.replies import Reply
from assistant.service import Assistant
from ui.web import markdown

FIRST_LOOK_SECONDS = 0.02
"""How often the stream looks until the first words are there, …"""
LOOK_SECONDS = 0.2
"""… and from then on: about what an eye can follow, and little enough not to slow the engine."""


def follow_route(assistant: Assistant) -> Any:
    """The handler of GET /parley/replies/{id}."""

    async def follow(request: Request) -> Response:
        reply = assistant.reply(request.path_params["id"])
        if reply is None:
            return JSONResponse({"done": True}, status_code=404)
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(events(reply), media_type="text/event-stream", headers=headers)

    return follow


async def events(reply: Reply) -> AsyncIterator[str]:
    """What a page needs to draw the reply as it grows, ending with `done`."""
    sent = {"settled": 0, "tokens": 0}
    version = -1
    loop, done = asyncio.get_running_loop(), asyncio.Event()

    def wake() -> None:
        with suppress(RuntimeError):  # the server has ended meanwhile
            loop.call_soon_threadsafe(done.set)

    reply.when_done(wake)
    while not done.is_set():
        if reply.version != version:
            version = reply.version
            yield f"data: {json.dumps(change(reply, sent))}\n\n"
        with suppress(TimeoutError):
            await asyncio.wait_for(done.wait(), LOOK_SECONDS if reply.stage == "writing" else FIRST_LOOK_SECONDS)
    yield f"data: {json.dumps(change(reply, sent) | {'done': True})}\n\n"


def change(reply: Reply, sent: dict[str, int]) -> dict[str, Any]:
    """What is new since `sent`, which is brought up to date."""
    if reply.probabilities:
        new = reply.probabilities[sent["tokens"] :]
        sent["tokens"] += len(new)
        return {"stage": "", "append": markdown.tint(new) if new else "", "tail": ""}
    text = reply.text
    grown = text[sent["settled"] :]
    whole = markdown.settled_length(grown)
    sent["settled"] += whole
    return {
        "stage": stage(reply),
        "append": markdown.render(grown[:whole]) if whole else "",
        "tail": markdown.render_growing(grown[whole:]) if grown[whole:].strip() else "",
    }


def stage(reply: Reply) -> str:
    """What is going on before the first word, in words."""
    if reply.stage == "loading":
        return "Loading the model…"
    if reply.stage == "reading":
        return f"Reading {reply.prompt_progress:.0%} of the text…" if 0 < reply.prompt_progress < 1 else "Thinking…"
    return ""
