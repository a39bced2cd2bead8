"""Results on disk, in lm-evaluation-harness's own layout: `results.json`, and `samples_<task>.jsonl` beside it.

The harness itself writes `results_<date>.json` and `samples_<task>_<date>.jsonl`, which are read alike.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from assistant.errors import BadDataset
from assistant.whole_files import write_whole
from eval import scales

TABLES = ("results", "configs", "versions", "n-shot", "higher_is_better", "n-samples", "group_subtasks")
"""Parts of the results that have a line a task."""
OF_OBJECTS = ("results", "higher_is_better", "n-samples")
"""Those whose lines are objects."""
HASHES = ("doc_hash", "prompt_hash", "target_hash")
"""Of a sample, what the hash of its task is made of."""
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
    """Of a group, those of all its tasks."""
    higher_is_better: bool

    @property
    def interval(self) -> tuple[float, float]:
        """Where the true figure lies, 95 times of a hundred."""
        return self.value - SIDE * self.error, self.value + SIDE * self.error

    @property
    def metric(self) -> str:
        """The name without the filter."""
        return self.name.partition(",")[0]

    @property
    def worth(self) -> float:
        """More is better, whichever way the figure itself goes."""
        return scales.worth(self.name, self.value, self.higher_is_better)


@dataclass(frozen=True)
class Results:
    """What came out of an evaluation."""

    path: Path
    stored: Mapping[str, Any]

    @property
    def model(self) -> str:
        """Its name; the harness's own files have the kind of model under `config` and the name beside it."""
        return str(self.stored.get("model_name") or self.config.get("model", self.path.parent.name))

    @property
    def config(self) -> Mapping[str, Any]:
        """What was measured, and with what."""
        return self.stored.get("config", {})

    @property
    def tasks(self) -> list[str]:
        """Those that have figures, groups among them."""
        return list(self._table("results"))

    @property
    def groups(self) -> list[str]:
        """Groups of tasks."""
        return [name for name in self._table("group_subtasks") if self.children(name)]

    def children(self, task: str) -> list[str]:
        """The tasks and groups that a group is made of; [] of a task."""
        found = self._table("group_subtasks").get(task)
        return [str(each) for each in found] if isinstance(found, list) else []

    def leaves(self, task: str) -> list[str]:
        """The tasks of a group, at whatever depth; of a task, itself."""
        found: dict[str, bool] = {}
        waiting, seen = [task], set[str]()
        while waiting:
            name = waiting.pop(0)
            if name not in seen:
                seen.add(name)
                waiting = [*(below := self.children(name)), *waiting]
                found |= {} if below else {name: True}
        return list(found)

    def figures(self) -> Iterator[Figure]:
        """Every figure of every task."""
        for task, values in self._table("results").items():
            better = self._table("higher_is_better").get(task, {})
            count = sum(self._effective(leaf) for leaf in self.leaves(task))
            for name, value in values.items():
                metric, _, kind = name.partition(",")
                if not kind or metric.endswith("_stderr") or not isinstance(value, int | float):
                    continue
                error = values.get(f"{metric}_stderr,{kind}", 0.0)
                error = float(error) if isinstance(error, int | float) and math.isfinite(error) else 0.0
                yield Figure(task, name, float(value), error, count, better.get(metric) is not False)

    def condition(self, task: str) -> tuple[str, ...]:
        """What figures of a task have to share to stand beside each other: how many examples come first, whose rows
        they are, and of answers that are judged by whom and beside whose."""
        hashes = self.config.get("data_sha256")
        rows = hashes.get(task) if isinstance(hashes, Mapping) else None
        shots = self._table("n-shot").get(task, self.config.get("shots"))
        asked = shots, rows or self.config.get("source"), self.config.get("against"), self.config.get("judge")
        return tuple("" if each is None else str(each) for each in asked)

    def samples(self, task: str) -> list[dict[str, Any]]:
        """What was asked and answered, with each sample's own figures; [] where none were kept. Raises BadDataset."""
        path = self._samples_path(task)
        if path is None:
            return []
        try:
            lines = path.read_text("utf-8").split("\n")  # the harness leaves other ends of lines in texts as they are
        except (OSError, UnicodeDecodeError) as error:
            raise BadDataset(f"{path.name} cannot be read: {error}.", hint="Copy it anew, or measure anew.") from error
        return [_sample(path, number, line) for number, line in enumerate(lines, 1) if line.strip()]

    def _samples_path(self, task: str) -> Path | None:
        date = self.path.stem.rpartition("_")[2]
        names = (f"samples_{task}_{date}.jsonl", f"samples_{task}.jsonl")
        return next((path for name in names if (path := self.path.parent / name).is_file()), None)

    def _effective(self, task: str) -> int:
        count = self._table("n-samples").get(task, {}).get("effective", 0)
        return int(count) if isinstance(count, int | float) and math.isfinite(count) else 0

    def _table(self, name: str) -> Mapping[str, Any]:
        return self.stored.get(name, {})


def write(folder: Path, found: Mapping[str, Any], samples: Mapping[str, list[dict[str, Any]]]) -> Results:
    """Write the results, after their samples. Raises OSError."""
    for task, rows in samples.items():
        write_whole(folder / f"samples_{task}.jsonl", (json.dumps(row, default=str) + "\n" for row in rows))
    write_whole(folder / "results.json", [json.dumps(found, indent=1, default=str)])
    return read(folder)


def read(path: Path) -> Results:
    """The results in a file, or in a folder: a run's, or the newest of those that the harness wrote. Raises
    BadDataset."""
    file = path
    if path.is_dir():
        dated = sorted(path.glob("results_*.json"), key=lambda each: each.name)
        file = dated[-1] if dated and not (path / "results.json").exists() else path / "results.json"
    try:
        stored = _checked(json.loads(file.read_text("utf-8")))
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


def task_hashes(samples: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, str]:
    """Task → the hash of everything that it asked, as the harness's own files have it: two evaluations with the same
    one saw the same rows, prompts and answers. Of tasks that are not the harness's there is none."""
    return {
        task: sha256("".join(str(row[name]) for row in rows for name in HASHES).encode()).hexdigest()
        for task, rows in samples.items()
        if rows and all(name in row for row in rows for name in HASHES)
    }


def _checked(stored: Any) -> dict[str, Any]:
    """What was read, where it has the layout; parts that are null are left out. Raises ValueError with the place."""
    if not isinstance(stored, dict) or not isinstance(stored.get("results"), dict):
        raise ValueError("it has no object `results`")
    whole: dict[str, Any] = {str(name): value for name, value in stored.items() if value is not None}
    for name in ("config", *TABLES):
        if not isinstance(whole.get(name, {}), dict):
            raise ValueError(f"`{name}` is no object")
    for name in OF_OBJECTS:
        for task, value in whole.get(name, {}).items():
            if not isinstance(value, dict):
                raise ValueError(f"`{name}` of {task} is no object")
    return whole


def _sample(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
        if not isinstance(row, dict) or not isinstance(row.get("doc_id"), int):
            raise ValueError("it has no number `doc_id`")
    except ValueError as error:
        hint = "It should be as the harness writes it. Copy the file anew, or measure anew."
        raise BadDataset(f"Line {number} of {path.name} cannot be read: {error}.", hint=hint) from error
    return row
