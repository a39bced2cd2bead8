"""The one thread that runs a loaded model: reads prompts in pieces, decodes replies together, does other work between.

One thread, because several would fight for the same cores, or for Python's lock between a GPU's kernels.
"""

from __future__ import annotations

import atexit
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

import torch

from assistant.engines.batch import Ask, Batch, Forward, Progress
from assistant.engines.drawing import draw
from assistant.engines.prompt_cache import PromptCache

T = TypeVar("T")
EXIT_SECONDS = 10
MOST_ROWS = 16
"""Replies decoded at once; more wait for their turn."""
PROMPT_PIECE = {"cpu": 512, "cuda": 4096, "mps": 1024}
"""Prompt tokens read in one pass while nobody else waits for a token; a quarter of it where somebody does."""
PROMPT_CACHE_BYTES = 2**29
"""For conversations that are not being answered at the moment."""


class _Reading:
    """A prompt that is being read."""

    def __init__(self, ask: Ask, forward: Forward, kept: PromptCache) -> None:
        self.ask = ask
        self.cache = forward.new_cache()
        # Other caches cannot be cut back to what two prompts share. A seed asks for the same reply again, to the last
        # bit, and a prompt read in other pieces differs in some of the last bits.
        if forward.can_join and ask.drawer.sampling.seed is None:
            ask.cached_tokens = kept.take(ask.prompt, ask.adapter, self.cache)
        self.done = ask.cached_tokens


class ModelThread:
    """Owns `model`: nothing else calls it after this is made. It holds no reference to who made it."""

    def __init__(self, model: Any, use_adapter: Callable[[str | None], None] = lambda name: None) -> None:
        """use_adapter: makes the model compute with the adapter of that name, or with none."""
        self.forward = Forward(model)
        self._use_adapter = use_adapter
        self._adapter: str | None = None
        self._piece = PROMPT_PIECE.get(self.forward.device.type, 512)
        self._kept = PromptCache(PROMPT_CACHE_BYTES)
        self._changed = threading.Condition()
        self._waiting: deque[Ask] = deque()
        self._jobs: deque[tuple[Callable[[], Any], str | None, Future[Any]]] = deque()
        self._reading: _Reading | None = None
        self._batches: list[Batch] = []
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="model", daemon=True)
        self._thread.start()
        atexit.register(self._leave)

    def ask(self, ask: Ask) -> None:
        """Begin a reply as soon as there is room."""
        with self._changed:
            if self._closed:
                ask.events.put(RuntimeError("the model was closed"))
                return
            self._waiting.append(ask)
            self._changed.notify()

    def call(self, function: Callable[[], T], adapter: str | None = None) -> T:
        """Run `function` in the model's thread, between two tokens of the replies that are running; its result."""
        future: Future[T] = Future()
        with self._changed:
            if self._closed:
                raise RuntimeError("the model was closed")
            self._jobs.append((function, adapter, future))
            self._changed.notify()
        return future.result()

    def close(self) -> None:
        """End every reply and let go of the model. Does not wait for the pass that is running."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def join(self, timeout_seconds: float) -> None:
        """Wait until a closed thread has let go of the model."""
        self._thread.join(timeout_seconds)

    def _leave(self) -> None:
        """At the end of the process: one that ends while a thread is in the middle of a pass is aborted."""
        self.close()
        self.join(EXIT_SECONDS)

    def _run(self) -> None:
        while self._has_work():
            self._do_job()
            self._read_prompt()
            for batch in list(self._batches):
                try:
                    self._with_adapter(batch.adapter)
                    batch.step()
                except BaseException as error:  # noqa: BLE001 - it is the reader's, who maps it
                    batch.fail(error)
            self._batches = [batch for batch in self._batches if batch.asks]
        self._end()
        atexit.unregister(self._leave)

    def _has_work(self) -> bool:
        """Wait until there is something to do; False when closed."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._closed or self._jobs or self._waiting or self._reading or self._batches
            )
            return not self._closed

    def _with_adapter(self, name: str | None) -> None:
        if name != self._adapter:
            self._use_adapter(name)
            self._adapter = name

    def _do_job(self) -> None:
        with self._changed:
            if not self._jobs:
                return
            function, adapter, future = self._jobs.popleft()
        try:
            self._with_adapter(adapter)
            future.set_result(function())
        except BaseException as error:  # noqa: BLE001 - it is the caller's
            future.set_exception(error)

    def _read_prompt(self) -> None:
        """Read one piece of the oldest prompt; when all of it is read, its reply joins the others."""
        reading = self._reading or self._next_prompt()
        if reading is None:
            return
        self._reading = reading
        ask = reading.ask
        try:
            if ask.give_up():
                self._reading = None
                return
            piece = max(16, self._piece // 4) if self._batches else self._piece
            tokens = ask.prompt[reading.done : reading.done + piece]
            self._with_adapter(ask.adapter)
            logits = self.forward.step(torch.tensor([tokens]), reading.cache)
            reading.done += len(tokens)
            if reading.done < len(ask.prompt):
                ask.events.put(Progress(reading.done / len(ask.prompt)))
                return
            self._reading = None
            if ask.take(draw(logits, [ask.drawer])[0]):
                self._admit(Batch(self.forward, ask, reading.cache, self._kept))
        except BaseException as error:  # noqa: BLE001 - it is the reader's
            self._reading = None
            ask.events.put(error)

    def _next_prompt(self) -> _Reading | None:
        with self._changed:
            self._waiting = deque(ask for ask in self._waiting if not ask.give_up())
            if not self._waiting or sum(len(batch.asks) for batch in self._batches) >= MOST_ROWS:
                return None
            return _Reading(self._waiting.popleft(), self.forward, self._kept)

    def _admit(self, new: Batch) -> None:
        for batch in self._batches:
            if batch.can_join(new):
                try:
                    batch.join(new)
                except BaseException as error:  # half joined: neither's cache is whole any more
                    batch.fail(error)
                    raise
                return
        self._batches.append(new)

    def _end(self) -> None:
        """Answer everyone who still waits, and drop the model."""
        error = RuntimeError("the model was closed")
        with self._changed:
            asks = [*self._waiting, *([self._reading.ask] if self._reading else [])]
            jobs, self._waiting, self._jobs = list(self._jobs), deque(), deque()
        for ask in asks:
            ask.events.put(error)
        for batch in self._batches:
            batch.fail(error)
        for _, _, future in jobs:
            future.set_exception(error)
        self._reading, self._batches = None, []
        del self.forward, self._use_adapter, self._kept
