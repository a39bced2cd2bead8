"""What must come through a translation as it is: addresses, code, placeholders, markup, numbers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

_KEPT = re.compile(
    r"""
    (?P<url>(?:https?://|www\.)[^\s<>"')\]]+[^\s<>"')\].,;:!?])
  | (?P<mail>[\w.+-]+@[\w-]+(?:\.[\w-]+)+)
  | (?P<code>`[^`\n]+`)
  | (?P<placeholder>\$?\{\{?[\w.:!]*\}?\}|%\(\w+\)[sdif]|%\d*\$?[sdif]\b|\$\w+|<\w+\s*/?>)
  | (?P<tag></?[a-zA-Z][^<>\n]*>)
  | (?P<number>\d+(?:[.,:/\u00a0\u202f' ]\d+)*)
    """,
    re.VERBOSE,
)
_SEPARATORS = re.compile(r"\D")


def kept(text: str) -> list[str]:
    """What in a text must survive, in order."""
    return [found[0] for found in _KEPT.finditer(text)]


def lost(source: str, translation: str) -> list[str]:
    """What of `source` has not come through. Numbers count by their digits: 1,000.5 and 1.000,5 are the same."""
    there = Counter(_shapes(translation))
    digits = _SEPARATORS.sub("", translation)
    missing: list[str] = []
    for found in _KEPT.finditer(source):
        shape = _shape(found)
        if there[shape]:
            there[shape] -= 1
        elif not (found.lastgroup == "number" and shape in digits):
            missing.append(found[0])
    return missing


def _shapes(text: str) -> Iterator[str]:
    return (_shape(found) for found in _KEPT.finditer(text))


def _shape(found: re.Match[str]) -> str:
    return _SEPARATORS.sub("", found[0]) if found.lastgroup == "number" else found[0]
