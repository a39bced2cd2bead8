"""One's own models in order: what each was measured to be, how fast it is and what it needs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from eval.report import UNBOUNDED, main_figures, scaled
from eval.results import Figure, Results


@dataclass(frozen=True)
class Place:
    """figures: task → the newest figure that it is quoted by. tokens_per_second, peak_gigabytes: of the fastest form
    that was timed."""

    model: str
    figures: Mapping[str, Figure]
    tokens_per_second: float | None
    peak_gigabytes: float | None

    def beats(self, other: Place) -> int:
        """How many tasks it is better at, less those that it is worse at, of those that both were measured on."""
        shared = self.figures.keys() & other.figures.keys()
        return sum(_sign(self.figures[task], other.figures[task]) for task in shared)


def leaderboard(found: Iterable[Results]) -> list[Place]:
    """The best first: who beats most of the others on the tasks that both were measured on. found: the newest first."""
    figures: dict[str, dict[str, Figure]] = {}
    timed: dict[str, tuple[float, float]] = {}
    for results in found:
        name = label(results)
        own = figures.setdefault(name, {})
        for figure in main_figures(results):
            if figure.metric not in UNBOUNDED or figure.metric == "bits_per_byte":
                own.setdefault(figure.task, figure)
        for pace, memory in _timings(results):
            if pace > timed.get(name, (0.0, 0.0))[0]:
                timed[name] = pace, memory
    places = [Place(name, own, *timed.get(name, (None, None))) for name, own in figures.items()]
    wins = {place.model: sum(_outcome(place.beats(other)) for other in places) for place in places}
    return sorted(places, key=lambda place: (-wins[place.model], -_mean(place), place.model))


def label(results: Results) -> str:
    """A model, and its form where it was not measured as it is."""
    form = results.config.get("quantisation")
    return f"{results.model} ({form})" if form else results.model


def tasks(places: Sequence[Place]) -> list[str]:
    """What was measured, what most of them were measured on first."""
    counts: dict[str, int] = {}
    for place in places:
        for task in place.figures:
            counts[task] = counts.get(task, 0) + 1
    return sorted(counts, key=lambda task: (-counts[task], task))


def _timings(results: Results) -> list[tuple[float, float]]:
    values = {(figure.task, figure.metric): figure.value for figure in results.figures()}
    return [
        (pace, values.get((task, "peak_gigabytes"), 0.0))
        for (task, metric), pace in values.items()
        if metric == "tokens_per_second"
    ]


def _outcome(difference: int) -> int:
    return (difference > 0) - (difference < 0)


def _sign(one: Figure, other: Figure) -> int:
    return (1 if one.higher_is_better else -1) * _outcome((one.value > other.value) - (one.value < other.value))


def _mean(place: Place) -> float:
    values = [scaled(figure)[0] for figure in place.figures.values() if figure.metric not in UNBOUNDED]
    return sum(values) / len(values) if values else 0.0
