"""Two evaluations of the same questions: is the difference real, is it noise, or are there too few samples to say?

The samples are paired. Of right and wrong answers, McNemar's exact test counts only those on which the two differ
(McNemar 1947); of other figures, signs are drawn anew (Fisher 1935). An interval of the mean difference comes from a
paired bootstrap (Efron 1979). "Real" wants both: a p below ALPHA and an interval without zero.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np

from assistant.errors import BadDataset
from eval.results import Figure, Results

ALPHA = 0.045
"""Below the 5 % that people expect, so that no thousand comparisons of equals have more than fifty that are real."""
POWER_Z = 1.96 + 0.84
"""Standard errors that a difference must have to be found four times of five."""
MATTERS = 0.01
"""The smallest difference that anybody would act on, of a figure from 0 to 1; a hundred times that of one to 100."""
DRAWS = 10_000
EQUAL = 3.0
"""Where no sample differs, at most this many in as many samples may (the rule of three: Hanley 1983)."""


class Verdict(StrEnum):
    """What can be said of a difference."""

    REAL = "real"
    NOISE = "noise"
    TOO_FEW = "too few samples"


@dataclass(frozen=True)
class Flip:
    """A sample on which the two differ."""

    doc_id: int
    asked: str
    right: str
    before: str
    after: str
    change: float


@dataclass(frozen=True)
class Comparison:
    """One figure of one task, before and after. difference: after - before."""

    task: str
    metric: str
    before: float
    after: float
    difference: float
    low: float
    high: float
    """Where the true difference lies, 95 times of a hundred."""
    p: float
    samples: int
    verdict: Verdict
    needed: int = 0
    """Samples more that would tell, as likely as not four times of five, where there are too few."""
    higher_is_better: bool = True
    flips: tuple[Flip, ...] = ()
    candidate: str = ""
    """Whose `after` it is, where several are compared with the first."""

    @property
    def better(self) -> bool:
        """Whether after is the better one, real or not."""
        return (self.difference > 0) is self.higher_is_better

    def told(self) -> str:
        """The verdict as a sentence."""
        return f"{self.candidate}: {self._verdict()}" if self.candidate else self._verdict()

    def _verdict(self) -> str:
        unit = " nats" if "perplexity" in self.metric else ""
        points = f"{self.difference:+.3f}{unit} [{self.low:+.3f}, {self.high:+.3f}]"
        chance = f"p = {self.p:.2g}" if self.p >= 1 / DRAWS else f"p < {1 / DRAWS:.4f}"
        if self.verdict is Verdict.REAL:
            return f"Real: {points}, {'better' if self.better else 'worse'} ({chance})."
        if self.verdict is Verdict.NOISE:
            return f"Noise: {points}; no difference that matters."
        return f"Too few samples: {points}; take {self.needed:,} more."


def judge(
    differences: Sequence[float], *, matters: float = MATTERS, among: int = 1, seed: int = 0
) -> tuple[float, float, float, Verdict, int]:
    """(low, high, p, verdict, samples needed more) of paired differences.

    among: comparisons that are made at once, each of which must be so much the surer (Bonferroni)."""
    values = np.asarray(differences, dtype=float)
    count, mean = len(values), float(values.mean())
    random = np.random.default_rng(seed)
    low, high = _interval(values, random) if values.any() else (-EQUAL / count, EQUAL / count)
    binary = bool(np.isin(values, (-1.0, 0.0, 1.0)).all())
    p = mcnemar(int((values > 0).sum()), int((values < 0).sum())) if binary else _signs(values, random)
    if p < ALPHA / among and not low <= 0 <= high:
        return low, high, p, Verdict.REAL, 0
    if -matters < low and high < matters:
        return low, high, p, Verdict.NOISE, 0
    if not values.any():
        wanted = math.ceil(EQUAL / matters)
    else:
        wanted = math.ceil((POWER_Z * float(values.std(ddof=1)) / max(abs(mean), matters)) ** 2) if count > 1 else 30
    return low, high, p, Verdict.TOO_FEW, max(wanted - count, 1)


def mcnemar(gained: int, lost: int) -> float:
    """The chance of a split at least as uneven, were either way as likely: exact, two-sided."""
    total, fewer = gained + lost, min(gained, lost)
    if not total:
        return 1.0
    logs = [math.lgamma(total + 1) - math.lgamma(k + 1) - math.lgamma(total - k + 1) for k in range(fewer + 1)]
    return min(1.0, 2 * math.fsum(math.exp(each - total * math.log(2)) for each in logs))


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


def compare_all(all_results: Sequence[Results]) -> list[Comparison]:
    """The first beside each of the others. Raises BadDataset where one shares no question with it."""
    first, *others = all_results
    if len(others) < 2:
        return [each for other in others for each in compare(first, other)]
    return [
        replace(each, candidate=f"{other.model} ({number})")
        for number, other in enumerate(others, 2)
        for each in compare(first, other, among=len(others))
    ]


def compare(before: Results, after: Results, *, among: int = 1) -> list[Comparison]:
    """Every figure that both have samples of. among: as judge has it. Raises BadDataset where they share none."""
    found: list[Comparison] = []
    for task in before.tasks:
        if task not in after.tasks:
            continue
        theirs = {_name(row): row for row in after.samples(task)}
        shared = [(row, theirs[_name(row)]) for row in before.samples(task) if _name(row) in theirs]
        figures = {figure.name: figure for figure in before.figures() if figure.task == task}
        others = {figure.name: figure for figure in after.figures() if figure.task == task}
        for name, figure in figures.items():
            if name in others and (pairs := _pairs(shared, figure)):
                found.append(_compared(figure, others[name], pairs, among))
    if not found:
        for each in (before, after):
            if not any(each.samples(task) for task in each.tasks):
                hint = "Give the run, by its id, or its folder: answers lie beside results.json there."
                raise BadDataset(f"{each.path} has figures, but not the answers to each question.", hint=hint)
        hint = "Evaluate both on the same suite, with the same rows."
        raise BadDataset(f"{before.model} and {after.model} have no question in common.", hint=hint)
    return found


def _name(row: Mapping[str, Any]) -> tuple[str, str]:
    """What a sample is known by: its question, and how its answer was read."""
    return row.get("doc_hash") or str(row["doc_id"]), row.get("filter", "none")


def _pairs(
    shared: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]], figure: Figure
) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """The samples that have this figure."""
    kind = figure.name.partition(",")[2]
    return [
        (one, other)
        for one, other in shared
        if one.get("filter", "none") == kind and all(_value(row, figure.metric) is not None for row in (one, other))
    ]


def _compared(
    figure: Figure, other: Figure, pairs: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]], among: int
) -> Comparison:
    values = [[_value(row, figure.metric) or 0.0 for row in both] for both in pairs]
    differences = [after - before for before, after in values]
    matters = MATTERS if max(abs(figure.value), abs(other.value)) <= 1 else 100 * MATTERS
    low, high, p, verdict, needed = judge(differences, matters=matters, among=among)
    flips = [
        Flip(int(one["doc_id"]), _asked(one), _right(one), _said(one), _said(two), change)
        for (one, two), change in zip(pairs, differences, strict=True)
        if change
    ]
    flips.sort(key=lambda flip: -abs(flip.change))
    return Comparison(
        figure.task,
        figure.name,
        figure.value,
        other.value,
        float(np.mean(differences)),
        low,
        high,
        p,
        len(pairs),
        verdict,
        needed,
        figure.higher_is_better,
        tuple(flips),
    )


def _value(row: Mapping[str, Any], metric: str) -> float | None:
    """A sample's own figure; of a perplexity its logarithm, the nats that a word or a byte takes."""
    value: Any = row.get(metric)
    if isinstance(value, list | tuple) and len(value) == 2 and all(isinstance(each, int | float) for each in value):
        unit = math.log(2) if metric == "bits_per_byte" else 1.0
        return -float(value[0]) / float(value[1] or 1) / unit
    return float(value) if isinstance(value, int | float) else None


def _asked(row: Mapping[str, Any]) -> str:
    arguments = row.get("arguments") or [[""]]
    first = arguments[0] if isinstance(arguments, list) else next(iter(arguments.values()))
    return str(first[0] if isinstance(first, list) else next(iter(first.values())))


def _right(row: Mapping[str, Any]) -> str:
    target, choices = row.get("target"), _choices(row)
    return choices[target] if isinstance(target, int) and 0 <= target < len(choices) else str(target)


def _said(row: Mapping[str, Any]) -> str:
    """What the model said; of texts that were scored, the likeliest."""
    answers, choices = row.get("filtered_resps") or [""], _choices(row)
    if choices and len(answers) == len(choices) and all(isinstance(each, list) for each in answers):
        return choices[max(range(len(answers)), key=lambda place: float(answers[place][0]))]
    return str(answers[0])


def _choices(row: Mapping[str, Any]) -> list[str]:
    arguments = row.get("arguments") or []
    if not isinstance(arguments, list) or len(arguments) < 2:
        return []
    return [str(each[1]).strip() if isinstance(each, list) and len(each) > 1 else "" for each in arguments]
