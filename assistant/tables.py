"""Rows of a file, one at a time: CSV and TSV, JSON lines, Parquet, plain lines, and the texts of a document
(segments.py).

A row that cannot be used is a `BadRow` in its place; the file goes on after it.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from assistant import segments
from assistant.documents import MOST_BYTES, text_encoding
from assistant.errors import BadDataset, BadDocument
from assistant.rows import clean

TableFormat = Literal["csv", "tsv", "jsonl", "json", "parquet", "lines", "document"]
FORMATS: dict[str, TableFormat] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".parquet": "parquet",
    **dict.fromkeys(segments.ENDINGS, "document"),
}
"""Ending of a file's name → how it is read; every other text file is plain lines."""
NO_TABLES = (".pdf", ".xlsx", ".xls", ".ods", ".odt", ".doc", ".html", ".htm")
MOST_FIELD_CHARACTERS = 20_000_000
PARQUET_ROWS = 1024
"""Rows of a Parquet file in memory at a time."""
TEXT_COLUMNS = ("text", "review", "sentence", "content", "comment", "body", "message", "tweet", "line")
"""Where the text is looked for when nobody names the column."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class BadRow:
    """A row that cannot be used, and why."""

    reason: str
    data: str = ""


def format_of(path: Path) -> TableFormat:
    """How a file of that name is read."""
    return FORMATS.get(path.suffix.lower(), "lines")


def columns_of(path: Path) -> list[str]:
    """Names of the columns; of JSON lines, those of all rows. Raises BadDataset."""
    with _reading(path):
        kind = format_of(path)
        if kind == "parquet":
            import pyarrow.parquet as parquet

            return list(parquet.ParquetFile(path).schema_arrow.names)
        first = next((row for row in rows(path) if not isinstance(row, BadRow)), None)
        if first is None:
            raise BadDataset(f"{path.name} is empty, or no row of it can be used.", hint="Give at least one good row.")
        if kind not in ("jsonl", "json"):
            return list(first)
        return list(dict.fromkeys(name for row in rows(path) if not isinstance(row, BadRow) for name in row))


def text_column(path: Path, wanted: str | None) -> str:
    """The column that holds the texts: the wanted one, else the one with a usual name, else the only one.

    Raises BadDataset with the columns that there are.
    """
    columns = columns_of(path)
    named = ", ".join(columns) or "none"
    if wanted is not None:
        if wanted in columns:
            return wanted
        raise BadDataset(f"{path.name} has no column {wanted!r}.", hint=f"It has {named}: name one with --column.")
    low = {column.lower(): column for column in reversed(columns)}
    usual = next((low[name] for name in TEXT_COLUMNS if name in low), None)
    if usual is not None or len(columns) == 1:
        return usual or columns[0]
    raise BadDataset(
        f"Which column of {path.name} holds the text cannot be told.", hint=f"Name one of {named} with --column."
    )


def rows(path: Path) -> Iterator[Row | BadRow]:
    """Every row of the file, in its order. Raises BadDataset where it is not what its name says."""
    with _reading(path):
        kind = format_of(path)
        if kind == "parquet":
            yield from _parquet(path)
            return
        if kind == "document":
            yield from ({"text": text} for text in segments.texts(path))
            return
        if path.suffix.lower() in NO_TABLES:
            raise BadDataset(f"{path.name} is no table.", hint="Open it as a document, or save its table as CSV.")
        encoding = _encoding(path)
        # newline="": the csv module wants to see line breaks inside quotes as they are.
        with path.open(encoding=encoding, errors="replace", newline="" if kind in ("csv", "tsv") else None) as file:
            if kind == "jsonl":
                yield from _json_lines(file)
            elif kind == "json":
                yield from _json(file, path.name)
            elif kind == "lines":
                yield from ({"text": line.rstrip("\n")} for line in file)
            else:
                yield from _separated(file, "\t" if kind == "tsv" else None)


def _encoding(path: Path) -> str:
    """By its beginning; where that is plain ASCII and what follows is no UTF-8, by the whole."""
    with path.open("rb") as raw:
        encoding = text_encoding(raw.read(1 << 20), path.name, cut=True)
        if encoding == "utf-8":
            decoder = codecs.getincrementaldecoder(encoding)()
            raw.seek(0)
            try:
                while block := raw.read(1 << 20):
                    decoder.decode(block)
                decoder.decode(b"", final=True)
            except UnicodeDecodeError:
                raw.seek(0)
                return text_encoding(raw.read(MOST_BYTES), path.name)
    return encoding


def _separated(file: io.TextIOBase, delimiter: str | None) -> Iterator[Row | BadRow]:
    csv.field_size_limit(MOST_FIELD_CHARACTERS)
    if delimiter is None:
        head = file.read(64_000)
        file.seek(0)
        try:
            delimiter = csv.Sniffer().sniff(head.partition("\n")[0], delimiters=",;\t|").delimiter
        except csv.Error:
            delimiter = ","
    reader = csv.reader(file, delimiter=delimiter, strict=False)
    names = next(reader, None)
    if names is None:
        return
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise BadDataset(f"Two columns are called {twice!r}.", hint="Give each column a name of its own.")
    for cells in reader:
        if not cells:
            continue
        if len(cells) != len(names):
            yield BadRow(f"{len(cells)} cells where the header has {len(names)}", delimiter.join(cells)[:1000])
        else:
            yield dict(zip(names, cells, strict=True))


def _json_lines(file: Iterable[str]) -> Iterator[Row | BadRow]:
    for line in file:
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield BadRow(f"it is not JSON: {error}", line[:1000])
            continue
        yield _whole(value) if isinstance(value, dict) else BadRow("it is not a JSON object", line[:1000])


def _json(file: io.TextIOBase, name: str) -> Iterator[Row | BadRow]:
    """An array of objects; or JSON lines under the wrong name."""
    text = file.read()
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        lines = [line for line in text.splitlines() if line.strip()]
        if len(lines) > 1 and all(line.lstrip().startswith("{") for line in lines[:10]):
            yield from _json_lines(lines)
            return
        raise BadDataset(f"{name} is not JSON: {error}.", hint="Give an array of objects, or JSON lines.") from error
    for value in values if isinstance(values, list) else [values]:
        yield _whole(value) if isinstance(value, dict) else BadRow("it is not a JSON object", str(value)[:1000])


def _whole(row: Row) -> Row:
    """The row without halves of surrogate pairs, which no file can hold."""
    return {clean(name): clean(value) if isinstance(value, str) else value for name, value in row.items()}


def _parquet(path: Path) -> Iterator[Row]:
    import pyarrow.parquet as parquet

    for batch in parquet.ParquetFile(path).iter_batches(PARQUET_ROWS):
        yield from batch.to_pylist()


@contextmanager
def _reading(path: Path) -> Generator[None]:
    """Say in our words what a file refused."""
    try:
        yield
    except BadDataset:
        raise
    except BadDocument as error:
        raise BadDataset(error.message, hint="Give CSV, TSV, JSON lines, Parquet or plain text.") from error
    except OSError as error:
        raise BadDataset(f"{path} cannot be read: {error.strerror or error}.", hint="Check the path.") from error
    except csv.Error as error:
        raise BadDataset(f"{path.name} is not a table: {error}.", hint="Save it again as CSV in UTF-8.") from error
    except ImportError as error:
        raise BadDataset(f"Parquet files need pyarrow: {error}.", hint="pip install pyarrow, or use CSV.") from error
    except Exception as error:
        if type(error).__module__.partition(".")[0] != "pyarrow":
            raise
        raise BadDataset(f"{path.name} is not a Parquet file: {error}.", hint="Check what it really is.") from error
