"""Sentence pairs: read, cleaned, and those that are measured on kept out of training."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from assistant.errors import BadDataset
from finetune.translation_data import Pair, apart, measured, pairs, plain, split, tidy, usable, with_rare_words

TATOEBA = """Go.\tVa\u202f!
Go.\tMarche.
Run!\tCours !
Good night.\tBonne nuit.
good night!\tBonne  nuit
I see.\tJe vois.
I see.\tJe comprends.
I understand.\tJe comprends.
a line without a tab
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("tatoeba", "tldr_pages"):
        (tmp_path / name).mkdir()
    (tmp_path / "tatoeba" / "en-fr.tsv.gz").write_bytes(gzip.compress(TATOEBA.encode()))
    (tmp_path / "tldr_pages" / "en-fr.tsv").write_text("List files\tListe les fichiers\nRun!\tCours !\n", "utf-8")
    return tmp_path


def test_every_usable_pair_is_read_once(folder: Path) -> None:
    found = pairs(folder, ["fr"])
    assert [(pair.english, pair.other) for pair in found][:2] == [("Go.", "Va !"), ("Go.", "Marche.")]
    assert {pair.source for pair in found} == {"tatoeba", "tldr_pages"}
    assert len(found) == 9
    with pytest.raises(BadDataset, match="no pairs of English and 'es'"):
        pairs(folder, ["fr", "es"])
    (folder / "tatoeba" / "en-fr.tsv.gz").write_bytes(b"\x1f\x8bno gzip")
    with pytest.raises(BadDataset, match=r"en-fr\.tsv\.gz cannot be read"):
        pairs(folder, ["fr"])


@pytest.mark.parametrize(
    ("english", "other", "expected"),
    [
        ("Good night.", "Bonne nuit.", True),
        ("", "Bonne nuit.", False),
        ("Tom", "Tom", True),
        ("This is the same sentence.", "This is the same sentence.", False),
        ("Yes.", "Oui, je crois bien que nous pourrions y aller demain matin.", False),
        ("The children were playing happily.", "They were playing with the dog in the garden.", False),
        ("Les enfants jouaient dans le jardin avec le chien.", "Les enfants jouaient dans le jardin.", False),
        ("word " * 100, "mot " * 100, False),
    ],
)
def test_pairs_that_teach_the_wrong_thing_are_left_out(english: str, other: str, expected: bool) -> None:
    assert usable(Pair(english, other, "fr", "tatoeba")) is expected


def test_nothing_that_is_measured_on_is_learnt_from(folder: Path) -> None:
    found = pairs(folder, ["fr"])
    train, held_out = split(found, "fr", held_out=3)
    assert len({pair.english for pair in held_out}) == 3
    known = {plain(text) for pair in held_out for text in (pair.english, pair.other)}
    assert train and not [p for p in train if plain(p.english) in known or plain(p.other) in known]
    assert split(found, "fr", held_out=3) == (train, held_out)


def test_what_one_language_is_measured_on_no_other_learns_from(folder: Path) -> None:
    french = pairs(folder, ["fr"])
    found = [
        *french,
        *(Pair(pair.english, f"{pair.other} so", "de", "tatoeba") for pair in french[:3]),
        Pair("Only here.", "Nur hier.", "de", "tatoeba"),
    ]
    known = {plain(pair.english) for name in ("fr", "de") for pair in split(found, name, held_out=2)[1]}
    for name in ("fr", "de"):
        train, held_out = split(found, name, held_out=2)
        assert known.isdisjoint(plain(pair.english) for pair in train)
        assert set(apart(found, name, held_out=2)) <= set(held_out)


def test_what_another_language_learns_from_is_no_test_of_a_model_of_both(folder: Path) -> None:
    shared, own = Pair("Go.", "Geh.", "de", "tatoeba"), Pair("Only here.", "Nur hier.", "de", "tatoeba")
    learnt = [Pair("Go!", "Va !", "fr", "tldr_pages"), Pair("Run.", "Cours.", "fr", "tatoeba")]
    assert apart([shared, own, *learnt], "de") == [own]
    assert apart([shared, own, Pair("Go.", "Va.", "fr", "tatoeba")], "de") == [shared, own], "both are measured on it"


def test_all_known_translations_count(folder: Path) -> None:
    found = pairs(folder, ["fr"])
    held_out = [pair for pair in found if pair.english in ("Go.", "I see.")]
    out = measured(held_out, found, into_english=False)
    assert dict(zip(out.sources, out.references, strict=True)) == {
        "Go.": ("Va !", "Marche."),
        "I see.": ("Je vois.", "Je comprends."),
    }
    back = measured([p for p in held_out if p.other == "Je comprends."], found, into_english=True)
    assert back.sources == ("Je comprends.",)
    assert back.references == (("I see.", "I understand."),)


def test_spaces_of_every_kind_are_plain_ones() -> None:
    assert tidy(" Va\u202f!\u00a0 Cafe\u0301\t") == "Va ! Café"


def test_a_word_is_rare_by_the_pairs_of_its_language_whichever_side_it_is_on() -> None:
    common = [Pair("A dog ran.", "Un chien courait.", "fr", "tatoeba")] * 9
    english, other = (
        Pair("A dog ran happily.", "Un chien courait.", "fr", "tatoeba"),
        Pair("A dog ran.", "Un chien galopait.", "fr", "tatoeba"),
    )
    documented = Pair("A happily dog.", "Un chien.", "fr", "python_docs")
    german = Pair("A dog ran.", "Ein Hund rannte.", "de", "tatoeba")
    assert with_rare_words([*common, english, other, documented, german]) == [9, 10, 12]
    assert with_rare_words([*common, *[english] * 9]) == []
