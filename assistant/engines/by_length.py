"""Texts of like length together: a batch is as wide as its longest text, and padding costs as much as words."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from assistant.engines.protocol import Message

# Each batch has a shape of its own, and for each oneDNN compiles kernels and keeps 1,024 of them: half a gigabyte after
# 200,000 texts. Both variables are read at the first use.
for _variable in ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"):
    os.environ.setdefault(_variable, "64")

PADDED_SHARE, PAIRS = 0.2, 1000
"""Of a token's cost: what its place costs outside of layers that read no padding; and how many pairs of places
attention looks at for it (docs/experiments.md)."""


def count_tokens(tokenizer: Any, messages: Sequence[Message]) -> int:
    """Tokens of the messages' texts, for models that take texts and no messages."""
    return sum(map(len, tokenizer([message.content for message in messages])["input_ids"])) if messages else 0


def portions(texts: Sequence[str], most_texts: int, most_characters: int) -> Iterator[list[str]]:
    """The texts in order, as many together as may be tokenised at once; a longer one alone."""
    some: list[str] = []
    characters = 0
    for text in texts:
        characters += len(text)
        if some and (len(some) == most_texts or characters > most_characters):
            yield some
            some, characters = [], len(text)
        some.append(text)
    if some:
        yield some


def batches(lengths: Sequence[int], most_tokens: int, most_rows: int = 256) -> Iterator[list[int]]:
    """Places in `lengths` that make a batch each, the longest first, so that one that takes too much memory fails at
    once. most_tokens: of one batch, padding included; a longer text has a batch of its own."""
    batch: list[int] = []
    longest = 0
    for place in sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True):
        longest = longest or lengths[place]
        if batch and ((len(batch) + 1) * longest > most_tokens or len(batch) == most_rows):
            yield batch
            batch, longest = [], lengths[place]
        batch.append(place)
    if batch:
        yield batch


def cheapest_batches(
    lengths: Sequence[int], most_tokens: int, pass_tokens: int, most_rows: int = 256, *, unpadded: bool = False
) -> Iterator[list[int]]:
    """The same, in the batches that cost least together: texts of unlike length are apart where another pass costs
    less than the padding. pass_tokens: what a batch costs beside its tokens, in tokens. unpadded: whether all but
    attention reads tokens alone, which are then what `most_tokens` is of.

    By dynamic programming over the texts by length, from the shortest.
    """
    order = sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True)
    total = [0, *accumulate(lengths[place] for place in reversed(order))]
    costs, rows = [0.0], [0]  # of the n shortest texts: what they cost, and how many of them are the first batch
    first = 0  # of those that may stand with the longest of them
    for left in range(1, len(order) + 1):
        longest = lengths[order[-left]]
        while (total[left] - total[first] if unpadded else (left - first) * longest) > most_tokens:
            first += 1
        most = max(1, min(left - first, most_rows))
        text = longest * (PADDED_SHARE + longest / PAIRS) if unpadded else longest
        options = [costs[left - count] + pass_tokens + count * text for count in range(1, most + 1)]
        costs.append(min(options))
        rows.append(options.index(costs[-1]) + 1)
    start = 0
    while start < len(order):
        end = start + rows[len(order) - start]
        yield order[start:end]
        start = end
