"""What all requests of one server share: the assistant, the lines that they wait in, and how they are worked on."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import anyio
from starlette.requests import Request

from assistant.catalogue import ModelEntry
from assistant.engines.remote import Remote
from assistant.errors import UnknownModel
from assistant.service import Assistant
from assistant.texts import ABLE
from ui.api.failures import TooLate
from ui.api.metrics import Metrics
from ui.api.turns import Busy, Turns
from ui.api.work import pumped, unless_gone

T = TypeVar("T")

READING_AT_ONCE = 2
"""Requests to encoders and translators worked on side by side: each uses every core there is."""
CLOSING_RETRY_SECONDS = 5
MOST_AT_ONCE = 1024
"""Each has a thread."""
WEEK_SECONDS = 7 * 24 * 3600


@dataclass(frozen=True)
class Serving:
    """How a server serves.

    models: names that clients may use beside the models of the catalogue that are here; the first of them that can do
        what is asked is the default.
    at_once: replies written at a time. waiting: requests in line before newcomers are turned away.
    deadline_seconds: of a request, waiting and all. body_bytes: of the largest request.
    origins: of web pages that may call from a browser.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    models: tuple[str, ...] = ()
    at_once: int = 8
    waiting: int = 64
    deadline_seconds: float = 600.0
    body_bytes: int = 10 * 2**20
    origins: tuple[str, ...] = ()
    keys: bool = False
    """Whether a request needs a key."""
    forwarded: bool = False
    """Whether, on loopback, requests may come through a proxy although none needs a key."""

    def problems(self) -> list[str]:
        """Every value that cannot be, as sentences."""
        checks = [
            (1 <= self.at_once <= MOST_AT_ONCE, f"at_once must be 1 to {MOST_AT_ONCE}, not {self.at_once}"),
            (self.waiting >= 0, f"waiting must be 0 or more, not {self.waiting}"),
            (
                0 < self.deadline_seconds <= WEEK_SECONDS,
                f"deadline_seconds must be above 0 and at most {WEEK_SECONDS}, not {self.deadline_seconds}",
            ),
            (self.body_bytes >= 1024, f"body_bytes must be at least 1024, not {self.body_bytes}"),
        ]
        return [sentence for holds, sentence in checks if not holds]


