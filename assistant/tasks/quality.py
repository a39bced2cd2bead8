"""How good a translator is: the BLEU that was measured of it, in words, and beside another's.

The bands are those that Google's documentation of AutoML Translation gives for BLEU. A figure is of one test set and
one target language; only figures of the same set and direction can be compared.
"""

from __future__ import annotations

from collections.abc import Mapping

BANDS = (
    (50, "very good"),
    (40, "good"),
    (30, "understandable"),
    (20, "the gist, with grave mistakes"),
    (10, "hardly the gist"),
    (0, "of little use"),
)
GOOD = 40

Measured = Mapping[str, Mapping[str, float]]
"""Direction ("en-fr") → name of a test set → BLEU."""


def in_words(bleu: float) -> str:
    """What a person can expect of translations with this BLEU."""
    return next((words for least, words in BANDS if bleu >= least), BANDS[-1][1])


def told(measured: Measured, direction: str) -> str:
    """The figures of a direction as half a sentence, "" where there are none."""
    figures = measured.get(direction, {})
    return "; ".join(f"BLEU {bleu:.0f} on {name}: {in_words(bleu)}" for name, bleu in figures.items())


def good(measured: Measured, direction: str) -> bool:
    """Whether all that was measured of a direction, and something was, is good."""
    figures = measured.get(direction, {})
    return bool(figures) and min(figures.values()) >= GOOD


def worse(one: Measured, other: Measured, direction: str) -> bool:
    """Whether `one` is behind `other` on any test set that both were measured on."""
    mine, theirs = one.get(direction, {}), other.get(direction, {})
    return any(mine[name] < theirs[name] for name in mine.keys() & theirs.keys())
