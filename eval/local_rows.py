"""Rows of a file as the Hub's data sets have them, so that lm-evaluation-harness's own tasks can read them.

A file with the Hub's columns (JSON lines, JSON, CSV, Parquet) is taken as it is; some sets are spread in other forms
(row_forms.py).
"""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any

from assistant.documents import read_document
from assistant.errors import BadDataset
from assistant.tables import BadRow, format_of
from assistant.tables import rows as table_rows
from eval import winobias
from eval.row_forms import FORMS, Form, Row

ENDINGS = (".jsonl", ".json", ".jsonl.gz", ".csv", ".tsv", ".parquet")
"""Of files of rows."""
ALL: Mapping[str, str] = MappingProxyType({})
SIX = 6
"""Lines of a question of HellaSwag."""


class NoRows(BadDataset):
    """There is nothing wrong with what was given, but no row of it is for this task."""


def rows(path: Path, reader: str, limit: int | None = None, keep: Mapping[str, str] = ALL) -> list[Row]:
    """The rows of a file, at most `limit`; of a file with rows of several tasks, those with the values in `keep`.

    Raises BadDataset, with the place of the first row that cannot be used, and NoRows where no row has the values.
    """
    try:
        if reader == "winobias":
            parts = [list(_rows(each, reader)) for each in winobias.files(path)]
            found = winobias.in_turn(path, parts)[:limit]
        else:
            found = list(islice(_having(_rows(path, reader), keep), limit))
    except (OSError, UnicodeDecodeError, EOFError) as error:
        raise BadDataset(
            f"{path.name} cannot be read: {error}.", hint="It should be a file of rows, in UTF-8."
        ) from error
    if not found and keep:
        values = ", ".join(f"{name} {value}" for name, value in keep.items())
        raise NoRows(f"{path.name} has no rows with {values}.", hint="Give a file that has.")
    if not found:
        raise BadDataset(f"{path.name} has no rows.", hint="Give a file with at least one.")
    return found


def first_of(folder: Path, names: Sequence[str]) -> Path | None:
    """The first file of such a name, in the folder or below."""
    return next((path for name in names if name for path in sorted(folder.rglob(name)) if path.is_file()), None)


def lines(path: Path) -> list[str]:
    """The lines of a text, those at its end that are empty left out. Raises OSError, UnicodeDecodeError."""
    found = path.read_text("utf-8").split("\n")  # splitlines would part a line at characters that stand within one
    while found and not found[-1].strip():
        found.pop()
    return found


def _having(found: Iterator[Row], keep: Mapping[str, str]) -> Iterator[Row]:
    for row in found:
        if all(str(row.get(name)) == value for name, value in keep.items()):
            yield row


def _rows(path: Path, reader: str) -> Iterator[Row]:
    if reader == "text" and format_of(path) in ("lines", "document"):
        yield {"text": read_document(path).text}
        return
    if reader == "hellaswag" and path.suffix == ".txt":
        yield from _six_lines(path)
        return
    if reader == "winobias" and format_of(path) == "lines":
        yield from winobias.lines(path)
        return
    for number, row in enumerate(_plain(path), 1):
        if isinstance(row, BadRow):
            raise BadDataset(f"Row {number} of {path.name} cannot be read: {row.reason}.", hint="Mend or remove it.")
        form = _form(row, FORMS.get(reader, (Form(()),)), f"Row {number} of {path.name}")
        try:
            yield form.read(row)
        except (ValueError, KeyError, IndexError, AttributeError, TypeError) as error:
            hint = f"It should be as the other rows of {reader} are."
            raise BadDataset(f"Row {number} of {path.name} cannot be read: {error}.", hint=hint) from error


def _form(row: Mapping[str, Any], forms: tuple[Form, ...], place: str) -> Form:
    """The first form whose columns the row has. Raises BadDataset."""
    if found := next((form for form in forms if form.fits(row)), None):
        return found
    missing = next(name for name in forms[0].columns if name not in row)
    wanted = " or ".join(", ".join(form.columns) for form in forms)
    hint = f"It has {', '.join(map(str, row)) or 'none'}; wanted are {wanted}."
    raise BadDataset(f"{place} has no column {missing!r}.", hint=hint)


def _plain(path: Path) -> Iterator[Row | BadRow]:
    for row in _read(path):
        yield row if isinstance(row, BadRow) else {str(name): _as_json(value) for name, value in row.items()}


def _read(path: Path) -> Iterator[Mapping[str, Any] | BadRow]:
    if path.name.endswith((".jsonl.gz", ".json.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for line in file:
                try:
                    row = json.loads(line)
                except ValueError as error:
                    yield BadRow(str(error), line)
                else:
                    yield row if isinstance(row, dict) else BadRow("it is not a JSON object", line)
    else:
        yield from table_rows(path)


def _as_json(value: Any) -> Any:
    """A value that JSON can hold: of Parquet's, dates, times and decimals as text, what is no number as nothing."""
    if isinstance(value, Mapping):
        return {str(name): _as_json(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(each) for each in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | int) else str(value)


def _six_lines(path: Path) -> Iterator[Row]:
    """HellaSwag as llama.cpp's users know it: context, place of the right ending, four endings."""
    hint = "Each question has six lines: context, number of the right ending (0 to 3), four endings."
    found = lines(path)
    whole = len(found) - len(found) % SIX
    for at in range(0, whole, SIX):
        context, label, *endings = found[at : at + SIX]
        if label not in ("0", "1", "2", "3"):
            raise BadDataset(f"Line {at + 2} of {path.name} is no number of an ending: {label[:40]!r}.", hint=hint)
        activity, _, rest = context.partition(": ")
        yield {"activity_label": activity, "ctx_a": rest, "ctx_b": "", "endings": endings, "label": label}
    if whole < len(found):
        raise BadDataset(f"{path.name} ends within a question, which begins in line {whole + 1}.", hint=hint)
