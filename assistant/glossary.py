"""A file of terms that a translation must use: one a line, the term, a tab or a comma, and its translation."""

from __future__ import annotations

import csv
from pathlib import Path

from assistant.documents import read_document
from assistant.errors import BadSettings


def read_glossary(path: Path) -> dict[str, str]:
    """Term → translation. Raises BadDocument for a file that cannot be read, BadSettings as parse_glossary does."""
    return parse_glossary(read_document(path).text)


def parse_glossary(text: str) -> dict[str, str]:
    """Term → translation, from lines "term TAB translation", "term, translation" or "term = translation"; lines
    that are empty or begin with # say nothing. Raises BadSettings with the number of each line that is none."""
    found: dict[str, str] = {}
    wrong: list[int] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        mark = next((mark for mark in ("\t", "=", ",", ";") if mark in line), None)
        cells = [cell.strip() for cell in next(csv.reader([line], delimiter=mark))] if mark else []
        if len(cells) == 2 and all(cells):
            found[cells[0]] = cells[1]
        else:
            wrong.append(number)
    if wrong:
        lines = ", ".join(map(str, wrong[:5])) + (" and others" if len(wrong) > 5 else "")
        raise BadSettings(
            f"The glossary cannot be read in line {lines}.", hint="Each line is a term, a comma, and its translation."
        )
    return found
