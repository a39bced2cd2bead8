"""Results on disk, in lm-evaluation-harness's own layout: `results.json`, and `samples_<task>.jsonl` beside it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assistant.errors import BadDataset
from assistant.whole_files import write_whole

TABLES = ("results", "configs", "versions", "n-shot", "higher_is_better", "n-samples", "group_subtasks")
"""Parts of the results that have a line a task."""
SIDE = 1.96
"""Standard errors on either side of a figure within which the true one lies 95 times of a hundred."""


@dataclass(frozen=True)
class Figure:
    """One figure of a task. name: as the results have it: "acc_norm,none"."""

    task: str
    name: str
    value: float
    error: float
    """One standard error; 0 where none is known."""
    samples: int
    higher_is_better: bool

    @property
    def interval(self) -> tuple[float, float]:
        """Where the true figure lies, 95 times of a hundred."""
        return self.value - SIDE * self.error, self.value + SIDE * self.error

    @property
    def metric(self) -> str:
        """The name without the filter."""
        return self.name.partition(",")[0]


@dataclass(frozen=True)
class Results:
    """What came out of an evaluation."""

    path: Path
    stored: Mapping[str, Any]

    @property
    def model(self) -> str:
        return str(self.stored.get("config", {}).get("model", self.path.parent.name))

    @property
    def config(self) -> Mapping[str, Any]:
        """What was measured, and with what."""
        return self.stored.get("config", {})

    @property
    def tasks(self) -> list[str]:
        return list(self.stored.get("results", {}))

    def figures(self) -> Iterator[Figure]:
        """Every figure of every task."""
        for task, values in self.stored.get("results", {}).items():
            better = self.stored.get("higher_is_better", {}).get(task, {})
            count = self.stored.get("n-samples", {}).get(task, {}).get("effective", 0)
            for name, value in values.items():
                metric, _, kind = name.partition(",")
                if not kind or metric.endswith("_stderr") or not isinstance(value, int | float):
                    continue
                error = values.get(f"{metric}_stderr,{kind}", 0.0)
                error = float(error) if isinstance(error, int | float) and math.isfinite(error) else 0.0
                yield Figure(task, name, float(value), error, int(count), better.get(metric) is not False)

    def samples(self, task: str) -> list[dict[str, Any]]:
        """What was asked and answered, with each sample's own figures; [] where none were kept."""
        path = self.path.parent / f"samples_{task}.jsonl"
        if not path.is_file():
            return []
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def write(folder: Path, found: Mapping[str, Any], samples: Mapping[str, list[dict[str, Any]]]) -> Results:
    """Write the results, after their samples. Raises OSError."""
    for task, rows in samples.items():
        write_whole(folder / f"samples_{task}.jsonl", (json.dumps(row, default=str) + "\n" for row in rows))
    write_whole(folder / "results.json", [json.dumps(found, indent=1, default=str)])
    return read(folder)


def read(path: Path) -> Results:
    """The results in a file, or in a run's folder. Raises BadDataset."""
    file = path / "results.json" if path.is_dir() else path
    try:
        stored = json.loads(file.read_text("utf-8"))
        if not isinstance(stored, dict) or not isinstance(stored.get("results"), dict):
            raise ValueError("it has no object `results`")
    except FileNotFoundError as error:
        hint = "`parley runs list` shows which evaluations have ended."
        raise BadDataset(f"There are no results at {file}.", hint=hint) from error
    except (OSError, ValueError) as error:
        hint = "It should be results.json of an evaluation, of Parley's or of lm-evaluation-harness."
        raise BadDataset(f"{file} cannot be read as results: {error}.", hint=hint) from error
    return Results(file, stored)


def merged(parts: list[Mapping[str, Any]]) -> dict[str, Any]:
    """The results of several tasks as one."""
    whole: dict[str, Any] = {}
    for part in parts:
        for name, value in part.items():
            whole[name] = {**whole.get(name, {}), **value} if name in TABLES else value
    return whole
