"""Rows and columns of a file of one's own: CSV with commas or semicolons, or TSV."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from demos import texts
from demos.errors import BadText

MOST_BYTES = 80_000_000


def rows(name: str, instead: str) -> list[list[str]]:
    """The cells of each row that has any: one at the least. instead: what to give if there is no such file.

    Raises BadText.
    """
    text = texts.read(name, MOST_BYTES, f"Give at most {MOST_BYTES // 1_000_000} megabytes.", instead)
    mark = delimiter([line for line in text.split("\n") if line.strip()])
    quoting = csv.QUOTE_NONE if mark == "\t" else csv.QUOTE_MINIMAL  # between tabs a quotation mark is itself
    try:
        read = csv.reader(io.StringIO(text, newline=""), delimiter=mark, quoting=quoting)
        found = [row for row in ([cell.strip() for cell in cells] for cells in read) if any(row)]
    except csv.Error as error:
        raise BadText(f"{Path(name).name} is no table: {error}.", hint="Save it as CSV or TSV.") from error
    if not found:
        raise BadText(f"{Path(name).name} is empty.", hint="Give a file with a row a line.")
    return found


def delimiter(lines: list[str]) -> str:
    """What parts the cells: a tab, semicolon or comma, the first that stands in nearly every one of the first lines."""
    some = lines[:100]
    for mark in "\t;,":
        if sum(mark in line for line in some) >= 0.9 * len(some):
            return mark
    return ","
