"""Rows that cannot be used: found before the work, or set apart when the work refuses them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from assistant.errors import BadDocument, TextTooLong
from assistant.tables import BadRow, Row

EMPTY = "is empty"
REJECTED = "\0rejected"
"""The key under which a row that cannot be used has the reason: no column and no label can be called so."""
Work = Callable[[Sequence[str]], Sequence[Mapping[str, Any]]]
"""Texts → the columns that each of them gains."""


def set_apart(work: Work, texts: Sequence[str]) -> Sequence[Mapping[str, Any]]:
    """What the work makes of the texts; one that it refuses becomes {REJECTED: why}, not the others with it."""
    try:
        return work(texts)
    except (BadDocument, TextTooLong) as error:
        if len(texts) == 1:
            return [{REJECTED: str(error)}]
        half = len(texts) // 2
        return [*set_apart(work, texts[:half]), *set_apart(work, texts[half:])]


def objection(row: Row | BadRow, column: str) -> str | None:
    """Why a row cannot be used, None where it can."""
    if isinstance(row, BadRow):
        return row.reason
    value = row.get(column)
    if value is None:
        return f"it has no {column}"
    if not isinstance(value, str):
        return f"its {column} is no text but {type(value).__name__}"
    return None if value.strip() else f"its {column} {EMPTY}"
