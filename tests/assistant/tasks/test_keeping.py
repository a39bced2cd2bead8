"""What must survive a translation."""

from __future__ import annotations

import pytest

from assistant.tasks.keeping import Losses, kept, lost


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("See https://example.com/a?b=1.", ["https://example.com/a?b=1"]),
        ("Write to anna.berg@example.com, please.", ["anna.berg@example.com"]),
        ("Run `make test` now.", ["`make test`"]),
        ("Hello {name}, you have %d new %(kind)s in ${box}.", ["{name}", "%d", "%(kind)s", "${box}"]),
        ("A <b>bold</b> word", ["<b>", "</b>"]),
        ("It costs 1,250.50 at 14:30.", ["1,250.50", "14:30"]),
        ("{\\i1}Slowly{\\i0}, for $5", ["{\\i1}", "{\\i0}", "5"]),
        ("Set $HOME first.", ["$HOME"]),
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
        ("Pay 1 of 10", "Zahle 10", ["1"]),
        ("Room 12 has 3 beds", "Zimmer 1 hat 23 Betten", ["12", "3"]),
        ("It costs $40.", "Es kostet 40 $.", []),
        ("12,000 people", "12 000 personnes", []),
        ("12 000 personnes", "12.000 Menschen", []),
        ("In 2020 300 people came.", "2020 kamen 300 Menschen.", []),
        ("1,250.50 in all", "1250,50 insgesamt", []),
        ("3.5 kg", "3,5 kg", []),
        ("3.5 kg", "35 kg", ["3.5"]),
        ("At 14:30", "Um 14.30 Uhr", []),
        ("At 14:30", "À 14h30", []),
        ("At 14:30", "Um 14 Uhr 30", []),
        ("On 3/4/2020", "Am 4.3.2020", []),
        ("Take 5, then 5", "Nimm 5", ["5"]),
        ("{\\i1}Slowly{\\i0}", "{\\i1}Langsam", ["{\\i0}"]),
        ("Open https://a.example/x", "Öffne https://a.example/y", ["https://a.example/x"]),
        ("Hi {name}", "Salut {nom}", ["{name}"]),
        ("Twice %s and %s", "Une fois %s", ["%s"]),
    ],
)
def test_what_got_lost_is_named(source: str, translation: str, missing: list[str]) -> None:
    assert lost(source, translation) == missing


def test_losses_of_many_texts_are_counted_and_the_first_told() -> None:
    losses = Losses()
    assert losses.told() == ""
    losses.add([{"lost": ""}, {}, {"lost": "555"}])
    assert losses.told() == "1 text lost something: row 3 lost “555”"
    losses.add([{"lost": "{name}; 7"}, {"lost": "8"}, {"lost": "9"}])
    assert losses.told() == "4 texts lost something: row 3 lost “555”; row 4 lost “{name}; 7”; row 5 lost “8”; …"
