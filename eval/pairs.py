"""Texts and their translations in a person's files: a table whose rows say from which language into which, or two files
of lines, one of each language (`dev.en` beside `dev.fr`)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from assistant.errors import BadDataset
from assistant.tables import format_of
from eval.local_rows import ENDINGS, NoRows, first_of, lines, rows
from eval.row_forms import Row
from eval.suite import SuiteTask

WAY = ("from", "to")
"""Columns of a table with pairs of several directions."""


def place(task: SuiteTask, given: Path, names: Collection[str]) -> Path:
    """The file with a task's pairs, in the file or folder that a person gave. names: of the suite's translations.

    Raises NoRows where there are none of its direction, BadDataset where they cannot be read or told apart.
    """
    found = _in_folder(task, given) if given.is_dir() else given
    if _is_lines(found):
        found = _own_language(task, found)
        _lines(task, found)
    elif found.name.partition(".")[0] in {*names} - {task.name}:
        raise NoRows(f"{found.name} is of another direction than {_way(task)}.", hint="Give a file of this one, too.")
    elif not _named(task, found):
        _require_way(task, found)
        rows(found, task.reader, 1, _keep(task))
    return found


def pairs(task: SuiteTask, path: Path, limit: int | None = None) -> list[Row]:
    """A task's pairs in its file, the first `limit`: rows with `source` and `target`. Raises BadDataset."""
    if _is_lines(path):
        return _lines(task, path)[:limit]
    return rows(path, task.reader, limit, {} if _named(task, path) else _keep(task))


def _languages(task: SuiteTask) -> tuple[str, str]:
    return str(task.options["source"]), str(task.options["target"])


def _way(task: SuiteTask) -> str:
    return " → ".join(_languages(task))


def _keep(task: SuiteTask) -> Mapping[str, str]:
    return dict(zip(WAY, _languages(task), strict=True))


def _is_lines(path: Path) -> bool:
    return format_of(path) == "lines" and not path.name.endswith(ENDINGS)


def _named(task: SuiteTask, path: Path) -> bool:
    """Whether a table is named after the task, and so has pairs of its direction alone."""
    return path.name in [f"{task.name}{ending}" for ending in ENDINGS]


def _in_folder(task: SuiteTask, folder: Path) -> Path:
    """A table that is named after the task, or the suite's own file. Raises NoRows."""
    own = Path(task.file).name
    if found := first_of(folder, [*(f"{task.name}{ending}" for ending in ENDINGS), own]):
        return found
    hint = f"For {_way(task)}, wanted is {own} with its translations, or a table {task.name}.csv or .jsonl."
    raise NoRows(f"{folder} has no {own}.", hint=hint)


def _own_language(task: SuiteTask, given: Path) -> Path:
    """Of two files of lines, the one that is translated. Raises NoRows where one is not there."""
    both = [given.with_suffix(f".{language}") for language in _languages(task)]
    if given not in both:
        hint = f"Lines are in files named after their languages, such as {both[0].name} beside {both[1].name}."
        raise NoRows(f"{given.name} is in neither language of {_way(task)}.", hint=hint)
    for path in both:
        if not path.is_file():
            hint = "Line by line, one should translate the other."
            raise NoRows(f"There is no {path.name} beside {given.name}.", hint=hint)
    return both[0]


def _lines(task: SuiteTask, path: Path) -> list[Row]:
    """Raises BadDataset where the two files do not belong together line by line."""
    files = [path, path.with_suffix(f".{_languages(task)[1]}")]
    try:
        both = [lines(each) for each in files]
    except (OSError, UnicodeDecodeError) as error:
        raise BadDataset(f"{path.name} cannot be read: {error}.", hint="It should be lines, in UTF-8.") from error
    if len(both[0]) != len(both[1]):
        said = f"{files[0].name} has {len(both[0])} lines, {files[1].name} {len(both[1])}."
        raise BadDataset(said, hint="Line by line, one should translate the other.")
    for file, own in zip(files, both, strict=True):
        if empty := next((number for number, line in enumerate(own, 1) if not line.strip()), 0):
            raise BadDataset(f"Line {empty} of {file.name} is empty.", hint="Leave it out of both files.")
    if not both[0]:
        raise BadDataset(f"{path.name} has no lines.", hint="Give files with at least one.")
    return [{"source": one, "target": other} for one, other in zip(*both, strict=True)]


def _require_way(task: SuiteTask, path: Path) -> None:
    """Raise BadDataset for a table that does not say its languages: each direction would take it for its own."""
    first = rows(path, task.reader, 1)[0]
    if not all(name in first for name in WAY):
        source, target = _languages(task)
        hint = (
            f"Give each row columns from and to (such as {source} and {target}), or name the file after one direction: "
            f"{task.name}{path.suffix}."
        )
        raise BadDataset(f"{path.name} does not say which languages it is in.", hint=hint)
