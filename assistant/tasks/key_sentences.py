"""A text's key sentences, by the likeness of their embeddings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from assistant.tasks import Embed
from assistant.tasks.sentences import Sentence

if TYPE_CHECKING:
    import numpy as np

DIVERSITY = 0.3
"""How much likeness to a sentence that is chosen already counts against a sentence (Carbonell and Goldstein 1998)."""
NEIGHBOURS = 0.15
"""Likeness above which two sentences count as speaking of the same."""
LEAD = 0.15
"""What a sentence gains by standing first; texts open with what they are about."""
MOST_SENTENCES = 4000
"""Of a text that is summarised by its sentences: their likeness is a square table."""
LEAST_WORDS = 4
"""A shorter sentence is a heading, and no key sentence."""


def key_sentences(sentences: Sequence[Sentence], count: int, embed: Embed) -> list[Sentence]:
    """The sentences that say most of the text, in its order.

    Centrality is the stationary distribution of a walk between alike sentences (LexRank, Erkan and Radev 2004,
    doi:10.1613/jair.1523); each choice counts likeness to those before against (maximal marginal relevance).
    """
    if count >= len(sentences):
        return list(sentences)
    able = [each for each in sentences if len(each.text.split()) >= LEAST_WORDS] or list(sentences)
    able = able[:MOST_SENTENCES]
    vectors = embed([each.text for each in able])
    likeness = vectors @ vectors.T
    weight = centrality(likeness)
    weight = weight / weight.max()
    weight = weight + LEAD / (1 + _places(len(able)))
    chosen: list[int] = []
    near = _zeros(len(able))
    while len(chosen) < min(count, len(able)):
        worth = (1 - DIVERSITY) * weight - DIVERSITY * near
        worth[chosen] = -math.inf
        best = int(worth.argmax())
        chosen.append(best)
        near = near.clip(min=likeness[best])
    return [able[place] for place in sorted(chosen)]


def centrality(likeness: np.ndarray, damping: float = 0.15, steps: int = 50) -> np.ndarray:
    """LexRank of each sentence, (sentence,), from (sentence, sentence) cosines."""
    links = likeness.clip(min=0) * (likeness > NEIGHBOURS)
    links = links / links.sum(1, keepdims=True).clip(min=1e-9)
    rank = _zeros(len(links)) + 1 / len(links)
    for _ in range(steps):
        rank = damping / len(links) + (1 - damping) * (rank @ links)
    return rank


def _places(count: int) -> np.ndarray:
    import numpy as np

    return np.arange(count, dtype=np.float32)


def _zeros(count: int) -> np.ndarray:
    import numpy as np

    return np.zeros(count, np.float32)
