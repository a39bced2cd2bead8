"""Rows into a file: CSV and TSV, JSON and JSON lines, Parquet, plain lines. tables.py reads them."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from assistant.errors import BadDataset
from assistant.tables import PARQUET_ROWS, Row, TableFormat, format_of


def write_rows(
    path: Path, kind: TableFormat, columns: Sequence[str], content: Iterable[Row], *, like: Path | None = None
) -> None:
    """Write rows to the file at `path` as `kind`; of plain lines, the columns' values between tabs, and a single
    column, which is the text itself, as it is. like: a table, whose columns keep their types where both are Parquet."""
    if kind == "parquet":
        _write_parquet(path, columns, content, like)
        return
    with path.open("w", encoding="utf-8", newline="" if kind in ("csv", "tsv") else "\n") as file:
        if kind == "jsonl":
            file.writelines(json.dumps(row, ensure_ascii=False, default=str) + "\n" for row in content)
        elif kind == "json":
            file.write("[")
            file.writelines(
                ("," if number else "") + "\n" + json.dumps(row, ensure_ascii=False, default=str)
                for number, row in enumerate(content)
            )
            file.write("\n]\n")
        elif kind == "lines":
            cell = _whole_line if len(columns) == 1 else line_cell
            file.writelines("\t".join(cell(row[name]) for name in columns) + "\n" for row in content)
        else:
            writer = csv.writer(file, delimiter="\t" if kind == "tsv" else ",")
            writer.writerow(columns)
            writer.writerows([row.get(name, "") for name in columns] for row in content)


def line_cell(value: Any) -> str:
    """A value on one line: numbers shortened, tabs and line breaks as spaces."""
    return f"{value:.4f}" if isinstance(value, float) else " ".join(str(value).split())


def _whole_line(value: Any) -> str:
    """A text on one line, its indentation and tabs kept."""
    return re.sub(r"\r\n?|\n", " ", value) if isinstance(value, str) else line_cell(value)


def _write_parquet(path: Path, columns: Sequence[str], content: Iterable[Row], like: Path | None) -> None:
    """In parts first, each of which has types of its own; then in one file whose types hold them all."""
    import pyarrow
    import pyarrow.parquet as parquet

    rows = iter(content)
    with TemporaryDirectory(prefix=".parley-", dir=path.parent) as folder:
        parts: list[Path] = []
        try:
            while (some := list(islice(rows, PARQUET_ROWS))) or not parts:
                table = pyarrow.Table.from_pylist([{name: row.get(name) for name in columns} for row in some])
                parts.append(Path(folder) / f"{len(parts)}.parquet")
                parquet.write_table(table, parts[-1])
            schemas = [parquet.read_schema(part) for part in parts]
            schema = pyarrow.unify_schemas(schemas, promote_options="permissive")
            if like is not None and format_of(like) == "parquet":
                known = {field.name: field for field in parquet.read_schema(like)}
                found = {field.name: field for field in schema}
                schema = pyarrow.schema([{**found, **known}[name] for name in columns if name in {**found, **known}])
            with parquet.ParquetWriter(path, schema) as writer:
                for part in parts if schema.names == list(columns) else ():
                    writer.write_table(parquet.read_table(part).cast(schema))
        except pyarrow.ArrowException as error:
            hint = "Name a .csv or .jsonl file with --output: their columns may hold anything."
            raise BadDataset(f"A column holds values of several kinds: {error}.", hint=hint) from error
