"""A gate for a pipeline: does a candidate fall behind a baseline by more than it may?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from eval.results import Results


@dataclass(frozen=True)
class Drop:
    """A figure that is worse than it may be. after: None where the candidate does not have it at all."""

    task: str
    metric: str
    before: float
    after: float | None

    def told(self) -> str:
        if self.after is None:
            return f"{self.task} {self.metric}: {self.before:.4g} before, missing now"
        return f"{self.task} {self.metric}: {self.before:.4g} before, {self.after:.4g} now"


def drops(baseline: Results, candidate: Results, most: float) -> Iterator[Drop]:
    """Every figure of the baseline's that the candidate misses by more than `most`; of figures from 0 to 100 (BLEU,
    chrF), by more than a hundred times as much."""
    theirs = {(figure.task, figure.name): figure.value for figure in candidate.figures()}
    for figure in baseline.figures():
        after = theirs.get((figure.task, figure.name))
        if after is None:
            yield Drop(figure.task, figure.metric, figure.value, None)
            continue
        lost = (figure.value - after) * (1 if figure.higher_is_better else -1)
        if lost > most * (1 if max(abs(figure.value), abs(after)) <= 1 else 100) + 1e-12:
            yield Drop(figure.task, figure.metric, figure.value, after)
