"""Which model translates: by the languages that are named, or that a file seems to be in."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from assistant.catalogue import Catalogue
from assistant.engines.fake import FakeEngine
from assistant.errors import BadDataset, ModelNotAvailable
from assistant.rejections import REJECTED
from assistant.service import Assistant
from assistant.tasks.translation import Order
from assistant.translating import made_for, spoken, whole_language
from tests.assistant.embedded import embedded

ENGLISH = ["The children were playing happily in the garden.", "She has never seen the sea.", "It is raining again."]


GERMAN = "Die Kinder spielten fröhlich im Garten hinter dem Haus."
FRENCH = "Bon appétit, my friend."


@pytest.fixture
def only_bergamot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Assistant:
    """An assistant with one translator, English to Portuguese, which writes in capitals."""
    monkeypatch.setattr("assistant.sources.locate", lambda entry: tmp_path if entry.key == "bergamot-en-pt" else None)
    return Assistant(open_engine=lambda _, entry, *__, **___: FakeEngine(model=entry.key))


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
    assert spoken(table(tmp_path / "a.csv", [*ENGLISH, GERMAN]), "pt") == "en"
    assert spoken(table(tmp_path / "b.csv", [*ENGLISH, GERMAN]), "en") == "de"
    assert spoken(table(tmp_path / "c.csv", ["", "12", "…"]), "pt") == "en"  # it cannot be told, and is tried
    assert spoken(table(tmp_path / "d.csv", ["As crianças estavam brincando no jardim."]), "pt") == ""
    with pytest.raises(BadDataset, match="no column 'words'"):
        spoken(table(tmp_path / "e.csv", ENGLISH), "pt", "words")


def test_a_whole_is_in_the_language_of_most_of_its_texts() -> None:
    assert whole_language([*ENGLISH, "", FRENCH], "pt") == "en"
    assert whole_language([*ENGLISH, GERMAN], "en") is None
    assert whole_language(["", " "], "en") is None


def test_a_foreign_cue_does_not_end_a_film(only_bergamot: Assistant, tmp_path: Path) -> None:
    film, output = tmp_path / "film.srt", tmp_path / "film.pt.srt"
    cues = [*ENGLISH, FRENCH]
    film.write_text(
        "\n".join(f"{n}\n00:00:0{n},000 --> 00:00:0{n},900\n{cue}\n" for n, cue in enumerate(cues, 1)), "utf-8"
    )
    last = only_bergamot.translation_batch(film, output, target="pt").run()
    assert (last.done, last.rejected) == (4, 0)
    assert [line for line in output.read_text("utf-8").splitlines() if line.isupper()] == [c.upper() for c in cues]


def test_a_row_that_no_model_here_translates_is_set_apart(only_bergamot: Assistant, tmp_path: Path) -> None:
    source, output = table(tmp_path / "a.csv", [*ENGLISH, GERMAN]), tmp_path / "b.csv"
    last = only_bergamot.translation_batch(source, output, target="pt").run()
    assert (last.done, last.rejected) == (4, 1)
    assert "This text is in German" in last_reason(output) and "parley models pull" in last_reason(output)
    assert len(output.read_text("utf-8").splitlines()) == 4
    with pytest.raises(ModelNotAvailable):  # a language that a person named is no row's fault
        only_bergamot.translation_columns([GERMAN], target="pt", source="de")
    assert set(only_bergamot.translation_columns([GERMAN], target="pt")[0]) == {REJECTED}


def last_reason(output: Path) -> str:
    lines = Path(f"{output}.rejected").read_text("utf-8").splitlines()
    return str(json.loads(lines[-1])["reason"])


def test_a_sentence_that_lost_something_is_not_given_to_the_same_translator_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    class Forgetful(FakeEngine):
        def text2text(self, texts: Sequence[str], *_: Any, **__: Any) -> list[str]:
            asked.extend(texts)
            return ["Ligue." for _ in texts]

    monkeypatch.setattr("assistant.sources.locate", lambda _: tmp_path)
    assistant = Assistant(open_engine=lambda _, entry, *__, **___: Forgetful(model=entry.key))
    (found,) = assistant.translate("Call 555 now.", Order("en", "pt"), model="bergamot-en-pt")
    assert (asked, found.problems) == (["Call 555 now."], ("555 is missing",))


def test_a_translator_that_knows_no_forms_of_address_is_told(only_bergamot: Assistant) -> None:
    how, note, *_ = only_bergamot.translation_notes(Order("en", "pt", formality="formal"))
    assert how.startswith("By bergamot-en-pt: good on long sentences")
    assert "bergamot-en-pt cannot choose the form of address" in note and "qwen2.5-coder-1.5b-instruct" in note
    assert note in only_bergamot.translation_notes(Order("en", "pt", formality="formal"), "bergamot-en-pt")
    assert note not in only_bergamot.translation_notes(Order("en", "pt"))


def test_a_job_brings_the_notes_on_how_it_is_done(only_bergamot: Assistant, tmp_path: Path) -> None:
    source = table(tmp_path / "a.csv", ENGLISH)
    notes = only_bergamot.translation_batch(source, tmp_path / "b.csv", target="de").notes
    assert "chat model" in notes[0] and "opus-mt-en-de" in notes[-1]
    (note,) = only_bergamot.translation_batch(source, tmp_path / "b.csv", target="pt").notes
    assert note.startswith("By bergamot-en-pt: good on")


def test_where_nothing_is_here_the_translator_that_needs_no_hub_is_the_one_to_fetch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("assistant.sources.locate", lambda entry: None)
    assistant = Assistant()
    assert assistant.translator("en", "pt").key == "bergamot-en-pt"
    assert assistant.translator("pt", "en").key == "bergamot-pt-en"
    assert assistant.translator("en", "ja").key == "qwen2.5-coder-1.5b-instruct"
    with pytest.raises(ModelNotAvailable, match="not on this machine") as caught:
        list(assistant.translate("The sea.", Order("en", "pt")))
    assert "parley models pull bergamot-en-pt" in str(caught.value.hint)


MEASURED = """
[models."qwen2.5-coder-1.5b-instruct"]
bleu = { "en-fr" = { here = 40.0, there = 20.0 }, "fr-en" = { here = 20.0 } }
[models.parley-t5]
bleu = { "en-fr" = { here = 30.0, there = 30.0 }, "fr-en" = { here = 30.0, there = 10.0 } }
"""


def test_a_translator_that_was_measured_to_be_worse_waits_to_be_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On one of two test sets is enough; a set that only one of them was measured on says nothing."""
    monkeypatch.setenv("PARLEY_HOME", str(tmp_path))
    (tmp_path / "catalogue.toml").write_text(MEASURED, "utf-8")
    present = {"qwen2.5-coder-1.5b-instruct", "parley-t5"}
    monkeypatch.setattr("assistant.sources.locate", lambda entry: tmp_path if entry.key in present else None)
    assistant = Assistant()
    assert assistant.translator("en", "fr").key == "qwen2.5-coder-1.5b-instruct"
    assert assistant.translator("fr", "en").key == "parley-t5"
    notes = " ".join(assistant.translation_notes(Order("en", "fr")))
    assert "By the chat model qwen2.5-coder-1.5b-instruct" in notes and "Quicker and rougher: parley-t5 (" in notes
    assert "understandable on here, BLEU 30" in notes
    assert "hardly the gist on there, BLEU 10" in assistant.translation_notes(Order("fr", "en"))[0]
    present.remove("qwen2.5-coder-1.5b-instruct")
    assert assistant.translator("en", "fr").key == "parley-t5"


