"""Whose turn it is: a few requests are worked on at once, a few wait, fairly between users, and the rest are told to
come back."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

T = TypeVar("T")
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


class NoRoom(Exception):
    """The line is full, and nobody in it has more than the newcomer."""


class Line(Generic[T]):
    """What waits: each user's in their order, users one after another, `most` of them all.

    When it is full, whoever has most in it loses the latest to a user who has less.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._lines: OrderedDict[str, deque[T]] = OrderedDict()

    def __len__(self) -> int:
        return sum(map(len, self._lines.values()))

    def put(self, user: str, item: T) -> T | None:
        """Stand in line; whoever lost the place to it, if somebody did. Raises NoRoom."""
        loser = self._make_room(user) if len(self) >= self.most else None
        self._lines.setdefault(user, deque()).append(item)
        return loser

    def next(self) -> T:
        """Whose turn it is, out of the line. Raises StopIteration where nobody waits."""
        user, line = next(iter(self._lines.items()))
        item = line.popleft()
        self._lines.move_to_end(user)
        if not line:
            del self._lines[user]
        return item

    def back(self, user: str, item: T) -> None:
        """In line again, first of its user's: it has had a turn and wants another. Its place was never given away."""
        self._lines.setdefault(user, deque()).appendleft(item)

    def leave(self, user: str, item: T) -> None:
        """Out of the line, where it still stands in it."""
        line = self._lines.get(user)
        if line is not None and item in line:
            line.remove(item)
            if not line:
                del self._lines[user]

    def _make_room(self, user: str) -> T:
        greedy = max(self._lines, key=lambda name: len(self._lines[name]), default=user)
        if not self._lines or len(self._lines[greedy]) <= len(self._lines.get(user, ())) + 1:
            raise NoRoom
        loser = self._lines[greedy][-1]
        self.leave(greedy, loser)
        return loser


class Turns:
    """`at_once` turns at a time and `waiting` requests in line. Belongs to one event loop."""

    def __init__(self, at_once: int, waiting: int) -> None:
        self.at_once = at_once
        self.running = 0
        self._line: Line[asyncio.Future[None]] = Line(waiting)
        self._mean_seconds = 1.0

    @property
    def waiting(self) -> int:
        """Requests in line."""
        return len(self._line)

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

    def turn_away(self, seconds: int) -> None:
        """Tell everyone in line that the server is closing, and when another may be there."""
        while self._line:
            asked = self._line.next()
            if not asked.done():
                asked.set_exception(Busy(seconds, closing=True))

    async def _take(self, user: str) -> None:
        if self.running < self.at_once and not self._line:
            self.running += 1
            return
        asked: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        try:
            loser = self._line.put(user, asked)
        except NoRoom:
            raise Busy(self.wait_seconds()) from None
        if loser is not None and not loser.done():
            loser.set_exception(Busy(self.wait_seconds()))
        try:
            await asked
        except asyncio.CancelledError:
            if asked.done() and not asked.cancelled() and asked.exception() is None:
                self._give()  # the turn came in the moment in which nobody wanted it any more
            else:
                self._line.leave(user, asked)
            raise

    def _give(self) -> None:
        """Pass a turn on to the next user in line, or keep it for a newcomer."""
        while self._line:
            asked = self._line.next()
            if not asked.done():
                asked.set_result(None)
                return
        self.running -= 1
