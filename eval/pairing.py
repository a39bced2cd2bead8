"""Samples of two evaluations in pairs: of each figure of a task, or of a group of tasks, the difference."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from assistant.errors import BadDataset
from eval import corpus_figures, samples
from eval.results import Figure, Results
from eval.samples import Row
from eval.scales import ideal, scale
from eval.verdicts import Measured, measure

Figures = Mapping[tuple[str, str], Figure]
"""(task, name) → the figure."""
Rows = Mapping[tuple[str, str, int], Row]
"""What a sample is known by, and how often that came before → the sample."""


@dataclass(frozen=True)
class Pairing:
    """One figure in two evaluations, and the difference on the samples that both have."""

    figure: Figure
    other: Figure
    pairs: Sequence[tuple[Row, Row]]
    values: Sequence[tuple[float, float]]
    """Each pair's own figures, before and after; () where a sample has none."""
    measured: Measured
    is_mean: bool = True
    """Whether the figure is the mean of those."""
    left_out: int = 0
    """Pairs in which one of the two has no number (NaN)."""
    family: str = ""
    """Of a part of a group: parts with the same are looked at together, for the largest difference among them."""


def pairings(before: Results, after: Results) -> list[Pairing]:
    """Every figure that both have samples of; groups first, as a whole before their parts. Raises BadDataset where
    there is none."""
    own, theirs = ({(each.task, each.name): each for each in results.figures()} for results in (before, after))
    found = [
        each for task in before.tasks if task in after.tasks for each in _of_task(before, after, task, own, theirs)
    ]
    if not found:
        raise _nothing_shared(before, after)
    inner = {child for group in before.groups for child in before.children(group)}
    whole = [group for group in before.groups if group not in inner]
    parts = [group for group in before.groups if group in inner]
    grouped = [each for group in (*whole, *parts) for each in _of_group(before, group, own, theirs, found)]
    family = {part: group for group in whole for part in _below(before, group)}
    return [
        replace(each, family=f"{family[each.figure.task]} {each.figure.name}") if each.figure.task in family else each
        for each in (*grouped, *found)
    ]


def _of_task(before: Results, after: Results, task: str, own: Figures, theirs: Figures) -> Iterator[Pairing]:
    one, other = (_named(results.samples(task)) for results in (before, after))
    for key, figure in own.items():
        if key[0] == task and key in theirs and (pairing := _pairing(figure, theirs[key], one, other)):
            yield pairing


def _named(rows: Sequence[Row]) -> Rows:
    """Samples by what they are known by; of a row that is there twice, each time is one of its own."""
    seen: Counter[tuple[str, str]] = Counter()
    found: dict[tuple[str, str, int], Row] = {}
    for row in rows:
        name = samples.name(row)
        found[*name, seen[name]] = row
        seen[name] += 1
    return found


def _pairing(figure: Figure, other: Figure, before: Rows, after: Rows) -> Pairing | None:
    """The samples that have this figure, each or all of them together; None where there are none."""
    kind = figure.name.partition(",")[2]
    shared = [(row, after[name]) for name, row in before.items() if name[1] == kind and name in after]
    told = [(pair, _values(pair, figure.metric)) for pair in shared]
    known = [(pair, values) for pair, values in told if values is not None]
    finite = [(pair, values) for pair, values in known if all(map(math.isfinite, values))]
    pairs, values = [pair for pair, _ in finite], [each for _, each in finite]
    if figure.metric in corpus_figures.OF_TEXTS and (counted := _counted(figure, other, before, after, kind)):
        return Pairing(figure, other, pairs, values, counted.measured(scale(figure.name)), is_mean=False)
    if not values:
        return None
    measured = _measured(figure.name, values, [1.0] * len(values))
    return Pairing(figure, other, pairs, values, measured, left_out=len(known) - len(finite))


def _values(pair: tuple[Row, Row], metric: str) -> tuple[float, float] | None:
    before, after = (samples.value(row, metric) for row in pair)
    return None if before is None or after is None else (before, after)


