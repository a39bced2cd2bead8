"""Figures of a set of samples that are no mean of each one's: BLEU, chrF, macro-F1, the distance from a half.

Each sample keeps counts, and a figure is reckoned from their sums, so that it can be had anew of any samples. Two
evaluations are compared by a paired bootstrap, which draws the same samples of both (Koehn 2004, Statistical
significance tests for machine translation evaluation), and by approximate randomisation, which swaps the two in half of
the samples (Noreen 1989): as sacrebleu does both.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from eval.verdicts import Measured, unchanged

DRAWS = 2_000
OF_TEXTS = ("bleu", "chrf", "f1_macro")
"""Figures that are reckoned anew from what was said and what is right."""

Count = Callable[[Sequence[str], Sequence[str]], np.ndarray]
"""What was said, and what is right → (samples, counts)."""
Reckon = Callable[[np.ndarray], np.ndarray]
"""(draws, counts) of sums → (draws,) figures."""


@dataclass(frozen=True)
class Counted:
    """Counts of each sample, (samples, counts), before and after, and the figure of their sums."""

    before: np.ndarray
    after: np.ndarray
    figure: Reckon

    def measured(self, scale: float = 1.0, seed: int = 0) -> Measured:
        """The difference of the two figures."""
        rows, before, after = len(self.before), self.before, self.after
        if (before == after).all():
            return unchanged(rows, scale)
        random = np.random.default_rng(seed)
        observed = whole(after, self.figure) - whole(before, self.figure)
        times = random.multinomial(rows, [1 / rows] * rows, size=DRAWS)  # how often each sample is drawn
        drawn = self.figure(times @ after) - self.figure(times @ before)
        kept = random.integers(0, 2, (DRAWS, rows))
        own = kept @ after + (1 - kept) @ before
        other = before.sum(0) + after.sum(0) - own
        swapped = np.abs(self.figure(own) - self.figure(other))
        p = (int((swapped >= abs(observed) - 1e-9).sum()) + 1) / (DRAWS + 1)
        low, high = (float(each) for each in np.percentile(drawn, (2.5, 97.5)))
        spread = float(drawn.std(ddof=1)) * math.sqrt(rows) if rows > 1 else None
        return Measured(observed, low, high, p, rows, spread, scale)


def whole(counts: np.ndarray, figure: Reckon) -> float:
    """The figure of all samples."""
    return float(figure(counts.sum(0)[None])[0])


def counter(metric: str, labels: Sequence[str]) -> tuple[Count, Reckon]:
    """How one of OF_TEXTS is counted, and reckoned. labels: every one that is right or was said."""
    return _labels(labels) if metric == "f1_macro" else _overlap(metric)


def distance(before: Sequence[float], after: Sequence[float], middle: float, weights: Sequence[float]) -> Counted:
    """How far the mean is from where it is best. weights: of the samples, such as a group counts them."""

    def figure(sums: np.ndarray) -> np.ndarray:
        return np.abs(sums[:, 0] / np.maximum(sums[:, 1], 1e-12) - middle)

    weight = np.asarray(weights, dtype=float)
    one, other = (np.stack([np.asarray(values, dtype=float) * weight, weight], 1) for values in (before, after))
    return Counted(one, other, figure)


def _labels(labels: Sequence[str]) -> tuple[Count, Reckon]:
    """macro-F1: of each label how often it was said and right, was said, and is right."""

    def count(said: Sequence[str], right: Sequence[str]) -> np.ndarray:
        told, there = (np.array([[each == label for label in labels] for each in some], int) for some in (said, right))
        return np.concatenate([told * there, told, there], 1)

    def figure(sums: np.ndarray) -> np.ndarray:
        hits, said, there = np.split(sums, 3, axis=1)
        seen = said + there
        scores = np.divide(2 * hits, seen, out=np.zeros(seen.shape), where=seen > 0)
        return scores.sum(1) / np.maximum((seen > 0).sum(1), 1)  # a label that nobody has and nobody says is no label

    return count, figure


def _overlap(metric: str) -> tuple[Count, Reckon]:
    """BLEU and chrF by sacrebleu's own counts and its own formula."""
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

    scorer: Any = BLEU() if metric == "bleu" else CHRF()  # what its own tests of significance call has no public name

    def count(said: Sequence[str], right: Sequence[str]) -> np.ndarray:
        return np.array(scorer._extract_corpus_statistics(list(said), [list(right)]))

    def figure(sums: np.ndarray) -> np.ndarray:
        return np.array([scorer._compute_score_from_stats(row).score for row in sums.tolist()])

    return count, figure
