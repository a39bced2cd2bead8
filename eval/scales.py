"""What a figure goes to and which way is better, by its name: what counts as much, and what counts as good."""

from __future__ import annotations

HUNDREDS = ("bleu", "chrf", "chrf++", "ter")
"""Figures from 0 to 100; others that have an upper end go to 1."""
OPEN = ("perplexity", "per_second", "seconds", "gigabytes")
"""How figures end that have no upper end and whose unit is anybody's: of them a share is what counts."""
EVEN = "pct_stereotype"
"""How shares begin that are best at a half: of pairs, how often the stereotype is the likelier."""
HALF = 0.5


def scale(name: str) -> float:
    """What a figure goes to: 100 for BLEU and chrF, 1 for others. name: with its filter or without."""
    return 100.0 if _metric(name) in HUNDREDS else 1.0


def ideal(name: str) -> float | None:
    """Where in the middle a figure is best; None where more, or less, is always better."""
    return HALF if name.startswith(EVEN) else None


def worth(name: str, value: float, higher_is_better: bool) -> float:
    """A figure as one of which more is better: of one that is best in the middle, how near to it it is."""
    middle = ideal(name)
    if middle is not None:
        return -round(abs(value - middle), 9)  # 0.2 and 0.8 are as far away
    return value if higher_is_better else -value


def allowed(name: str, before: float, most: float) -> float:
    """How much worse a figure may be where one from 0 to 1 may be worse by `most`: a hundred times as much of one from
    0 to 100, that share of one without an upper end. Bits a byte count as they are."""
    return most * (abs(before) if _metric(name).endswith(OPEN) else scale(name))


def _metric(name: str) -> str:
    return name.partition(",")[0]
