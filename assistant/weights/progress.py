"""How far a pull has come: bytes, speed, time left."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

Stage = Literal["checking", "downloading", "verifying", "unpacking", "done"]

WINDOW_SECONDS = 5.0
"""Speed is the mean over this long: shorter and the time left jumps about, longer and a stall goes unseen."""


@dataclass(frozen=True)
class Progress:
    """One moment of a pull. `eta_seconds` is the rest of this stage, None while nothing moves."""

    model: str
    stage: Stage
    bytes_done: int
    bytes_total: int
    bytes_per_second: float
    eta_seconds: float | None


ProgressCallback = Callable[[Progress], None]


@dataclass
class Meter:
    """Turns byte counts into `Progress` and hands it on, at most ten times a second within a stage."""

    model: str
    callback: ProgressCallback | None = None
    clock: Callable[[], float] = time.monotonic
    _stage: Stage | None = None
    _seen: deque[tuple[float, int]] = field(default_factory=deque[tuple[float, int]])

    def report(self, stage: Stage, done: int, total: int) -> None:
        """Tell the callback that `done` of `total` bytes of this stage are through."""
        now = self.clock()
        if stage != self._stage:
            self._stage = stage
            self._seen.clear()
        elif self._seen and now - self._seen[-1][0] < 0.1 and done < total:
            return
        self._seen.append((now, done))
        while len(self._seen) > 2 and now - self._seen[0][0] > WINDOW_SECONDS:
            self._seen.popleft()
        if self.callback is None:
            return
        start, before = self._seen[0]
        speed = max(0.0, (done - before) / (now - start)) if now > start else 0.0
        eta = (total - done) / speed if speed > 0 else None
        self.callback(Progress(self.model, stage, min(done, total), total, speed, eta))
