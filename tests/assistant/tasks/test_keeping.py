"""What must survive a translation."""

from __future__ import annotations

import pytest

from assistant.tasks.keeping import kept, lost


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("See https://example.com/a?b=1.", ["https://example.com/a?b=1"]),
        ("Write to anna.berg@example.com, please.", ["anna.berg@example.com"]),
        ("Run `make test` now.", ["`make test`"]),
        ("Hello {name}, you have %d new %(kind)s in ${box}.", ["{name}", "%d", "%(kind)s", "${box}"]),
        ("A <b>bold</b> word", ["<b>", "</b>"]),
        ("It costs 1,250.50 at 14:30.", ["1,250.50", "14:30"]),
        ("Nothing here.", []),
    ],
)
def test_addresses_code_placeholders_and_numbers_are_found(text: str, found: list[str]) -> None:
    assert kept(text) == found


@pytest.mark.parametrize(
    ("source", "translation", "missing"),
    [
        ("It costs 1,250.50.", "Das kostet 1.250,50.", []),
        ("At 14:30", "À 14 h 30", []),
        ("Pay 5 of 10", "Zahle 10", ["5"]),
        ("Open https://a.example/x", "Öffne https://a.example/y", ["https://a.example/x"]),
        ("Hi {name}", "Salut {nom}", ["{name}"]),
        ("Twice %s and %s", "Une fois %s", ["%s"]),
    ],
)
def test_what_got_lost_is_named(source: str, translation: str, missing: list[str]) -> None:
    assert lost(source, translation) == missing
