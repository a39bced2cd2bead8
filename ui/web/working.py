"""Long work behind an event: it runs in a thread, the page hears of it a few times a second and can end it."""

from __future__ import annotations

import html
import queue
import threading
from collections.abc import Callable, Iterator
from contextvars import copy_context
from typing import TypeVar

from assistant.errors import ParleyError, RunInterrupted

T = TypeVar("T")
EVERY_SECONDS = 0.2
"""How often the page hears of it: as often as an eye can follow."""


def waiting_html(said: str, bar: str = "<progress></progress>") -> str:
    """What a person sees while it goes on. bar: HTML."""
    return f'<div class="pull" role="status">{html.escape(said)}{bar}</div>'


def steps(work: Callable[[Callable[[T], None]], object], cancel: threading.Event | None = None) -> Iterator[list[T]]:
    """Run `work(tell)` in a thread; what it told since the last time, in its order, as it comes.

    Closing the iterator sets `cancel` and makes the next `tell` raise RunInterrupted inside the work. What the work
    raises is raised here; what is no ParleyError becomes one, so that the page never just stands still.
    """
    told: queue.SimpleQueue[T] = queue.SimpleQueue()
    closed = cancel or threading.Event()
    failed: list[Exception] = []

    def tell(thing: T) -> None:
        if closed.is_set():
            raise RunInterrupted("Stopped.")
        told.put(thing)

    def run() -> None:
        try:
            work(tell)
        except Exception as error:  # noqa: BLE001 - it is raised in the event
            failed.append(error)

    whose = copy_context()  # a thread knows nothing of the person otherwise
    thread = threading.Thread(target=whose.run, args=(run,), name="working", daemon=True)
    thread.start()
    try:
        alive = True
        while alive:
            thread.join(EVERY_SECONDS)
            alive = thread.is_alive()
            some: list[T] = []
            while not told.empty():
                some.append(told.get())
            if some:
                yield some
    finally:
        closed.set()
    if failed:
        error = failed[0]
        if isinstance(error, ParleyError):
            raise error
        raise ParleyError(f"It failed: {type(error).__name__}: {error}.", hint="Please report this.") from error
