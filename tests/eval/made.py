"""Results that were made up, as an evaluation leaves them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from eval import metrics, results
from eval.results import Results


def made(
    folder: Path,
    hits: Sequence[float],
    *,
    model: str = "some",
    task: str = "sums",
    metric: str = "acc",
    better: bool = True,
    **config: Any,
) -> Results:
    """hits: the figure of each sample. better: whether more is. config: more of how it was measured."""
    folder.mkdir(parents=True, exist_ok=True)
    error = metrics.standard_error(hits) if all(map(math.isfinite, hits)) else math.nan
    figures = {f"{metric},none": sum(hits) / len(hits), f"{metric}_stderr,none": error}
    found = {
        "results": {task: {"alias": task, **figures}},
        "higher_is_better": {task: {metric: better}},
        "n-samples": {task: {"original": len(hits), "effective": len(hits)}},
        "config": {"model": model, "suite_title": "Sums", "engines": ["fake"], **config},
    }
    return results.write(folder, found, {task: sampled(hits, metric)})


def sampled(hits: Sequence[float], metric: str = "acc", name: str = "h") -> list[dict[str, Any]]:
    """Samples with these figures."""
    return [
        {
            "doc_id": place,
            "doc_hash": f"{name}{place}",
            "target": 0,
            "arguments": [[f"What is {place}?", " right"], [f"What is {place}?", " wrong"]],
            "filtered_resps": [[-1.0, False], [-2.0 if hit else -0.5, False]],
            "filter": "none",
            metric: hit,
        }
        for place, hit in enumerate(hits)
    ]


def grouped(
    folder: Path, parts: Mapping[str, Sequence[float]], *, by_size: bool = True, model: str = "some", whole: str = "all"
) -> Results:
    """A group with two of its parts in a group "some" within it, as the harness leaves them: leaves first, and
    numbers of samples of those alone. by_size: whether its figure is that of all samples, or the mean of its parts'."""
    folder.mkdir(parents=True)
    names = list(parts)

    def figure(some: Sequence[str]) -> float:
        if by_size:
            return sum(sum(parts[name]) for name in some) / sum(len(parts[name]) for name in some)
        return sum(sum(parts[name]) / len(parts[name]) for name in some) / len(some)

    own = {name: {"acc,none": figure([name])} for name in names}
    inner = names[:2]
    groups = {"some": {"acc,none": figure(inner)}, whole: {"acc,none": figure(names)}}
    found = {
        "results": {**own, **groups},
        "group_subtasks": {whole: ["some", *names[2:]], "some": inner},
        "higher_is_better": {name: {"acc": True} for name in (*own, *groups)},
        "n-samples": {name: {"original": len(hits), "effective": len(hits)} for name, hits in parts.items()},
        "config": {"model": model},
    }
    return results.write(folder, found, {name: sampled(hits, name=name) for name, hits in parts.items()})
