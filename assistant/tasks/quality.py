"""How good a translator is: the BLEU that was measured of it, in words, and beside another's.

The bands are those that Google's documentation of AutoML Translation gives for BLEU. A figure is of one test set and
one target language; only figures of the same set and direction can be compared.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

BANDS = (
    (50, "very good"),
    (40, "good"),
    (30, "understandable"),
    (20, "the gist with grave mistakes"),
    (10, "hardly the gist"),
    (0, "of little use"),
)
GOOD = 40

Measured = Mapping[str, Mapping[str, float]]
"""Direction ("en-fr") → name of a test set → BLEU."""

WORDS = {"everyday sentences (Tatoeba)": 6.5, "long sentences (FLORES-101)": 21.0}
"""Test set → words in its English sentences, on average: a text is served as the set that is nearest in length was."""


def in_words(bleu: float) -> str:
    """What a person can expect of translations with this BLEU."""
    return next((words for least, words in BANDS if bleu >= least), BANDS[-1][1])


def told(measured: Measured, direction: str, words: float | None = None) -> str:
    """The figures of a direction that tell of a text as half a sentence, "" where there are none. words: the text's, a
    sentence, None where they are not known."""
    figures = _telling(measured, direction, words)
    return "; ".join(f"{in_words(bleu)} on {name}, BLEU {bleu:.0f}" for name, bleu in figures.items())


def good(measured: Measured, direction: str, words: float | None = None) -> bool:
    """Whether all that was measured of a direction and tells of a text, and something was, is good."""
    figures = _telling(measured, direction, words)
    return bool(figures) and min(figures.values()) >= GOOD


def worse(one: Measured, other: Measured, direction: str, words: float | None = None) -> bool:
    """Whether `one` is behind `other` on any test set that both were measured on and that tells of a text."""
    theirs = other.get(direction, {})
    both = {direction: {name: bleu for name, bleu in one.get(direction, {}).items() if name in theirs}}
    return any(bleu < theirs[name] for name, bleu in _telling(both, direction, words).items())


def _telling(measured: Measured, direction: str, words: float | None) -> Mapping[str, float]:
    """Of the test sets whose length is known, the nearest alone."""
    figures = measured.get(direction, {})
    known = [name for name in figures if name in WORDS]
    if words is None or not known:
        return figures
    nearest = min(known, key=lambda name: abs(math.log(max(words, 1) / WORDS[name])))
    return {name: bleu for name, bleu in figures.items() if name == nearest or name not in WORDS}
