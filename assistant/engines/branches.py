"""Texts that begin alike in one row: what they share is read once, and a mask keeps each from what the others go on
with. Four answers to a question take less than half the work this way, and questions after the same examples far less.

Such a mask is the tree attention of speculative decoding (Miao et al. 2023, arXiv:2305.09781), of given texts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

Tokens = tuple[int, ...]
SHARED = 4
"""A text joins a row where at least one in so many of its tokens is there already."""


@dataclass
class Row:
    """Tokens of one or several texts, each once, in the order of a walk through their tree."""

    tokens: list[int] = field(default_factory=list[int])
    depths: list[int] = field(default_factory=list[int])
    """Tokens before each in its own text: its position."""
    branches: list[tuple[int, int, int]] = field(default_factory=list[tuple[int, int, int]])
    """(first place, place after the last, place that it goes on from or -1) of each piece that no other text shares
    with the one before it."""
    places: dict[Tokens, list[int]] = field(default_factory=dict[Tokens, list[int]])
    """Text → where its tokens stand."""
    _last: Tokens = ()

    @property
    def straight(self) -> bool:
        """Whether every token follows the one that stands before it: no mask is needed."""
        return all(start == before + 1 for start, _, before in self.branches)

    def shares(self, text: Tokens) -> int:
        """Tokens of a text that are here already, as a beginning of the last that was added."""
        same = (one == other for one, other in zip(text, self._last, strict=False))
        return next((count for count, equal in enumerate(same) if not equal), min(len(text), len(self._last)))

    def add(self, text: Tokens) -> None:
        """Add a text's tokens."""
        known = self.shares(text)
        path = self.places[self._last][:known] if known else []
        start, new = len(self.tokens), len(text) - known
        if new:
            self.branches.append((start, start + new, path[-1] if path else -1))
        self.tokens += text[known:]
        self.depths += range(known, len(text))
        self.places[text] = [*path, *range(start, start + new)]
        self._last = text

    def mask(self) -> Tensor:
        """Which tokens each reads, (place, place): those before it in its own text, and itself."""
        seen = torch.zeros(len(self.tokens), len(self.tokens), dtype=torch.bool)
        for start, end, before in self.branches:
            if before >= 0:
                seen[start:end] = seen[before]
            seen[start:end, start:end] = torch.ones(end - start, end - start, dtype=torch.bool).tril()
        return seen


def rows(texts: Sequence[Tokens], most_tokens: int) -> Iterator[Row]:
    """Every text once, those that begin alike in one row of at most `most_tokens`, unless one alone has more."""
    row = Row()
    for text in sorted(set(texts)):
        known = row.shares(text)
        if row.tokens and (known * SHARED < len(text) or len(row.tokens) + len(text) - known > most_tokens):
            yield row
            row = Row()
        row.add(text)
    if row.tokens:
        yield row