@dataclass
class State:
    """One server's. Belongs to one event loop."""

    assistant: Assistant
    serving: Serving = field(default_factory=Serving)
    metrics: Metrics = field(default_factory=Metrics)
    closing: bool = False

    def __post_init__(self) -> None:
        self.named: dict[str, ModelEntry | Remote] = {}
        """Models of the command line, by what clients call them: no path's folders and no address. Found once."""
        for name in self.serving.models:
            entry = self.assistant.find(name)
            self.named[_public(name, entry)] = entry
        self.loop: asyncio.AbstractEventLoop | None = None
        """On which it is served, once it is."""
        self._over = False
        self._running: set[anyio.CancelScope] = set()
        """The steps of all requests that somebody waits for just now."""
        self.writing = Turns(self.serving.at_once, self.serving.waiting)
        self.reading = Turns(READING_AT_ONCE, self.serving.waiting)
        self.threads = ThreadPoolExecutor(self.serving.at_once + READING_AT_ONCE, thread_name_prefix="api")
        self.metrics.watch("writing", self.writing)
        self.metrics.watch("reading", self.reading)

    def entry(self, model: str | None, task: str) -> ModelEntry | Remote | None:
        """What a client's `model` names, else the first model of the command line that can do the task; None where
        there is none, and every task takes its own. Raises UnknownModel.
        """
        if model:
            return self.found(model)
        able = ABLE.get(task, {task})
        return next((each for each in self.named.values() if able & _tasks(each)), None)

    def found(self, model: str) -> ModelEntry | Remote:
        """What a client's `model` names.

        Only what is served: a client's word never opens a file, a folder or an address. Raises UnknownModel.
        """
        if model in self.named:
            return self.named[model]
        found = self.assistant.known(model)
        if self.assistant.absent(found):
            raise UnknownModel(f"The model {model!r} is not served here.", hint="GET /v1/models lists those that are.")
        return found

    def key(self, model: str | None, task: str) -> str | None:
        """The same, as the name that the assistant goes by."""
        entry = self.entry(model, task)
        return entry.key if entry else None

    def chat_model(self, model: str | None) -> tuple[ModelEntry | Remote, str]:
        """The model that answers, and what its reply calls it: the best one here where the client names none."""
        entry = self.entry(model, "chat") or self.assistant.find()
        return entry, model or next((name for name, each in self.named.items() if each is entry), entry.key)

    def served(self) -> list[str]:
        """What clients may name: the models of the command line first, then those that are here."""
        keys = {entry.key for entry in self.named.values()}
        here = [e.key for e in self.assistant.catalogue if e.key not in keys and not self.assistant.absent(e)]
        return [*self.named, *here]

    async def stream(
        self, request: Request, make: Callable[[threading.Event], Iterable[T]], turns: Turns
    ) -> AsyncGenerator[list[T]]:
        """What `make` yields, in batches, once it is this user's turn. The first batch has come when this returns, so
        that a failure before it has a status of its own.

        Raises Busy, TooLate, and ClientGone where the client hangs up before the first.
        """
        batches = self._batches(request, make, turns)
        try:
            first = await unless_gone(request, anext(batches, []))
        except BaseException:
            await batches.aclose()
            raise
        return _with_first(first, batches)

    async def result(self, request: Request, work: Callable[[threading.Event], T], turns: Turns) -> T:
        """What `work` returns, as above. Ends with ClientGone where the client hangs up."""

        def once(cancel: threading.Event) -> Iterable[T]:
            yield work(cancel)

        async def all_of_it() -> T:
            async with aclosing(self._batches(request, once, turns)) as batches:
                return (await anext(batches))[0]

        return await unless_gone(request, all_of_it())

    async def _batches(
        self, request: Request, make: Callable[[threading.Event], Iterable[T]], turns: Turns
    ) -> AsyncGenerator[list[T]]:
        ends = self.deadline(request)
        user: str = request.scope.get("parley.client", "")
        async with AsyncExitStack() as held:
            await self.before(ends, held.enter_async_context(turns.turn(user)))
            batches = await held.enter_async_context(aclosing(pumped(make, self.threads)))
            while batch := await self.before(ends, anext(batches, None)):
                yield batch

    def deadline(self, request: Request) -> float:
        """When a request has to be done, by time.monotonic. Raises Busy where none may come any more."""
        if self.closing:
            raise Busy(CLOSING_RETRY_SECONDS, closing=True)
        return request.scope["parley.ends"]

    async def before(self, ends: float, step: Awaitable[T]) -> T:
        """The result of `step`. Raises TooLate where the time is up before, or the server ends."""
        with anyio.move_on_after(0 if self._over else ends - time.monotonic()) as scope:
            self._running.add(scope)
            try:
                return await step
            finally:
                self._running.discard(scope)
        late = f"The request took longer than {self.serving.deadline_seconds:.0f} s."
        raise Busy(CLOSING_RETRY_SECONDS, closing=True) if self._over else TooLate(late)

    def close(self, grace_seconds: float) -> None:
        """Begin the end: no request may come any more, who waits in line is told so, and what is worked on has so long.
        On the event loop."""
        self.closing = True
        for line in (self.writing, self.reading):
            line.turn_away(CLOSING_RETRY_SECONDS)
        asyncio.get_running_loop().call_later(grace_seconds, self.end)

    @property
    def idle(self) -> bool:
        """Whether nothing is worked on."""
        return not (self._running or self.writing.running or self.reading.running)

    def end(self) -> None:
        """End whatever still runs; whoever waits for it is told."""
        self._over = True
        for scope in list(self._running):
            scope.cancel()


async def _with_first(first: list[T], rest: AsyncGenerator[list[T]]) -> AsyncGenerator[list[T]]:
    async with aclosing(rest):
        if first:
            yield first
        async for batch in rest:
            yield batch


def _tasks(entry: ModelEntry | Remote) -> set[str]:
    """By the catalogue's names: of a remote model nothing is known but that it chats."""
    return {"chat"} if isinstance(entry, Remote) else set(entry.tasks)


def _public(name: str, entry: ModelEntry | Remote) -> str:
    """What clients call a model that the operator has named: without folders and addresses."""
    if isinstance(entry, Remote):
        return entry.model
    path = Path(name).expanduser()
    return path.name if path.exists() else name
