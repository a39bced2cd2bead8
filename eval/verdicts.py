"""What can be said of a difference that was measured on samples in pairs: real, noise, or too few samples to say.

Of right and wrong answers, McNemar's exact test counts only those on which the two differ (McNemar 1947); of other
figures, signs are drawn anew (Fisher 1935). An interval of the mean difference comes from a paired bootstrap (Efron
1979). "Real" wants both: a p below ALPHA and an interval without zero.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

ALPHA = 0.045
"""Below the 5 % that people expect, so that no thousand comparisons of equals have more than fifty that are real."""
POWER = 0.8
"""How often a difference is to be found by as many samples as are asked for."""
MATTERS = 0.01
"""The smallest difference that anybody would act on, of a figure from 0 to 1; a hundred times that of one to 100."""
DRAWS = 10_000
EQUAL = 3.0
"""Where no sample differs, at most this many in as many samples may (the rule of three: Hanley 1983)."""
FEWEST = 30
"""Samples that are asked for where a single one says nothing of their spread."""


class Verdict(StrEnum):
    """What can be said of a difference."""

    REAL = "real"
    NOISE = "noise"
    TOO_FEW = "too few samples"


class Judgement(NamedTuple):
    """What is said of a difference. needed: samples more that would tell, four times of five, where there are too few;
    0 otherwise."""

    low: float
    high: float
    p: float
    verdict: Verdict
    needed: int


@dataclass(frozen=True)
class Measured:
    """A difference, measured. low, high: where the true one lies, 95 times of a hundred. p: the chance of one at least
    as large between equals."""

    difference: float
    low: float
    high: float
    p: float
    samples: int
    spread: float | None
    """The deviation of one sample's difference, by which the error shrinks with their number; None of a single one."""
    scale: float = 1.0
    """What the figure goes to."""

    def judged(self, matters: float = MATTERS, among: int = 1, *, sure: bool | None = None) -> Judgement:
        """The verdict. among: comparisons that are made at once, each of which must be so much the surer (Bonferroni).
        sure: whether p is small enough, where that was decided for several together."""
        if sure is None:
            sure = self.p < ALPHA / among
        if sure and not self.low <= 0 <= self.high:
            return Judgement(self.low, self.high, self.p, Verdict.REAL, 0)
        if -matters < self.low and self.high < matters:
            return Judgement(self.low, self.high, self.p, Verdict.NOISE, 0)
        more = max(self._wanted(matters, among) - self.samples, 1)
        return Judgement(self.low, self.high, self.p, Verdict.TOO_FEW, more)

    def _wanted(self, matters: float, among: int) -> int:
        if self.spread is None:
            return FEWEST
        if not self.spread and not self.difference:
            return math.ceil(EQUAL * self.scale / matters)
        errors = NormalDist().inv_cdf(1 - 0.025 / among) + NormalDist().inv_cdf(POWER)
        return math.ceil((errors * self.spread / max(abs(self.difference), matters)) ** 2)


def judge(differences: Sequence[float], *, matters: float = MATTERS, among: int = 1, seed: int = 0) -> Judgement:
    """The verdict on paired differences. among: as Measured.judged has it."""
    return measure(differences, seed=seed).judged(matters, among)


def measure(differences: Sequence[float] | np.ndarray, *, scale: float = 1.0, seed: int = 0) -> Measured:
    """The mean of paired differences."""
    values = np.asarray(differences, dtype=float)
    count, mean = len(values), float(values.mean())
    if not values.any():
        return unchanged(count, scale)
    random = np.random.default_rng(seed)
    low, high = _interval(values, random)
    binary = bool(np.isin(values, (-1.0, 0.0, 1.0)).all())
    p = mcnemar(int((values > 0).sum()), int((values < 0).sum())) if binary else _signs(values, random)
    spread = float(values.std(ddof=1)) if count > 1 else None
    return Measured(mean, low, high, p, count, spread, scale)


def unchanged(count: int, scale: float) -> Measured:
    """Of samples none of which differs."""
    most = EQUAL * scale / count
    return Measured(0.0, -most, most, 1.0, count, 0.0, scale)


def mcnemar(gained: int, lost: int) -> float:
    """The chance of a split at least as uneven, were either way as likely: exact, two-sided."""
    total, fewer = gained + lost, min(gained, lost)
    if not total:
        return 1.0
    logs = [math.lgamma(total + 1) - math.lgamma(k + 1) - math.lgamma(total - k + 1) for k in range(fewer + 1)]
    return min(1.0, 2 * math.fsum(math.exp(each - total * math.log(2)) for each in logs))


def holm(ps: Sequence[float]) -> list[float]:
    """The p of each of a family that was tested together (Holm 1979): below a level, they are so with no more than that
    chance of a single one among them that is not real, whatever their number."""
    adjusted, most = [1.0] * len(ps), 0.0
    for rank, place in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        most = max(most, min(1.0, (len(ps) - rank) * ps[place]))
        adjusted[place] = most
    return adjusted


def _interval(values: np.ndarray, random: np.random.Generator) -> tuple[float, float]:
    """2.5 and 97.5 per cent of the means of samples drawn anew. Equal differences are drawn as counts."""
    kinds, counts = np.unique(values, return_counts=True)
    if len(kinds) < len(values) // 4:
        drawn = random.multinomial(len(values), counts / len(values), size=DRAWS)
        means = drawn @ kinds / len(values)
    else:
        means = np.concatenate(
            [values[random.integers(0, len(values), (100, len(values)))].mean(1) for _ in range(DRAWS // 100)]
        )
    low, high = np.percentile(means, (2.5, 97.5))
    return float(low), float(high)


def _signs(values: np.ndarray, random: np.random.Generator) -> float:
    """The chance of a mean at least as far from zero, were each sign as likely."""
    sums = np.concatenate([random.choice((-1.0, 1.0), (100, len(values))) @ values for _ in range(DRAWS // 100)])
    return float((np.abs(sums) >= abs(values.sum()) - 1e-12).mean())
