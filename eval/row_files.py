"""Which files the rows of a suite's tasks stand in, and those of the solved examples that some begin with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path

from assistant.errors import BadDataset
from assistant.weights.wheels import sha256_of
from eval.local_rows import ENDINGS, NoRows, first_of, rows
from eval.pairs import place
from eval.suite import FOLDER, KINDS, Suite, SuiteTask

Files = dict[str, tuple[Path | None, Path | None]]
"""Task → the files with its rows and with its examples; None is where its suite has them from."""


def sources(chosen: Suite, tasks: Sequence[SuiteTask], data: str | None, shots: int | None = None) -> Files:
    """Where the rows of each task are. A task for which a person's files have none is left out (`left_out` says why).

    Raises BadDataset where they have none for any task, and for what cannot be used.
    """
    found, lacking = _looked_for(chosen, tasks, data, shots)
    if not found:
        raise next(iter(lacking.values()))
    return found


def left_out(
    chosen: Suite, tasks: Sequence[SuiteTask], data: str | None, shots: int | None = None
) -> dict[str, list[str]]:
    """Why something of a suite is not measured → the titles of its tasks. tasks: those that the model can do.

    Raises what `sources` does.
    """
    _, lacking = _looked_for(chosen, tasks, data, shots)
    found: dict[str, list[str]] = {}
    for task in chosen.tasks:
        if task.name in lacking:
            found.setdefault(lacking[task.name].message.rstrip("."), []).append(task.title or task.name)
        elif task not in tasks:
            found.setdefault(f"this model cannot {KINDS[task.kind]}", []).append(task.title or task.name)
    return found


def told(omitted: Mapping[str, Sequence[str]]) -> list[str]:
    """What `left_out` found, a sentence a reason."""
    return [f"Not measured: {', '.join(titles)}. Why: {why}." for why, titles in omitted.items()]


def _looked_for(
    chosen: Suite, tasks: Sequence[SuiteTask], data: str | None, shots: int | None
) -> tuple[Files, dict[str, NoRows]]:
    found: Files = {}
    lacking: dict[str, NoRows] = {}
    for task in tasks:
        try:
            found[task.name] = (
                (_own(chosen, task), None) if data is None else _given(chosen, task, Path(data).expanduser(), shots)
            )
        except NoRows as error:
            lacking[task.name] = error
    return found, lacking


def _own(chosen: Suite, task: SuiteTask) -> Path | None:
    """The file that comes with Parley; None where the rows are published elsewhere."""
    shipped = FOLDER / task.file
    if task.file and shipped.is_file():
        if sha256_of(shipped) != task.sha256:
            hint = "Its figures would be another suite's. Install Parley anew, or give the file with --data."
            raise BadDataset(f"{shipped.name} of {chosen.title} has been changed.", hint=hint)
        return shipped
    if not task.published and not (task.harness and chosen.on_hub):
        raise BadDataset(f"{chosen.title} needs a file of rows.", hint="Give it with --data FILE.")
    return None


def _given(chosen: Suite, task: SuiteTask, given: Path, shots: int | None) -> tuple[Path, Path | None]:
    if not given.exists():
        raise BadDataset(f"There is no file or folder {given}.", hint="Give the path of the rows to measure on.")
    mixed = len({each.kind for each in chosen.tasks}) > 1
    if task.kind == "translation":
        own = _among(chosen, task, given) if mixed and given.is_file() else given
        return place(task, own, [each.name for each in chosen.tasks if each.kind == "translation"]), None
    if given.is_dir() and (task.group or task.several):
        return given, None
    path = _within(given, task) if given.is_dir() else _among(chosen, task, given)
    if task.keep:
        rows(path, task.reader, 1, task.keep)
    return path, _examples(given if given.is_dir() else given.parent, task, shots)


def _within(folder: Path, task: SuiteTask) -> Path:
    names = [task.file, *(f"{task.name}{ending}" for ending in ENDINGS)]
    if found := first_of(folder, names):
        return found
    raise NoRows(f"{folder} has no {names[0] or names[1]}.", hint=f"Wanted is one of {', '.join(filter(None, names))}.")


def _among(chosen: Suite, task: SuiteTask, given: Path) -> Path:
    """A file that was given, or of a suite whose tasks have several files the task's own beside it. One of another name
    stands for the first."""
    names = [Path(each.file).name for each in chosen.tasks if each.file]
    own = Path(task.file).name
    if own == (given.name if given.name in names else next(iter(names), "")):
        return given
    if (beside := given.with_name(own)).is_file():
        return beside
    raise NoRows(f"There is no {own} beside {given.name}.", hint="Give the folder with both.")


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
