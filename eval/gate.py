"""A gate for a pipeline: does a candidate fall behind a baseline by more than it may?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from assistant.errors import BadDataset
from eval.results import Results
from eval.scales import allowed

ROUNDING = 1e-12
"""What a figure may be off by because of how numbers are stored."""


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
    """Every figure of the baseline's that the candidate misses by more than it may (scales.allowed). What is no number
    on either side (NaN, of a model that has come apart) never passes.

    Raises BadDataset where the baseline has no figures: nothing could fall behind it.
    """
    before = list(baseline.figures())
    if not before:
        hint = "Give results with figures, such as a run's, by its id."
        raise BadDataset(f"{baseline.path} has no figures to fall behind.", hint=hint)
    theirs = {(figure.task, figure.name): figure for figure in candidate.figures()}
    for figure in before:
        after = theirs.get((figure.task, figure.name))
        if after is None:
            yield Drop(figure.task, figure.metric, figure.value, None)
        elif not figure.worth - after.worth <= allowed(figure.name, figure.value, most) + ROUNDING:
            yield Drop(figure.task, figure.metric, figure.value, after.value)
