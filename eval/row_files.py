"""Which files the rows of a suite's tasks stand in, and those of the solved examples that some begin with."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from assistant.errors import BadDataset
from assistant.weights.wheels import sha256_of
from eval.suite import FOLDER, Suite, SuiteTask

ENDINGS = (".jsonl", ".json", ".jsonl.gz", ".csv", ".tsv", ".parquet")
"""Of files with the Hub's columns, under a task's name."""


def sources(
    chosen: Suite, tasks: Sequence[SuiteTask], data: str | None, shots: int | None = None
) -> dict[str, tuple[Path | None, Path | None]]:
    """Task → the files with its rows and with its examples; None is the Hub. Raises BadDataset."""
    found: dict[str, tuple[Path | None, Path | None]] = {}
    for task in tasks:
        if data is None:
            shipped = FOLDER / task.file
            if task.file and shipped.is_file():
                if sha256_of(shipped) != task.sha256:
                    hint = "Its figures would be another suite's. Install Parley anew, or give the file with --data."
                    raise BadDataset(f"{shipped.name} of {chosen.title} has been changed.", hint=hint)
                found[task.name] = shipped, None
            elif task.harness:
                found[task.name] = None, None
            else:
                hint = "Give it with --data FILE."
                raise BadDataset(f"{chosen.title} needs a file of rows.", hint=hint)
            continue
        given = Path(data).expanduser()
        if given.is_file():
            found[task.name] = given, _examples(given.parent, task, shots)
        elif given.is_dir() and (task.group or task.several):
            found[task.name] = given, None
        elif given.is_dir():
            found[task.name] = _within(given, task), _examples(given, task, shots)
        else:
            raise BadDataset(f"There is no file or folder {data}.", hint="Give the path of the rows to measure on.")
    return found


def _within(folder: Path, task: SuiteTask) -> Path:
    names = [task.file, *(f"{task.name}{ending}" for ending in ENDINGS)]
    if found := first_of(folder, names):
        return found
    raise BadDataset(
        f"{folder} has no {names[0] or names[1]}.", hint=f"Wanted is one of {', '.join(filter(None, names))}."
    )


def _examples(folder: Path, task: SuiteTask, shots: int | None) -> Path | None:
    """Solved examples that a task begins with: never of the rows that are measured on."""
    if not task.shots_file or shots == 0:
        return None
    if found := first_of(folder, [task.shots_file]):
        return found
    hint = f"Put {task.shots_file} beside the rows, or ask for none: --shots 0."
    raise BadDataset(f"{task.name} shows solved examples first, and {folder} has no {task.shots_file}.", hint=hint)


def digest_of(path: Path) -> str:
    """sha256 of a file, or of a folder's tables by name and sha256."""
    if path.is_file():
        return sha256_of(path)
    endings = (*ENDINGS, ".txt.dev", ".txt.test")
    files = sorted(each for each in path.rglob("*") if each.name.endswith(endings) and each.is_file())
    listed = "".join(f"{each.relative_to(path)} {sha256_of(each)}\n" for each in files)
    return sha256(listed.encode()).hexdigest()


def first_of(folder: Path, names: Sequence[str]) -> Path | None:
    """The first file of such a name, in the folder or below."""
    return next((path for name in names if name for path in sorted(folder.rglob(name)) if path.is_file()), None)
