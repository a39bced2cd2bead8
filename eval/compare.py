"""Two evaluations of the same questions: is the difference real, is it noise, or are there too few samples to say?

The samples are paired (pairing.py) and each figure gets a verdict (verdicts.py). A group of tasks gets one as a whole;
its parts, of which the one that differs most would be looked at, are judged together (Holm 1979).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from assistant.errors import BadDataset
from eval import samples
from eval.pairing import Pairing, pairings
from eval.results import Results
from eval.scales import ideal, scale
from eval.verdicts import ALPHA, DRAWS, MATTERS, Judgement, Verdict, holm

ROUNDING = 1e-9
"""A difference that comes from how numbers are stored."""


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
    """One figure of one task, before and after. difference: after - before, on the samples that both have; of a figure
    that is best in the middle, of the distances from there."""

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
    parts: int = 0
    """Of a part of a group: how many were judged together, this one among them."""
    left_out: int = 0
    """Samples on which one of the two gave no number."""

    @property
    def better(self) -> bool:
        """Whether after is the better one, real or not."""
        return self._gain > ROUNDING

    @property
    def worse(self) -> bool:
        """Whether after is the worse one, real or not."""
        return self._gain < -ROUNDING

    @property
    def _gain(self) -> float:
        less_is_better = ideal(self.metric) is not None or not self.higher_is_better
        return -self.difference if less_is_better else self.difference

    def told(self) -> str:
        """The verdict as a sentence."""
        return f"{self.candidate}: {self._verdict()}" if self.candidate else self._verdict()

    def _verdict(self) -> str:
        points = f"{self.difference:+.3f}{self._unit} [{self.low:+.3f}, {self.high:+.3f}]"
        chance = f"p = {self.p:.2g}" if self.p >= 1 / DRAWS else f"p < {1 / DRAWS:.4f}"
        if self.parts:
            chance += f", one of {self.parts} parts"
        missing = f" {self.left_out:,} samples gave no number." if self.left_out else ""
        if self.verdict is Verdict.REAL:
            return f"Real: {points}, {'better' if self.better else 'worse'} ({chance}).{missing}"
        if self.verdict is Verdict.NOISE:
            return f"Noise: {points}; no difference that matters.{missing}"
        among = f" for one of {self.parts} parts" if self.parts else ""
        return f"Too few samples{among}: {points}; take {self.needed:,} more.{missing}"

    @property
    def _unit(self) -> str:
        if (middle := ideal(self.metric)) is not None:
            return f" in its distance from {middle:g}"
        return " nats" if "perplexity" in self.metric else ""


def compare_all(
    all_results: Sequence[Results], missed: Callable[[str], object] = lambda said: None
) -> list[Comparison]:
    """The first beside each of the others. missed: hears of each of several that shares no question with the first.

    Raises BadDataset where none does.
    """
    first, *others = all_results
    if len(others) < 2:
        return [each for other in others for each in compare(first, other)]
    found: list[tuple[str, list[Pairing]]] = []
    unlike: list[BadDataset] = []
    for number, other in enumerate(others, 2):
        try:
            found.append((f"{other.model} ({number})", pairings(first, other)))
        except BadDataset as error:
            unlike.append(error)
            missed(f"{other.model} ({number}) is not compared: {error.message}")
    if not found:
        raise unlike[0]
    return [replace(each, candidate=name) for name, paired in found for each in _judged(paired, among=len(found))]


def compare(before: Results, after: Results, *, among: int = 1) -> list[Comparison]:
    """Every figure that both have samples of. among: comparisons that are made at once, each of which must be so much
    the surer. Raises BadDataset where they share none."""
    return _judged(pairings(before, after), among)


def _judged(found: Sequence[Pairing], among: int) -> list[Comparison]:
    """The verdicts. Parts of a group are sure where their p, adjusted for their number, is small enough."""
    families: dict[str, list[Pairing]] = {}
    for each in found:
        families.setdefault(each.family, []).append(each)
    made: list[Comparison] = []
    adjusted = {family: iter(holm([each.measured.p for each in some])) for family, some in families.items() if family}
    for each in found:
        matters, parts = MATTERS * scale(each.figure.name), len(families[each.family]) if each.family else 0
        sure = next(adjusted[each.family]) < ALPHA / among if each.family else None
        made.append(_comparison(each, each.measured.judged(matters, among * max(parts, 1), sure=sure), parts))
    return made


def _comparison(pairing: Pairing, judged: Judgement, parts: int) -> Comparison:
    figure, other = pairing.figure, pairing.other
    return Comparison(
        task=figure.task,
        metric=figure.name,
        before=figure.value,
        after=other.value,
        difference=pairing.measured.difference,
        low=judged.low,
        high=judged.high,
        p=judged.p,
        samples=pairing.measured.samples,
        verdict=judged.verdict,
        needed=judged.needed,
        higher_is_better=figure.higher_is_better,
        flips=_flips(pairing),
        parts=parts,
        left_out=pairing.left_out,
    )


def _flips(pairing: Pairing) -> tuple[Flip, ...]:
    """The samples whose own figures differ, those that differ most first."""
    found = [
        Flip(int(one["doc_id"]), samples.asked(one), samples.right(one), samples.said(one), samples.said(two), change)
        for (one, two), (before, after) in zip(pairing.pairs, pairing.values, strict=True)
        if (change := after - before)
    ]
    return tuple(sorted(found, key=lambda flip: -abs(flip.change)))
