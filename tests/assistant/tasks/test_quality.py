"""BLEU in words, and one translator beside another."""

from __future__ import annotations

import pytest

from assistant.tasks.quality import good, in_words, told, worse


@pytest.mark.parametrize(
    ("bleu", "words"),
    [
        (61.0, "very good"),
        (40.0, "good"),
        (39.9, "understandable"),
        (20.0, "the gist with grave mistakes"),
        (12.0, "hardly the gist"),
        (0.0, "of little use"),
    ],
)
def test_what_a_bleu_promises(bleu: float, words: str) -> None:
    assert in_words(bleu) == words


def test_figures_are_told_with_their_test_set() -> None:
    measured = {"en-fr": {"Tatoeba": 41.2, "FLORES-101 dev": 12.6}, "fr-en": {"Tatoeba": 44.0}}
    assert told(measured, "en-fr") == "good on Tatoeba, BLEU 41; hardly the gist on FLORES-101 dev, BLEU 13"
    assert told(measured, "en-de") == ""
    assert good(measured, "fr-en") and not good(measured, "en-fr") and not good(measured, "en-de")


def test_only_figures_of_the_same_set_are_compared() -> None:
    one, other = {"en-fr": {"a": 30.0, "b": 20.0}}, {"en-fr": {"a": 25.0, "c": 90.0}}
    assert not worse(one, other, "en-fr") and worse(other, one, "en-fr")
    assert not worse(one, other, "fr-en")
    assert worse({"en-fr": {"a": 30.0, "b": 20.0}}, {"en-fr": {"a": 29.0, "b": 21.0}}, "en-fr")