def _measured(name: str, values: Sequence[tuple[float, float]], weights: Sequence[float]) -> Measured:
    """The mean difference, or of a figure that is best in the middle the difference of the distances from there."""
    before, after = ([each[side] for each in values] for side in (0, 1))
    if (middle := ideal(name)) is not None:
        return corpus_figures.distance(before, after, middle, weights).measured()
    return measure((np.array(after) - np.array(before)) * np.array(weights), scale=scale(name))


def _counted(figure: Figure, other: Figure, before: Rows, after: Rows, kind: str) -> corpus_figures.Counted | None:
    """The counts of the samples that both have; None where the texts of all of them do not give the figures that are
    stored, since then they are not what these were reckoned from."""
    told = [
        {name: found for name, row in rows.items() if name[1] == kind and (found := samples.texts(row))}
        for rows in (before, after)
    ]
    shared = [name for name in told[0] if name in told[1]]
    if not shared:
        return None
    labels = list(dict.fromkeys(text for side in told for both in side.values() for text in both))
    count, reckon = corpus_figures.counter(figure.metric, labels)
    chosen: list[np.ndarray] = []
    for side, stored in zip(told, (figure, other), strict=True):
        said, right = ([text[place] for text in side.values()] for place in (0, 1))
        counts = count(said, right)
        if not math.isclose(corpus_figures.whole(counts, reckon), stored.value, rel_tol=1e-6, abs_tol=1e-9):
            return None
        places = {name: place for place, name in enumerate(side)}
        chosen.append(counts[[places[name] for name in shared]])
    before_counts, after_counts = chosen
    return corpus_figures.Counted(before_counts, after_counts, reckon)


def _of_group(
    results: Results, group: str, own: Figures, theirs: Figures, found: Sequence[Pairing]
) -> Iterator[Pairing]:
    """A group's own figures, from the samples of all its tasks, which count as the harness counts them."""
    leaves = set(results.leaves(group))
    for key, figure in own.items():
        parts = [
            each for each in found if each.figure.task in leaves and each.figure.name == figure.name and each.is_mean
        ]
        if key[0] != group or key not in theirs or not parts:
            continue
        values = [value for part in parts for value in part.values]
        by_size = _counts_by_size(figure, [own[leaf, figure.name] for leaf in leaves if (leaf, figure.name) in own])
        shares = [1.0 if by_size else len(values) / (len(parts) * len(part.values)) for part in parts]
        weights = [share for share, part in zip(shares, parts, strict=True) for _ in part.values]
        pairs = [pair for part in parts for pair in part.pairs]
        left_out = sum(part.left_out for part in parts)
        measured = _measured(figure.name, values, weights)
        yield Pairing(figure, theirs[key], pairs, values, measured, left_out=left_out)


def _counts_by_size(group: Figure, parts: Sequence[Figure]) -> bool:
    """Whether a group's figure is that of all its samples, as MMLU's is, rather than the mean of its tasks' figures, as
    BLiMP's is: results do not say so themselves."""
    rows = sum(part.samples for part in parts)
    if not rows:
        return False
    by_size = sum(part.value * part.samples for part in parts) / rows
    alike = sum(part.value for part in parts) / len(parts)
    return abs(group.value - by_size) <= abs(group.value - alike)


def _below(results: Results, group: str) -> Iterator[str]:
    """Everything that a group is made of, at whatever depth."""
    waiting, seen = results.children(group), {group}
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            yield name
            waiting = [*waiting, *results.children(name)]


def _nothing_shared(before: Results, after: Results) -> BadDataset:
    for each in (before, after):
        if not any(each.samples(task) for task in each.tasks):
            hint = "Give the run, by its id, or its folder: answers lie beside results.json there."
            return BadDataset(f"{each.path} has figures, but not the answers to each question.", hint=hint)
        if not all(math.isfinite(figure.value) for figure in each.figures()):
            hint = "A training that diverged leaves such a model: train it anew with a smaller learning_rate."
            return BadDataset(f"{each.model} has figures that are no numbers.", hint=hint)
    hint = "Evaluate both on the same suite, with the same rows."
    return BadDataset(f"{before.model} and {after.model} have no question in common.", hint=hint)
