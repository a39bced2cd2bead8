"""How times are written for people, in the terminal and on the page."""

from __future__ import annotations

from datetime import timedelta


def span(seconds: float) -> str:
    """ "1:02:03", "3:04": as a clock shows a time."""
    text = str(timedelta(seconds=round(seconds)))
    return text.removeprefix("0:").removeprefix("0") if text.startswith("0:0") else text.removeprefix("0:")