BY_LENGTH = """
[models."qwen2.5-coder-1.5b-instruct".bleu.en-fr]
"everyday sentences (Tatoeba)" = 30.0
"long sentences (FLORES-101)" = 25.0
[models.parley-t5.bleu.en-fr]
"everyday sentences (Tatoeba)" = 50.0
"long sentences (FLORES-101)" = 13.0
"""
LONG = (
    "The committee, which had been appointed by the previous government, published its report on the state of the "
    "railways in the autumn of that year, long before anyone expected it."
)


def test_short_sentences_and_long_ones_go_to_the_model_that_was_better_on_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARLEY_HOME", str(tmp_path))
    (tmp_path / "catalogue.toml").write_text(BY_LENGTH, "utf-8")
    present = {"qwen2.5-coder-1.5b-instruct", "parley-t5"}
    monkeypatch.setattr("assistant.sources.locate", lambda entry: tmp_path if entry.key in present else None)
    assistant = Assistant()

    def served(text: str) -> str:
        return assistant.translation_notes(assistant.order(text, "fr", "en"))[0]

    assert served("Where is the station? I have lost my bag.").startswith("By parley-t5: very good on everyday")
    assert served(LONG).startswith("By the chat model qwen2.5-coder-1.5b-instruct, slow on a CPU: the gist with grave")
    assert served("").startswith("By the chat model"), "of an unknown text it must be better on all that was measured"
    chosen = [
        assistant.translation_batch(table(tmp_path / f"{n}.csv", some), tmp_path / "out.csv", target="fr").notes[0]
        for n, some in enumerate((["Where is the station?", "Come here."], ["Come here.", LONG, LONG]))
    ]
    assert "parley-t5" in chosen[0] and "chat model" in chosen[1]
    present.update({"t5-small", "opus-mt-en-fr"})
    assert served("Where is the station?").startswith("By opus-mt-en-fr"), "what was fetched for it goes first"
    present.remove("opus-mt-en-fr")
    assert served("Where is the station?").startswith("By parley-t5"), "t5-small does other things too"


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
