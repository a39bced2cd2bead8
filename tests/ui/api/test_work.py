"""From threads to the event loop: nothing is lost on the way, and the thread has ended when the reader has."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing

import pytest
from starlette.requests import Request
from starlette.types import Message

from ui.api.state import State
from ui.api.turns import Busy
from ui.api.work import ClientGone, pumped, unless_gone


def test_everything_arrives_in_order_however_fast_it_comes() -> None:
    def counted(cancel: threading.Event) -> Iterator[int]:
        for number in range(20_000):
            if number % 997 == 0:
                time.sleep(0.0005)
            yield number

    async def story() -> None:
        with ThreadPoolExecutor(1) as pool:
            batches = [batch async for batch in pumped(counted, pool)]
        assert [number for batch in batches for number in batch] == list(range(20_000))
        assert all(batches), "no batch is empty"

    asyncio.run(story())


def test_a_failure_comes_after_what_was_there_before_it() -> None:
    def broken(cancel: threading.Event) -> Iterator[int]:
        yield 1
        raise MemoryError("of the test's own making")

    async def story() -> None:
        found: list[int] = []
        with ThreadPoolExecutor(1) as pool, pytest.raises(MemoryError):
            async for batch in pumped(broken, pool):
                found += batch
        assert found == [1]

    asyncio.run(story())


def test_closing_waits_until_the_thread_has_ended() -> None:
    ended = threading.Event()

    def slow(cancel: threading.Event) -> Iterator[int]:
        yield 1
        cancel.wait()
        time.sleep(0.1)
        ended.set()

    async def story() -> None:
        with ThreadPoolExecutor(1) as pool:
            async with aclosing(pumped(slow, pool)) as batches:
                assert await anext(batches) == [1]
            assert ended.is_set()

    asyncio.run(story())


def test_a_client_that_hangs_up_cancels_the_work() -> None:
    async def story() -> None:
        hung_up, cleaned = asyncio.Event(), False

        async def receive() -> Message:
            await hung_up.wait()
            return {"type": "http.disconnect"}

        async def work() -> None:
            nonlocal cleaned
            try:
                hung_up.set()
                await asyncio.sleep(60)
            finally:
                cleaned = True

        request = Request({"type": "http"}, receive)
        with pytest.raises(ClientGone):
            await unless_gone(request, work())
        assert cleaned
        hung_up.clear()
        assert await unless_gone(request, asyncio.sleep(0, "done")) == "done"
        await asyncio.sleep(0)  # whoever watched the line is gone too
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(story())


def test_the_end_reaches_what_runs_and_what_begins_after_it(made: State) -> None:
    async def story() -> None:
        ends = time.monotonic() + 60
        running = asyncio.create_task(made.before(ends, asyncio.sleep(60)))
        await asyncio.sleep(0)
        made.end()
        for step in (running, made.before(ends, asyncio.sleep(60))):
            with pytest.raises(Busy, match="closing"):
                await asyncio.wait_for(step, 5)

    asyncio.run(story())


@pytest.fixture
def made() -> Iterator[State]:
    from assistant.service import Assistant

    assistant = Assistant()
    yield State(assistant)
    assistant.close()
