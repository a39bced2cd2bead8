"""From threads to the event loop: what blocks runs in a thread, and stops when nobody waits for it any more."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from concurrent.futures import Executor
from contextlib import aclosing
from typing import TypeVar

import anyio
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

T = TypeVar("T")

LAST_WORDS_SECONDS = 5
"""For telling a client that its time is over."""


class ClientGone(Exception):
    """Whoever asked has hung up."""


async def pumped(make: Callable[[threading.Event], Iterable[T]], pool: Executor) -> AsyncGenerator[list[T]]:
    """What an iterable that blocks yields, in batches of what is there. make: given the event that is set when nobody
    reads any more. Closing the iterator waits until the thread has ended."""
    loop = asyncio.get_running_loop()
    cancel, ready = threading.Event(), asyncio.Event()
    things: deque[T] = deque()

    def run() -> None:
        for thing in make(cancel):
            things.append(thing)
            loop.call_soon_threadsafe(ready.set)

    work = loop.run_in_executor(pool, run)
    work.add_done_callback(lambda _: ready.set())
    try:
        while True:
            await ready.wait()
            ready.clear()
            ended = work.done()
            if things:
                yield [things.popleft() for _ in range(len(things))]
            elif ended:
                break
            if ended:
                ready.set()
        await work
    finally:
        cancel.set()
        with anyio.CancelScope(shield=True):
            await asyncio.wait({work})
        if not work.cancelled():
            work.exception()  # seen: where the client is gone nobody is left to tell


async def unless_gone(request: Request, work: Awaitable[T]) -> T:
    """The result of `work`, which is cancelled when the client hangs up. Raises ClientGone then."""
    task, watch = asyncio.ensure_future(work), asyncio.create_task(_gone(request.receive))
    try:
        await asyncio.wait({task, watch}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientGone
        return task.result()
    finally:
        watch.cancel()
        task.cancel()
        with anyio.CancelScope(shield=True):
            await asyncio.gather(task, watch, return_exceptions=True)


async def gathered(batches: AsyncGenerator[list[T]]) -> list[T]:
    """All of it at once."""
    async with aclosing(batches):
        return [thing async for batch in batches for thing in batch]


class EventStream(StreamingResponse):
    """Server-sent events; whatever ends it, the source is closed before the response is."""

    media_type = "text/event-stream"

    def __init__(self, events: AsyncGenerator[bytes], seconds: float) -> None:
        """seconds: that it may take, also where a client does not read."""
        super().__init__(events, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._events, self._seconds = events, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            with anyio.move_on_after(self._seconds + LAST_WORDS_SECONDS):
                await super().__call__(scope, receive, send)
        finally:
            with anyio.CancelScope(shield=True):
                await self._events.aclose()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
