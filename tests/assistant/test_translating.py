"""Which model translates: by the languages that are named, or that a file seems to be in."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from assistant.catalogue import Catalogue
from assistant.errors import BadDataset
from assistant.service import Assistant
from assistant.translating import made_for, spoken
from tests.assistant.embedded import embedded

ENGLISH = ["The children were playing happily in the garden.", "She has never seen the sea.", "It is raining again."]


@pytest.mark.parametrize(
    ("key", "source", "target", "expected"),
    [
        ("bergamot-en-pt", "en", "pt", True),
        ("bergamot-en-pt", "pt", "en", False),
        ("bergamot-en-pt", "", "pt", True),
        ("bergamot-en-pt", "", "en", False),
        ("nllb-200-distilled-600m", "de", "fr", True),
        ("nllb-200-distilled-600m", "", "fr", True),
        ("nllb-200-distilled-600m", "", "eu", False),
        ("qwen2.5-coder-1.5b-instruct", "en", "fr", False),
    ],
)
def test_models_that_were_made_for_a_pair(key: str, source: str, target: str, expected: bool) -> None:
    assert made_for(Catalogue.load()[key], source, target) is expected


def table(path: Path, texts: list[str]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("id", "text"), *enumerate(texts)])
    return path


def test_the_language_of_a_file_is_that_of_most_texts_which_are_not_translated_yet(tmp_path: Path) -> None:
    german = "Die Kinder spielten fröhlich im Garten hinter dem Haus."
    assert spoken(table(tmp_path / "a.csv", [*ENGLISH, german]), "pt") == "en"
    assert spoken(table(tmp_path / "b.csv", [*ENGLISH, german]), "en") == "de"
    assert spoken(table(tmp_path / "c.csv", ["", "12", "…"]), "pt") == "en"  # it cannot be told, and is tried
    assert spoken(table(tmp_path / "d.csv", ["As crianças estavam brincando no jardim."]), "pt") == ""
    with pytest.raises(BadDataset, match="no column 'words'"):
        spoken(table(tmp_path / "e.csv", ENGLISH), "pt", "words")


@pytest.mark.model
def test_a_file_in_a_language_that_nobody_named_goes_to_the_translator_that_is_here(tmp_path: Path) -> None:
    embedded("bergamot-en-pt")
    assistant = Assistant()
    source, output = table(tmp_path / "a.csv", ENGLISH), tmp_path / "b.csv"
    assert assistant.missing("translate", languages=(spoken(source, "pt"), "pt")) == []
    assistant.translation_batch(source, output, target="pt").run()
    with output.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["language"] for row in rows] == ["en"] * 3
    assert rows[0]["translation"] == "As crianças estavam brincando alegremente no jardim."


@pytest.mark.model
def test_a_sentence_beyond_the_translator_s_context_is_translated_in_pieces() -> None:
    embedded("bergamot-en-pt")
    assistant = Assistant()
    text = ", ".join(["one red house and two green trees"] * 16) + "."  # 560 characters, 140 tokens
    found = assistant.translation(text, assistant.order(text, "pt", "en"))
    assert found.text.count("casa") >= 12
