"""What must come through a translation as it is: addresses, code, placeholders, markup, numbers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

_KEPT = re.compile(
    r"""
    (?P<url>(?:https?://|www\.)[^\s<>"')\]]+[^\s<>"')\].,;:!?])
  | (?P<mail>[\w.+-]+@[\w-]+(?:\.[\w-]+)+)
  | (?P<code>`[^`\n]+`)
  | (?P<placeholder>\{\\[^{}\n]+\}|\$?\{\{?[\w.:!]*\}?\}|%\(\w+\)[sdif]|%\d*\$?[sdif]\b|\$[A-Za-z_]\w*|<\w+\s*/?>)
  | (?P<tag></?[a-zA-Z][^<>\n]*>)
  | (?P<number>
        (?<!\d)\d{1,3}(?P<mark>[.,'’\u00a0\u2009\u202f ])\d{3}(?:(?P=mark)\d{3})*(?!\d)(?:[.,]\d+)?
      | \d{1,2}\s?[hH]\s?\d{2}(?!\d)
      | \d+(?:[.,:/]\d+)*
    )
    """,
    re.VERBOSE,
)
_THOUSANDS = re.compile(r"(?<=\d)[.,'’\s](?=\d{3}(?!\d))")
FEW = 3
"""Losses that are told one by one."""


def kept(text: str) -> list[str]:
    """What in a text must survive, in order."""
    return [found[0] for found in _KEPT.finditer(text)]


def lost(source: str, translation: str) -> list[str]:
    """What of `source` has not come through. A number may be written as another language writes it: 1,000.5 as
    1.000,5 or 1 000,5; 14:30 as 14h30; and the parts of a date in any order."""
    there = Counter(shape for found in _KEPT.finditer(translation) for shape in _shapes(found))
    missing: list[str] = []
    for found in _KEPT.finditer(source):
        ways = [_shapes(found)]
        if found.lastgroup == "number" and ":" in found[0]:
            ways.append(found[0].split(":"))  # 14:30 as "14 Uhr 30"
        here = next((way for way in map(Counter, ways) if way <= there), None)
        if here is None:
            missing.append(found[0])
        else:
            there -= here
    return missing


def _shapes(found: re.Match[str]) -> list[str]:
    """What is compared: of a number its digits by parts, of a date (or a version) each part for itself."""
    if found.lastgroup != "number":
        return [found[0]]
    parts = re.split(r"\D+", _THOUSANDS.sub("", found[0]))
    return parts if len(parts) > 2 else [".".join(parts)]


@dataclass
class Losses:
    """What many translations have lost, gathered while they come."""

    seen: int = 0
    """Rows so far, also those that could not be used."""
    rows: int = 0
    """Those that lost something."""
    first: list[str] = field(default_factory=list[str])

    def add(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Look through rows that have gained a translation's columns."""
        for row in rows:
            self.seen += 1
            if row.get("lost"):
                self.rows += 1
                if len(self.first) < FEW:
                    self.first.append(f"row {self.seen:,} lost “{row['lost']}”")

    def told(self) -> str:
        """How many there are, and the first of them; "" where everything has come through."""
        if not self.rows:
            return ""
        more = "; …" if self.rows > len(self.first) else ""
        return f"{self.rows:,} text{'s' * (self.rows > 1)} lost something: {'; '.join(self.first)}{more}"
