"""What was timed, in one table: model by engine and form, the fastest first, with what is right at that speed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from eval.results import Results
from eval.suite import titles

HEAD = ("model", "form", "tokens/s", "first token, s", "loading, s", "memory, GB", "right answers")


@dataclass(frozen=True)
class Timing:
    """One model on one engine in one form. place: of its evaluation among those that are shown, from 0.

    right: share of questions, 0 to 1; None where none was asked.
    """

    place: int
    model: str
    form: str
    tokens_per_second: float
    first_token_seconds: float | None
    load_seconds: float | None
    peak_gigabytes: float | None
    right: float | None

    @property
    def cells(self) -> tuple[str, ...]:
        """Its line of the table, in the order of HEAD."""
        return (
            self.model,
            self.form,
            f"{self.tokens_per_second:,.1f}",
            _told(self.first_token_seconds, ".2f"),
            _told(self.load_seconds, ".1f"),
            _told(self.peak_gigabytes, ".2f"),
            _told(self.right, ".2f"),
        )


def timings(found: Sequence[Results]) -> list[Timing]:
    """Everything that was timed in some evaluations, the fastest first."""
    timed: list[Timing] = []
    for place, each in enumerate(found):
        values = {(figure.task, figure.metric): figure.value for figure in each.figures()}
        for (task, metric), pace in values.items():
            if metric == "tokens_per_second":
                names = ("first_token_seconds", "load_seconds", "peak_gigabytes", "right")
                rest = [values.get((task, name)) for name in names]
                timed.append(Timing(place, each.model, titles().get(task, task), pace, *rest))
    return sorted(timed, key=lambda timing: -timing.tokens_per_second)


def _told(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)
