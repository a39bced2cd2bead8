"""Results that were made up, as an evaluation leaves them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from eval import metrics, results
from eval.results import Results


def made(
    folder: Path, hits: Sequence[float], *, model: str = "some", task: str = "sums", metric: str = "acc"
) -> Results:
    """hits: the figure of each sample."""
    folder.mkdir(parents=True, exist_ok=True)
    samples = [
        {
            "doc_id": place,
            "doc_hash": f"h{place}",
            "target": 0,
            "arguments": [[f"What is {place}?", " right"], [f"What is {place}?", " wrong"]],
            "filtered_resps": [[-1.0, False], [-2.0 if hit else -0.5, False]],
            "filter": "none",
            metric: hit,
        }
        for place, hit in enumerate(hits)
    ]
    figures = {f"{metric},none": sum(hits) / len(hits), f"{metric}_stderr,none": metrics.standard_error(hits)}
    found = {
        "results": {task: {"alias": task, **figures}},
        "higher_is_better": {task: {metric: True}},
        "n-samples": {task: {"original": len(hits), "effective": len(hits)}},
        "config": {"model": model, "suite_title": "Sums", "engines": ["fake"]},
    }
    return results.write(folder, found, {task: samples})
