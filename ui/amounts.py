"""How times and rows are written for people, in the terminal and on the page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

SHOWN = 10
"""Row numbers that are named; there may be thousands."""


def span(seconds: float) -> str:
    """ "1:02:03", "3:04": as a clock shows a time."""
    text = str(timedelta(seconds=round(seconds)))
    return text.removeprefix("0:").removeprefix("0") if text.startswith("0:0") else text.removeprefix("0:")


def rows(numbers: Sequence[int]) -> str:
    """ "row 3", "rows 3, 5, 1,024 …": the first of them."""
    named = ", ".join(f"{number:,}" for number in numbers[:SHOWN])
    return f"{'row' if len(numbers) == 1 else 'rows'} {named}{' …' if len(numbers) > SHOWN else ''}"
