"""Texts of like length together: a batch is as wide as its longest text, and padding costs as much as words."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from assistant.engines.protocol import Message

# Each batch has a shape of its own, and for each oneDNN compiles kernels and keeps 1,024 of them: half a gigabyte after
# 200,000 texts. Both variables are read at the first use.
for _variable in ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"):
    os.environ.setdefault(_variable, "128")


def count_tokens(tokenizer: Any, messages: Sequence[Message]) -> int:
    """Tokens of the messages' texts, for models that take texts and no messages."""
    return sum(map(len, tokenizer([message.content for message in messages])["input_ids"])) if messages else 0


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
