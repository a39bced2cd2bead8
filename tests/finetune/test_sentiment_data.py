"""The readers of the public sentiment data, on files of the same form."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from assistant.errors import BadDataset
from finetune.sentiment_data import HELD_OUT_PRODUCTS, examples, unlabelled

REVIEW = """*** a heading
[t]a title
camera[+3]##i love this camera .
size[-2][u], flash[-1]##too big , and a weak flash .
zoom[+1], price[-1]##nice zoom , high price .
##it was a birthday present .
##excellent !
player[+][cc]##better than the other one .
[s]##look elsewhere .
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    films = tmp_path / "rotten_tomatoes"
    films.mkdir()
    (films / "pos.txt").write_text("a joy .\nwarm .\n", "utf-8")
    (films / "neg.txt").write_text("a bore .\n", "utf-8")
    with zipfile.ZipFile(tmp_path / "pros_cons.zip", "w") as archive:
        archive.writestr("pros_cons/IntegratedPros.txt", "<Pros>small &amp;amp; light</Pros>\n<Pros>price</Pros>\n")
        archive.writestr("pros_cons/IntegratedCons.txt", "<Cons>slow</Cons>\n<Cons>Price</Cons>\n")
    with zipfile.ZipFile(tmp_path / "opinion_lexicon.zip", "w") as archive:
        archive.writestr("opinion_lexicon/positive-words.txt", "; a comment\n\nexcellent\nenvious\n")
        archive.writestr("opinion_lexicon/negative-words.txt", ";\nawful\nenvious\n")
    for name, product in (("product_reviews_1.zip", "Canon_G3"), ("product_reviews_2.zip", HELD_OUT_PRODUCTS[0])):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr(f"reviews/{product}.txt", REVIEW)
            archive.writestr("reviews/README.txt", "camera[+3]##no review")
    return tmp_path


def test_each_source_gives_its_rows(folder: Path) -> None:
    found = list(examples(folder))
    said = {(each.source, each.text): each.label for each in found}
    assert said["films", "a joy ."] == "positive"
    assert said["films", "a bore ."] == "negative"
    assert said["pros and cons", "small & light"] == "positive"
    product = {text: label for (source, text), label in said.items() if source == "Canon_G3"}
    assert product == {
        "i love this camera .": "positive",
        "too big , and a weak flash .": "negative",
        "it was a birthday present .": "neutral",
        "better than the other one .": "positive",
    }


def test_what_is_praised_and_blamed_alike_teaches_nothing(folder: Path) -> None:
    assert not [each for each in examples(folder) if each.text.lower() == "price"]


def test_praise_that_nobody_marked_is_not_taught_as_neutral(folder: Path) -> None:
    found = [(each.source, each.split) for each in examples(folder) if each.text == "excellent !"]
    assert found == [(HELD_OUT_PRODUCTS[0], "test")]


def test_opinion_words_are_rows_of_their_own(folder: Path) -> None:
    found = {each.text: each.label for each in examples(folder) if each.source == "lexicon"}
    assert found == {"excellent": "positive", "awful": "negative"}


def test_held_out_products_are_only_measured_on(folder: Path) -> None:
    splits = {each.source: each.split for each in examples(folder) if each.source in ("Canon_G3", *HELD_OUT_PRODUCTS)}
    assert splits == {"Canon_G3": "train", HELD_OUT_PRODUCTS[0]: "test"}


def test_a_folder_that_lacks_a_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadDataset, match="is not the sentiment data"):
        list(examples(tmp_path))


def test_sentences_without_labels_are_read_once_each(tmp_path: Path) -> None:
    path = tmp_path / "opinosis.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("topics/rooms_hotel.txt.data", "  Large rooms .\n\n,  caf\xe9 downstairs\n".encode("latin-1"))
        archive.writestr("topics/staff_hotel.txt.data", "Large rooms .\n")
        archive.writestr("summaries-gold/rooms_hotel/1.gold", "The rooms are large.")
    assert unlabelled(path) == ["Large rooms .", "caf\xe9 downstairs"]
    path.write_bytes(b"PK no zip")
    with pytest.raises(BadDataset, match="cannot be read"):
        unlabelled(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("other.txt", "")
    with pytest.raises(BadDataset, match="no topics"):
        unlabelled(path)
