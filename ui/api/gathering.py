"""Texts for an encoder: while it reads some, the next gather, fairly between users.

A long request is read in parts, each with a turn of its own: others do not wait until all of it is read, and when
whoever sent it is gone, the rest is left out. Clients that ask again as soon as they are answered are waited for, a
moment: the first of them would else be read alone, and all others behind it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from assistant.engines.protocol import Capability
from assistant.service import Assistant
from ui.api.turns import Busy, Line, NoRoom, Turns

if TYPE_CHECKING:
    import numpy as np

MOST_TOGETHER = 256
"""Texts of several requests that go through the encoder at once: those of the next do not wait longer for it."""
PATIENCE, MOST_PATIENCE_SECONDS = 0.1, 0.005
"""How long those who were just answered are waited for: that share of what reading took, and the most."""
PART_CHARACTERS = 100_000
"""Of one request that are read in a turn: some seconds on two cores."""


@dataclass(eq=False)
class _Asked:
    """A request: its texts, and what is read of them."""

    user: str
    texts: Sequence[str]
    answer: asyncio.Future[tuple[np.ndarray, int]]
    rows: list[np.ndarray] = field(default_factory=list["np.ndarray"])
    read: int = 0
    """Texts."""
    tokens: int = 0

    def part(self) -> Sequence[str]:
        """The texts to read next: one, and as many more as PART_CHARACTERS hold."""
        end, characters = self.read, 0
        while end < len(self.texts) and (end == self.read or characters + len(self.texts[end]) <= PART_CHARACTERS):
            characters += len(self.texts[end])
            end += 1
        return self.texts[self.read : end]

    def take(self, rows: np.ndarray, tokens: int) -> None:
        """Keep what became of a part; the last one answers."""
        import numpy as np

        self.rows.append(rows)
        self.read += len(rows)
        self.tokens += tokens
        if self.read == len(self.texts) and not self.answer.done():
            self.answer.set_result((np.concatenate(self.rows) if len(self.rows) > 1 else rows, self.tokens))

    def fail(self, error: Exception) -> None:
        """Tell whoever asked, where they are still there."""
        if not self.answer.done():
            self.answer.set_exception(error)


class Gathering:
    """The texts of one encoder."""

    def __init__(self, assistant: Assistant, model: str, turns: Turns, most: int) -> None:
        """turns: which it takes its own of. most: requests in line."""
        self._assistant, self._model, self._turns = assistant, model, turns
        self._line: Line[_Asked] = Line(max(1, most))
        self._reader: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, "embeddings")
        """Of its own: each thread that computes has helpers that spin for a while when it is done."""
        self._came = asyncio.Event()
        self._expected, self._patient_until = 0, 0.0
        self.running = 0
        """Requests that are read just now."""

    @property
    def waiting(self) -> int:
        """Requests in line."""
        return len(self._line)

    async def embed(self, texts: Sequence[str], user: str) -> tuple[np.ndarray, int]:
        """(unit-length embeddings (text, dimension) float32, tokens read). Raises Busy where too many wait."""
        asked = _Asked(user, texts, asyncio.get_running_loop().create_future())
        try:
            loser = self._line.put(user, asked)
        except NoRoom:
            raise Busy(self._turns.wait_seconds()) from None
        if loser is not None:
            loser.fail(Busy(self._turns.wait_seconds()))
        self._came.set()
        if self._reader is None or self._reader.done():
            self._reader = asyncio.create_task(self._read())
        try:
            return await asked.answer
        finally:
            self._line.leave(user, asked)

    async def _read(self) -> None:
        """Read what waits, a turn after another, until nothing does."""
        while self._line:
            await self._those_who_come_back()
            if not self._line:
                break
            try:
                async with self._turns.turn(""):
                    await self._turn()
            except Exception as error:  # noqa: BLE001 - there is no turn to be had: it belongs to those who wait for one
                while self._line:
                    self._line.next().fail(error)

    async def _those_who_come_back(self) -> None:
        """Wait a moment after a turn: until those whom it answered stand behind those who stood in line."""
        with suppress(TimeoutError):
            async with asyncio.timeout_at(self._patient_until):
                while len(self._line) < self._expected:
                    self._came.clear()
                    await self._came.wait()

    async def _turn(self) -> None:
        parts: list[tuple[_Asked, Sequence[str]]] = []
        texts = characters = 0
        while self._line and texts < MOST_TOGETHER and characters < PART_CHARACTERS:
            asked = self._line.next()
            parts.append((asked, part := asked.part()))
            texts, characters = texts + len(part), characters + sum(map(len, part))
        loop = asyncio.get_running_loop()
        self.running, start = len(parts), loop.time()
        try:
            await self._answer(parts)
        finally:
            self.running = 0
        now = loop.time()
        self._patient_until = now + min(PATIENCE * (now - start), MOST_PATIENCE_SECONDS)
        self._expected = len(self._line) + len(parts)
        for asked, _ in parts:
            if not asked.answer.done():
                self._line.back(asked.user, asked)

    async def _answer(self, parts: Sequence[tuple[_Asked, Sequence[str]]]) -> None:
        loop = asyncio.get_running_loop()
        try:
            rows, counts = await loop.run_in_executor(self._thread, self._rows, [texts for _, texts in parts])
        except Exception as error:  # noqa: BLE001 - it belongs to those who asked
            if len(parts) == 1:
                parts[0][0].fail(error)
                return
            for part in parts:  # one request's text stands in the way of none but its own
                if not part[0].answer.done():
                    await self._answer([part])
            return
        at = 0
        for (asked, texts), tokens in zip(parts, counts, strict=True):
            asked.take(rows[at : at + len(texts)], tokens)
            at += len(texts)

    def _rows(self, requests: Sequence[Sequence[str]]) -> tuple[np.ndarray, list[int]]:
        """(embeddings of all texts in order, tokens of each request)."""
        engine = self._assistant.engine(self._model, capability=Capability.EMBED)
        rows, counts = engine.embed_counted([text for texts in requests for text in texts])
        each = iter(counts)
        return rows, [sum(islice(each, len(texts))) for texts in requests]


class Gatherings:
    """Those of all encoders that were asked for."""

    def __init__(self, assistant: Assistant, turns: Turns, most: int) -> None:
        self._assistant, self._turns, self._most = assistant, turns, most
        self._made: dict[str, Gathering] = {}

    def of(self, model: str) -> Gathering:
        """The one of a model."""
        if model not in self._made:
            self._made[model] = Gathering(self._assistant, model, self._turns, self._most)
        return self._made[model]

    @property
    def running(self) -> int:
        """Requests that are read just now."""
        return sum(each.running for each in self._made.values())

    @property
    def waiting(self) -> int:
        """Requests in line."""
        return sum(each.waiting for each in self._made.values())
