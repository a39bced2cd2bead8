"""Rewards that need no model: pure functions of answers, for reinforcement learning and for tests of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

Lengths = Sequence[int]


def length_penalty(lengths: Lengths, wanted: int, each: float) -> list[float]:
    """Minus `each` for every token beyond `wanted`: reward models like long answers for their length alone.

    lengths: tokens of answers.
    """
    return [-each * max(0, length - wanted) for length in lengths]


def repetition_penalty(texts: Sequence[str], most: float = 1.0) -> list[float]:
    """From 0 where every three words in a row differ, to minus `most` where they are the same throughout."""
    found: list[float] = []
    for text in texts:
        words = text.lower().split()
        triples = list(zip(words, words[1:], words[2:], strict=False))
        found.append(-most * (1 - len(set(triples)) / len(triples)) if triples else 0.0)
    return found


def named(name: str, function: Callable[..., list[float]]) -> Callable[..., list[float]]:
    """The function under a name that figures are listed by."""
    function.__name__ = name
    return function
