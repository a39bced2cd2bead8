"""What looks like personal data in a text, by patterns: for a person to look at, no proof that there is none."""

from __future__ import annotations

import re
from collections.abc import Iterator

PERSONAL = {
    "e-mail addresses": re.compile(r"\b[\w.+-]+@[\w-]+\.[\w.-]*[a-z]{2,}\b", re.IGNORECASE),
    "telephone numbers": re.compile(
        r"(?<![\w.])(?:\+\d{1,3}[ .-]?)?(?:\(\d{2,4}\)[ .-]?)?\d{3}[ .-]\d{3,4}[ .-]?\d{3,4}\b"
    ),
    "payment card numbers": re.compile(r"\b(?:\d[ -]?){13,19}\b"),
    "bank accounts (IBAN)": re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b"),
    "addresses of machines (IPv4)": re.compile(
        r"\b(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)\b"
    ),
}


def personal_data(text: str) -> Iterator[str]:
    """The kinds that are in it, as PERSONAL names them."""
    for what, pattern in PERSONAL.items():
        if any(what != "payment card numbers" or _luhn(found[0]) for found in pattern.finditer(text)):
            yield what


def _luhn(text: str) -> bool:
    """Whether the digits pass the check that payment cards have (ISO/IEC 7812-1)."""
    digits = [int(digit) for digit in text if digit.isdigit()]
    doubled = [digit if place % 2 == 0 else sum(divmod(2 * digit, 10)) for place, digit in enumerate(digits[::-1])]
    return len(digits) >= 13 and sum(doubled) % 10 == 0 and len(set(digits)) > 1
