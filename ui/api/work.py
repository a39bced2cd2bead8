"""From threads to the event loop: what blocks runs in a thread, and stops when nobody waits for it any more."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterable
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import TypeVar

import anyio
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

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
    told = False
    """Whether the loop is about to look: one word to it is enough for all that comes before it does."""

    def tell() -> None:
        nonlocal told
        if not told:
            told = True
            loop.call_soon_threadsafe(ready.set)

    def run() -> None:
        for thing in make(cancel):
            things.append(thing)
            tell()

    async def news() -> bool:
        """Wait for some; whether the thread has ended."""
        nonlocal told
        await ready.wait()
        ready.clear()
        told = False  # before anything is taken: what is added from here on is told of anew
        return work.done()

    work = pool.submit(run)
    work.add_done_callback(lambda _: loop.call_soon_threadsafe(ready.set))
    ended = False
    try:
        while not ended:
            ended = await news()
            if things:
                yield [things.popleft() for _ in range(len(things))]
        work.result()
    finally:
        cancel.set()
        with anyio.CancelScope(shield=True):
            while not ended:
                ended = await news()


async def unless_gone(request: Request, work: Awaitable[T]) -> T:
    """The result of `work`, which is cancelled when the client hangs up. Raises ClientGone then."""
    with _while_there(request.receive):
        return await work
    raise ClientGone


@contextmanager
def _while_there(receive: Receive, seconds: float = math.inf) -> Generator[None]:
    """Cancel what is done within, and go on behind it, when the client hangs up or the time is over."""
    with anyio.move_on_after(seconds) as scope:
        watch = asyncio.create_task(_gone(receive))
        watch.add_done_callback(lambda _: scope.cancel())
        try:
            yield
        finally:
            watch.cancel()


def in_time(receive: Receive, ends: float) -> Receive:
    """`receive` for a request whose body has to be here by then (time.monotonic): a client that sends a byte a minute
    keeps nothing busy for ever. It raises HTTPException, which ends the connection too: more may be on its way."""
    whole = False

    async def received() -> Message:
        nonlocal whole
        if whole:
            return await receive()
        with anyio.move_on_after(ends - time.monotonic()):
            message = await receive()
            whole = not message.get("more_body", False)
            return message
        raise HTTPException(408, "The request's body did not come in time.", {"Connection": "close"})

    return received


class EventStream(StreamingResponse):
    """Server-sent events; whatever ends it, the source is closed before the response is."""

    media_type = "text/event-stream"

    def __init__(self, events: AsyncGenerator[bytes], seconds: float) -> None:
        """seconds: that it may take, also where a client does not read."""
        super().__init__(events, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._events, self._seconds = events, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            with _while_there(receive, self._seconds + LAST_WORDS_SECONDS):
                await self.stream_response(send)
        finally:
            with anyio.CancelScope(shield=True):
                await self._events.aclose()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
