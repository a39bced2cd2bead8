"""One's own models in order: what each was measured to be, how fast it is and what it needs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from assistant.errors import ParleyError
from assistant.service import Assistant
from eval.report import UNBOUNDED, main_figures, scaled
from eval.results import Figure, Results
from eval.scales import ideal
from eval.timings import timings

Condition = tuple[str, ...]
"""What figures of a task share that can be compared (Results.condition)."""


@dataclass(frozen=True)
class Place:
    """figures: task → the figure that it is quoted by, of the evaluation with most rows, the newest among equals. Those
    of a task are measured alike: with as many examples first, on rows of one source. tokens_per_second,
    peak_gigabytes: of the fastest form that was timed. parameters: how many numbers the model has."""

    model: str
    figures: Mapping[str, Figure]
    tokens_per_second: float | None
    peak_gigabytes: float | None
    parameters: int | None = None

    def beats(self, other: Place) -> int:
        """How many tasks it is better at, less those that it is worse at, of those that both were measured on."""
        shared = self.figures.keys() & other.figures.keys()
        return sum(_sign(self.figures[task], other.figures[task]) for task in shared)


def leaderboard(found: Iterable[Results], parameters: Callable[[str], int | None] = lambda _: None) -> list[Place]:
    """The best first: who beats most of the others on the tasks that both were measured on. found: the newest first.
    parameters: how many numbers a model has, where that is known."""
    models: dict[str, str] = {}
    measured: dict[str, list[tuple[str, Condition, Figure]]] = {}
    timed: dict[str, tuple[float, float]] = {}
    for results in found:
        name = label(results)
        models[name] = results.model
        for figure in main_figures(results):
            if figure.metric not in UNBOUNDED or figure.metric == "bits_per_byte":
                measured.setdefault(figure.task, []).append((name, results.condition(figure.task), figure))
        for timing in timings([results])[:1]:
            if timing.tokens_per_second > timed.get(name, (0.0, 0.0))[0]:
                timed[name] = timing.tokens_per_second, timing.peak_gigabytes or 0.0
    figures: dict[str, dict[str, Figure]] = {name: {} for name in models}
    for task, some in measured.items():
        for name, figure in _alike(some):
            if task not in figures[name] or figure.samples > figures[name][task].samples:
                figures[name][task] = figure
    places = [
        Place(name, own, *timed.get(name, (None, None)), parameters(models[name])) for name, own in figures.items()
    ]
    wins = {place.model: sum(_outcome(place.beats(other)) for other in places) for place in places}
    return sorted(places, key=lambda place: (-wins[place.model], -_mean(place), place.model))


def parameters_of(assistant: Assistant) -> Callable[[str], int | None]:
    """How many numbers a model has that is known here; None of one that is gone, or that a server runs."""

    def counted(model: str) -> int | None:
        with suppress(ParleyError):
            return getattr(assistant.find(model), "parameters", None) or None
        return None

    return counted


def about(place: Place) -> list[str]:
    """Size, speed and memory of a model, as far as they are known, for people."""
    return [
        *([f"{place.parameters / 1e6:,.0f} M weights"] if place.parameters else []),
        *([f"{place.tokens_per_second:,.0f} tokens/s"] if place.tokens_per_second else []),
        *([f"{place.peak_gigabytes:.1f} GB"] if place.peak_gigabytes else []),
    ]


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


def _alike(some: Sequence[tuple[str, Condition, Figure]]) -> Iterator[tuple[str, Figure]]:
    """Of a task's figures with their models, the newest first, those that were measured in the way that most models
    were; among ways that as many were, that with most rows, then the newest."""

    def weight(condition: Condition) -> tuple[int, int]:
        own = [(name, figure.samples) for name, way, figure in some if way == condition]
        return len({name for name, _ in own}), max(rows for _, rows in own)

    chosen = max(dict.fromkeys(way for _, way, _ in some), key=weight)
    yield from ((name, figure) for name, way, figure in some if way == chosen)


def _outcome(difference: float) -> int:
    return (difference > 0) - (difference < 0)


def _sign(one: Figure, other: Figure) -> int:
    return _outcome(one.worth - other.worth)


def _mean(place: Place) -> float:
    """Of the figures of which more is better."""
    marks = [
        scaled(figure)[0] for figure in place.figures.values() if figure.higher_is_better and ideal(figure.name) is None
    ]
    known = [mark for mark in marks if math.isfinite(mark)]
    return sum(known) / len(known) if known else 0.0
