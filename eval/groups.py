"""Groups of the harness's tasks, MMLU and BLiMP, on a person's own files: one for each subset, or one with a column
that names the subset of each row.

The harness's own files of a group name sets of the Hub; copies of them, in a scratch folder, name the files.
"""

from __future__ import annotations

import json
import shutil
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from assistant.errors import BadDataset
from eval.local_rows import ENDINGS, first_of, rows
from eval.row_forms import Row
from eval.suite import SuiteTask

COLUMNS = ("subject", "UID", "subset")
"""A row's subset, where all are in one file."""


def written(task: SuiteTask, tasks: Path, data: Path, folder: Path, limit: int | None) -> Path:
    """A folder with the group's files, for the subsets that are there. tasks: the harness's folder of the group.

    Raises BadDataset where there is none of them, and what local_rows.rows does.
    """
    configs = [(path, _read(path)) for path in sorted(tasks.glob("*.yaml"))]
    known = {str(config["dataset_name"]): (path, config) for path, config in configs if "group" not in config}
    given = dict(_subsets(task, data, known.keys()))
    if not given:
        some = ", ".join(list(known)[:3])
        hint = f"Wanted are files such as {next(iter(known))}.jsonl, or a column {' or '.join(COLUMNS)} with {some} …"
        raise BadDataset(f"{data} has no subset of {task.name}.", hint=hint)
    folder.mkdir(exist_ok=True)
    names: set[str] = set()
    for subset, found in given.items():
        path, config = known[subset]
        file = folder / f"{subset}.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in found[:limit]), "utf-8")
        own = _on_file(path, config, file, folder)
        (folder / path.name).write_text(json.dumps(own), "utf-8")  # JSON is YAML
        tags = config.get("tag", [])
        names |= {str(config["task"]), *([tags] if isinstance(tags, str) else tags)}
    groups = {path: config for path, config in configs if "group" in config}
    while groups:  # a group of groups comes after those
        ready = [path for path, config in groups.items() if not _groups_in(config, groups)]
        for path in ready:
            config = groups.pop(path)
            if some := [name for name in config["task"] if name in names]:
                names.add(str(config["group"]))
                (folder / path.name).write_text(json.dumps({**config, "task": some}), "utf-8")
    return folder


def pinned(tasks: Path, folder: Path, revision: str) -> Path:
    """A copy of the harness's folder of a group whose files name one commit of their set of the Hub."""
    shutil.copytree(tasks, folder, dirs_exist_ok=True)
    for path in folder.iterdir():
        text = path.read_text("utf-8") if path.is_file() and path.name.endswith("yaml") else ""
        if any(line.startswith("dataset_path:") for line in text.splitlines()):
            path.write_text(f"{text.rstrip()}\ndataset_kwargs: {{revision: {revision}}}\n", "utf-8")
    return folder


def _on_file(path: Path, config: Mapping[str, Any], file: Path, folder: Path) -> dict[str, Any]:
    """The harness's task, reading a file."""
    whole: dict[str, Any] = {**_read(path.parent / str(config["include"])), **config}
    split = next(name for name in ("test_split", "validation_split") if name in whole)
    kwargs = {"data_files": {"test": str(file)}, "cache_dir": str(folder / "cache")}
    own = {"dataset_path": "json", "dataset_name": None, "dataset_kwargs": kwargs, "fewshot_split": None}
    del whole["include"]
    return {**whole, **own, split: "test"}


def _subsets(task: SuiteTask, data: Path, known: Collection[str]) -> Iterator[tuple[str, list[Row]]]:
    if data.is_dir():
        for name in known:
            if file := first_of(data, [f"{name}{ending}" for ending in ENDINGS]):
                yield name, rows(file, task.reader)
        return
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows(data, task.reader):
        found[str(next((row[column] for column in COLUMNS if column in row), ""))].append(row)
    yield from ((name, some) for name, some in found.items() if name in known)


def _groups_in(config: Mapping[str, Any], groups: Mapping[Path, Mapping[str, Any]]) -> bool:
    return any(each["group"] in config["task"] for each in groups.values())


def _read(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text("utf-8"))
