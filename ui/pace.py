"""How often something may be done in a minute, by a clock that nobody sets: one that is set back would shut people out
until it has caught up."""

from __future__ import annotations

import time
from collections import deque

MINUTE = 60.0


class Pace:
    """Counts what was done, by name, over the last minute. Not thread-safe: it belongs to one event loop."""

    def __init__(self) -> None:
        self._done: dict[str, deque[float]] = {}

    def wait(self, name: str, a_minute: int) -> float:
        """The seconds until it may be done again; 0 where it may be now."""
        now = time.monotonic()
        self._forget(now - MINUTE)
        done = self._done.get(name, ())
        return done[len(done) - a_minute] + MINUTE - now if len(done) >= a_minute else 0.0

    def count(self, name: str) -> None:
        """It is done."""
        self._done.setdefault(name, deque()).append(time.monotonic())

    def _forget(self, before: float) -> None:
        for name, done in list(self._done.items()):
            while done and done[0] <= before:
                done.popleft()
            if not done:
                del self._done[name]
