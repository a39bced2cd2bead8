"""Pulls in the background, seen by the page and the terminal alike."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from assistant import sources
from assistant.catalogue import ModelEntry
from assistant.errors import ModelNotAvailable, ParleyError, PullCancelled
from assistant.sources import Progress

log = logging.getLogger(__name__)

CLOSE_SECONDS = 10.0
"""How long `close` waits for a pull to end: it looks at `cancel` many times a second, but may be flushing a file."""


@dataclass(frozen=True)
class PullStatus:
    """A pull at one moment. `progress` is None before it begins: while a smaller one is still on its way."""

    key: str
    progress: Progress | None = None
    error: ParleyError | None = None
    running: bool = True


DoneCallback = Callable[[PullStatus], None]


@dataclass
class _Pull:
    entry: ModelEntry
    status: PullStatus
    cancel: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None


class Pulls:
    """Fetches models in threads of its own. Every method may be called from any thread."""

    def __init__(self, pull: Callable[..., object] = sources.pull) -> None:
        self._pull = pull
        self._pulls: dict[str, _Pull] = {}
        self._callbacks: list[DoneCallback] = []
        self._changed = threading.Condition()

    def start(self, entry: ModelEntry) -> None:
        """Begin to fetch the model; nothing happens when that is going on or the model is here.

        A smaller model goes first and has the whole line to itself: it can be used while the larger one arrives.
        """
        if sources.locate(entry) is not None:
            return
        with self._changed:
            known = self._pulls.get(entry.key)
            if known is not None and known.status.running:
                return
            pull = _Pull(entry, PullStatus(entry.key))
            # Daemonic: a program that ends does not wait for gigabytes. The children that download end with it.
            pull.thread = threading.Thread(target=self._run, args=(pull,), name=f"pull-{entry.key}", daemon=True)
            self._pulls[entry.key] = pull
            pull.thread.start()

    def status(self, key: str) -> PullStatus | None:
        """The model's pull, running or ended; None where there was none, or it was cancelled."""
        with self._changed:
            pull = self._pulls.get(key)
            return pull.status if pull else None

    def all(self) -> list[PullStatus]:
        """Every pull since this object was made, running or ended, in the order of their start."""
        with self._changed:
            return [pull.status for pull in self._pulls.values()]

    def running(self) -> list[PullStatus]:
        """The pulls that have not ended."""
        return [status for status in self.all() if status.running]

    def cancel(self, key: str) -> None:
        """Stop the model's pull, if there is one; what it has fetched is kept for the next."""
        with self._changed:
            if pull := self._pulls.get(key):
                pull.cancel.set()
                self._changed.notify_all()

    def on_done(self, callback: DoneCallback) -> None:
        """Have `callback` called, in the pull's thread, with the last status of each pull that ends uncancelled."""
        with self._changed:
            self._callbacks.append(callback)

    def close(self) -> None:
        """Stop every pull and wait for it to end."""
        with self._changed:
            pulls = list(self._pulls.values())
            for pull in pulls:
                pull.cancel.set()
            self._changed.notify_all()
        for pull in pulls:
            if pull.thread is not None:
                pull.thread.join(CLOSE_SECONDS)

    def _run(self, pull: _Pull) -> None:
        def show(progress: Progress) -> None:
            self._set(pull, progress=progress)

        error: ParleyError | None = None
        try:
            self._wait_for_smaller(pull)
            self._pull(pull.entry, progress=show, cancel=pull.cancel)
        except PullCancelled:
            with self._changed:
                if self._pulls.get(pull.entry.key) is pull:
                    del self._pulls[pull.entry.key]
                self._changed.notify_all()
            return
        except ParleyError as failed:
            error = failed
        except Exception as failed:
            log.exception("The pull of %s failed", pull.entry.key)
            error = ModelNotAvailable(f"{pull.entry.title} could not be fetched: {failed}.", hint="The log says more.")
        self._set(pull, error=error, running=False)
        with self._changed:
            callbacks = list(self._callbacks)
        for callback in callbacks:
            try:
                callback(pull.status)
            except Exception:
                log.exception("What was to follow the pull of %s failed", pull.entry.key)

    def _wait_for_smaller(self, pull: _Pull) -> None:
        def smaller_runs() -> bool:
            mine = pull.entry.download_bytes
            return any(
                p.status.running and p.entry.download_bytes < mine for p in self._pulls.values() if p is not pull
            )

        with self._changed:
            self._changed.wait_for(lambda: pull.cancel.is_set() or not smaller_runs())
        if pull.cancel.is_set():
            raise PullCancelled(f"The pull of {pull.entry.key} was stopped.")

    def _set(self, pull: _Pull, **changes: object) -> None:
        with self._changed:
            pull.status = replace(pull.status, **changes)  # pyright: ignore[reportArgumentType]
            self._changed.notify_all()
