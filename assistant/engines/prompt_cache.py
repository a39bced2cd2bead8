"""Keys and values of what was read before: the next turn of a conversation begins with the same tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from transformers import DynamicCache

SHORTEST = 16
"""Tokens that must agree for a kept prompt to be worth taking up."""


@dataclass(frozen=True)
class _Kept:
    tokens: list[int]
    adapter: str | None
    layers: list[tuple[Any, Any]]
    """(keys, values), each (1, head, time, feature)."""
    bytes: int


class PromptCache:
    """The most recent conversations within a budget. Only the model's thread touches it."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._kept: list[_Kept] = []  # the most recent last

    def keep(self, tokens: list[int], adapter: str | None, layers: list[tuple[Any, Any]]) -> None:
        """Remember what was read for `tokens`; what it continues is replaced by it."""
        size = sum(tensor.numel() * tensor.element_size() for layer in layers for tensor in layer)
        if len(tokens) < SHORTEST or size > self._most_bytes:
            return
        self._kept = [k for k in self._kept if k.adapter != adapter or k.tokens != tokens[: len(k.tokens)]]
        self._kept.append(_Kept(tokens, adapter, layers, size))
        while sum(kept.bytes for kept in self._kept) > self._most_bytes:
            del self._kept[0]

    def take(self, prompt: list[int], adapter: str | None, cache: DynamicCache) -> int:
        """Put the longest beginning of `prompt` that is remembered into the empty `cache`; how many tokens that is.

        The last token is never among them: its logits are wanted.
        """
        found, best = 0, None
        for kept in self._kept:
            shared = min(_shared(kept.tokens, prompt), len(prompt) - 1) if kept.adapter == adapter else 0
            if shared >= max(found, SHORTEST):
                found, best = shared, kept
        if best is None:
            return 0
        for number, (keys, values) in enumerate(best.layers):
            # A view will do: a cache grows by making new tensors.
            cache.update(keys[:, :, :found], values[:, :, :found], number)
        self._kept.remove(best)
        self._kept.append(best)
        return found


def _shared(one: list[int], other: list[int]) -> int:
    """How many tokens both begin with."""
    return next(
        (place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )
