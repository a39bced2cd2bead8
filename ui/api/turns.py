"""Whose turn it is: a few requests are worked on at once, a few wait, fairly between users, and the rest are told to
come back."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

LONGEST_WAIT_SECONDS = 60
"""The most that a client is told to wait before it tries again."""
NEW_SHARE = 0.2
"""Of the latest turn in the running mean of how long one takes."""


class Busy(Exception):
    """There is no room to wait in; `seconds` says when to try again."""

    def __init__(self, seconds: int, *, closing: bool = False) -> None:
        why = "The server is closing." if closing else "Too many requests are waiting."
        super().__init__(f"{why} Try again in {seconds} s.")
        self.seconds, self.closing = seconds, closing


class Turns:
    """`at_once` turns at a time and `waiting` requests in line, each user's in their order, users one after another.

    When the line is full, whoever has most in it loses the latest to a user who has less. Belongs to one event loop.
    """

    def __init__(self, at_once: int, waiting: int) -> None:
        self.at_once, self.most_waiting = at_once, waiting
        self.running = 0
        self._lines: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        self._mean_seconds = 1.0

    @property
    def waiting(self) -> int:
        """Requests in line."""
        return sum(len(line) for line in self._lines.values())

    @asynccontextmanager
    async def turn(self, user: str) -> AsyncGenerator[None]:
        """Wait for a turn and hold it. Raises Busy where there is no room to wait."""
        await self._take(user)
        start = time.monotonic()
        try:
            yield
        finally:
            self._mean_seconds += NEW_SHARE * (time.monotonic() - start - self._mean_seconds)
            self._give()

    def wait_seconds(self) -> int:
        """About how long it takes until a newcomer has a turn, in whole seconds and at least one."""
        rounds = (self.waiting + 1) / self.at_once
        return max(1, min(LONGEST_WAIT_SECONDS, round(rounds * self._mean_seconds)))

    async def _take(self, user: str) -> None:
        if self.running < self.at_once and not self._lines:
            self.running += 1
            return
        if self.waiting >= self.most_waiting:
            self._make_room(user)
        asked: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lines.setdefault(user, deque()).append(asked)
        try:
            await asked
        except asyncio.CancelledError:
            if asked.done() and not asked.cancelled() and asked.exception() is None:
                self._give()  # the turn came in the moment in which nobody wanted it any more
            else:
                self._leave(user, asked)
            raise

    def _make_room(self, user: str) -> None:
        greedy = max(self._lines, key=lambda name: len(self._lines[name]), default=user)
        if not self._lines or len(self._lines[greedy]) <= len(self._lines.get(user, ())) + 1:
            raise Busy(self.wait_seconds())
        loser = self._lines[greedy][-1]
        self._leave(greedy, loser)
        if not loser.done():
            loser.set_exception(Busy(self.wait_seconds()))

    def _leave(self, user: str, asked: asyncio.Future[None]) -> None:
        line = self._lines.get(user)
        if line is not None and asked in line:
            line.remove(asked)
            if not line:
                del self._lines[user]

    def _give(self) -> None:
        """Pass a turn on to the next user in line, or keep it for a newcomer."""
        while self._lines:
            user, line = next(iter(self._lines.items()))
            asked = line.popleft()
            self._lines.move_to_end(user)
            if not line:
                del self._lines[user]
            if not asked.done():
                asked.set_result(None)
                return
        self.running -= 1
