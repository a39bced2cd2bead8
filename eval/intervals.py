"""Intervals of figures that came without one, from the samples where they were kept.

A mean has the standard error of its samples. Bits a byte and perplexities are a ratio of two sums (nats over bytes or
words), whose error is that of the samples' distances from the ratio (Cochran 1977, Sampling Techniques, section 2.11).
Of what is neither, such as a calibration error, none can be had from the samples' own figures.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from assistant.errors import BadDataset
from eval.metrics import standard_error
from eval.results import Figure, Results

KEPT = 1024
"""Errors that are remembered: a page asks for the same ones every second."""
ALIKE = 1e-4
"""How far, as a share, a figure may be from what its samples give: else it is made in another way."""


def figures(results: Results) -> Iterator[Figure]:
    """Every figure of every task, with an error wherever one can be had."""
    for figure in results.figures():
        path = results.path.parent / f"samples_{figure.task}.jsonl"
        if figure.error or not path.is_file():
            yield figure
        else:
            yield replace(figure, error=_error(path, path.stat().st_mtime_ns, figure))


@lru_cache(maxsize=KEPT)
def _error(path: Path, changed_ns: int, figure: Figure) -> float:
    """changed_ns: when the samples were written, so that others in their place are looked at anew."""
    kind = figure.name.partition(",")[2]
    try:
        rows = Results(path.with_name("results.json"), {}).samples(figure.task)
    except (BadDataset, OSError, ValueError):  # not to be read: whoever compares samples says so
        return 0.0
    values = [row.get(figure.metric) for row in rows if row.get("filter", "none") == kind]
    numbers = [float(value) for value in values if isinstance(value, int | float)]
    if numbers and len(numbers) == len(values):
        return standard_error(numbers) if _alike(math.fsum(numbers) / len(numbers), figure.value) else 0.0
    pairs = [
        (-float(value[0]), float(value[1]))
        for value in values
        if isinstance(value, list) and len(value) == 2 and all(isinstance(each, int | float) for each in value)
    ]
    return _ratio_error(pairs, figure) if len(pairs) == len(values) else 0.0


def _ratio_error(pairs: Sequence[tuple[float, float]], figure: Figure) -> float:
    """pairs: nats of a sample, and the bytes or words that they are spread over."""
    count, whole = len(pairs), sum(size for _, size in pairs)
    if count < 2 or not whole or figure.value <= 0:
        return 0.0
    ratio = sum(nats for nats, _ in pairs) / whole
    spread = sum((nats - ratio * size) ** 2 for nats, size in pairs)
    error = math.sqrt(spread * count / (count - 1)) / whole
    if figure.metric == "bits_per_byte":
        return error / math.log(2) if _alike(ratio / math.log(2), figure.value) else 0.0
    return figure.value * error if _alike(ratio, math.log(figure.value)) else 0.0  # of a perplexity


def _alike(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=ALIKE, abs_tol=1e-9)
