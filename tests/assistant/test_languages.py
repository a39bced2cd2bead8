"""Codes, names and detection of languages."""

from __future__ import annotations

import pytest

from assistant.errors import BadSettings
from assistant.languages import beyond_doubt, code, detect, detect_all, iso, name


@pytest.mark.parametrize(
    ("given", "found"), [("eng", "en"), ("pt_BR", "pt"), ("arb", "ar"), ("deu", "de"), ("fr", "fr"), ("zho", "zh")]
)
def test_codes_of_every_kind_become_the_shortest(given: str, found: str) -> None:
    assert iso(given) == found


@pytest.mark.parametrize(
    ("given", "found"),
    [("fr", "fr"), ("fra", "fr"), ("French", "fr"), ("français", "fr"), ("pt-BR", "pt"), ("GERMAN", "de")],
)
def test_people_name_languages_as_they_like(given: str, found: str) -> None:
    assert code(given) == found


@pytest.mark.parametrize("given", ["elvish", "", "xx", "1"])
def test_what_is_no_language_is_told(given: str) -> None:
    with pytest.raises(BadSettings):
        code(given)


def test_names_are_english() -> None:
    assert (name("de"), name("pt"), name("")) == ("German", "Portuguese", "any language")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Where is the nearest station, please?", "en"),
        ("Où est la gare la plus proche ?", "fr"),
        ("Wo ist bitte der nächste Bahnhof?", "de"),
        ("¿Dónde está la estación más cercana?", "es"),
        ("Onde fica a estação mais próxima?", "pt"),
        ("最寄りの駅はどこですか。", "ja"),
    ],
)
def test_a_sentence_is_enough_to_tell(text: str, found: str) -> None:
    assert detect(text).code == found


@pytest.mark.parametrize("text", ["", "12345 !!!", "\n\t"])
def test_a_text_in_no_language_is_told(text: str) -> None:
    with pytest.raises(BadSettings):
        detect(text)


def test_a_short_row_is_in_the_language_of_the_others() -> None:
    texts = ["Très bon produit, je suis content.", "Bof", "La livraison était rapide.", "This one is in English."]
    assert detect_all(texts) == ["fr", "fr", "fr", "en"]
    assert len(detect_all(["12", "?"])) == 2


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Das Zimmer war leider schmutzig, und niemand hat sich darum gekümmert.", "de"),
        ("La chambre était sale et personne ne s'en est occupé pendant notre séjour.", "fr"),
        ("部屋はとても汚くて、スタッフも親切ではありませんでした。", "ja"),
        ("The Zimmer was schmutzig.", "en"),
        ("Super!", None),
        ("Nikon Coolpix 4300", None),
        ("12345 :-)", None),
    ],
)
def test_only_what_is_beyond_doubt_is_said_of_a_language(text: str, language: str | None) -> None:
    assert beyond_doubt(text) == language
