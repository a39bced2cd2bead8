"""`parley translate`, `summarize`, `ask` and `classify`, with an engine that repeats what it is asked."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

Parley = Callable[..., Result]
STORY = "Whales live in the sea. They breathe air at its surface. Their milk is very rich. Hunting nearly ended them."


@pytest.fixture(autouse=True)
def at_hand(fake: Callable[..., None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Every model but those that were made to translate."""
    monkeypatch.setattr("assistant.sources.locate", lambda entry: None if entry.family == "seq2seq" else tmp_path)


def test_a_text_is_translated_sentence_by_sentence(parley: Parley) -> None:
    result = parley("translate", "Hello there. Good bye.", "--to", "de")
    assert result.exit_code == 0
    assert result.stdout == "You said: Hello there. You said: Good bye.\n"
    assert "chat model" in result.stderr and "opus-mt-en-de" in result.stderr


def test_json_has_languages_sentences_and_problems(fake: Callable[..., None], parley: Parley) -> None:
    fake("Ruf an.")
    shown = json.loads(parley("translate", "Call 555 now.", "--to", "German", "--from", "en", "--json").stdout)
    assert (shown["language"], shown["translation"]) == ("en", "Ruf an.")
    assert shown["sentences"][0]["problems"] == ["555 is missing"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("translate", "Hello there."), 2, "--to"),
        (("translate", "Hello there.", "--to", "elvish"), 1, "no language"),
        (("translate", "Hello there, my friends.", "--to", "en"), 1, "in English already"),
        (("translate", "", "--to", "de"), 1, "empty"),
        (("translate", "12345", "--to", "de"), 1, "cannot be told"),
        (("translate", "Hello.", "--from", "en", "--to", "de", "--model", "all-minilm-l6-v2"), 1, "does not write"),
        (("translate", "Hello.", "--from", "en", "--to", "de", "--formality", "rude"), 1, "formal or informal"),
        (("translate", "--to", "de", "--input", "x.csv"), 1, "--output"),
        (("summarize", "  "), 1, "empty"),
        (("summarize", "Hello there.", "--way", "upwards"), 1, "upwards"),
        (("summarize", "Hello there.", "--way", "abstractive", "--model", "all-minilm-l6-v2"), 1, "does not write"),
        (("summarize", "x" * 500_000), 1, "500,000"),
        (("ask", "", "--input", "nothing.txt"), 1, "nothing.txt"),
        (("classify", "Hello", "--labels", "one"), 1, "nothing to choose"),
        (("sentiment", "word" * 2_500_000), 1, "10,000,000"),
        (("sentiment", "Das Zimmer war leider schmutzig, und niemand hat sich gekümmert."), 1, "in German"),
        (("classify", "", "--labels", "a,b"), 1, "empty"),
    ],
)
def test_what_cannot_be_done_is_told(parley: Parley, words: tuple[str, ...], code: int, said: str) -> None:
    result = parley(*words)
    assert said in result.stderr
    assert result.exit_code == (2 if code == 2 else result.exit_code) != 0
    assert "Traceback" not in result.stderr


def test_lines_go_through(parley: Parley) -> None:
    result = parley("translate", "--to", "de", "--from", "en", input="One dog.\n\nTwo cats.\n")
    assert result.stdout == "You said: One dog.\n\nYou said: Two cats.\n"


def test_a_table_gains_language_and_translation(parley: Parley, tmp_path: Path) -> None:
    source, output = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("id,text\n1,Where is the station?\n2,Wo ist der nächste Bahnhof?\n3,\n", "utf-8")
    assert parley("translate", "--input", str(source), "--output", str(output), "--to", "de").exit_code == 0
    rows = list(csv.DictReader(output.read_text("utf-8").splitlines()))
    assert [(row["language"], row["translation"]) for row in rows] == [
        ("en", "You said: Where is the station?"),
        ("de", "Wo ist der nächste Bahnhof?"),
    ]
    assert "has no text" in Path(f"{output}.rejected").read_text("utf-8") or "empty" in Path(
        f"{output}.rejected"
    ).read_text("utf-8")


def test_subtitles_and_text_files_keep_their_structure(parley: Parley, tmp_path: Path) -> None:
    film = tmp_path / "film.srt"
    film.write_text("1\n00:00:01,000 --> 00:00:02,000\nHello there.\n", "utf-8")
    out = tmp_path / "film.de.srt"
    assert parley("translate", "-i", str(film), "-o", str(out), "--to", "de", "--from", "en").exit_code == 0
    assert "00:00:01,000 --> 00:00:02,000\nYou said: Hello there." in out.read_text("utf-8")
    text = tmp_path / "a.txt"
    text.write_text("One dog.\n\n\nTwo cats.\n", "utf-8")
    out = tmp_path / "b.txt"
    assert parley("translate", "-i", str(text), "-o", str(out), "--to", "de", "--from", "en").exit_code == 0
    assert out.read_text("utf-8") == "You said: One dog.\n\n\nYou said: Two cats.\n"
    result = parley("translate", "-i", str(text), "-o", str(tmp_path / "b.srt"), "--to", "de", "--from", "en")
    assert result.exit_code != 0 and "cannot become" in result.stderr


def test_a_file_says_what_its_texts_lost_and_who_translated(
    fake: Callable[..., None], parley: Parley, tmp_path: Path
) -> None:
    fake("Ruf an.")
    source, output = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("text\nCall me.\nCall 555 now.\n", "utf-8")
    result = parley("translate", "-i", str(source), "-o", str(output), "--to", "de", "--from", "en")
    assert "1 text lost something: row 2 lost “555”" in result.stderr
    assert "chat model" in result.stderr and "opus-mt-en-de" in result.stderr
    assert [row["lost"] for row in csv.DictReader(output.read_text("utf-8").splitlines())] == ["", "555"]


def test_piped_lines_say_what_they_lost_and_who_translated(fake: Callable[..., None], parley: Parley) -> None:
    fake("Ruf an.")
    words = ("translate", "--to", "de", "--from", "en")
    result = parley(*words, input="Call me.\n\nCall 555 now.\n")
    assert result.stdout == "Ruf an.\n\nRuf an.\n"
    assert "row 3 lost “555”" in result.stderr and "chat model" in result.stderr
    shown = [json.loads(line) for line in parley(*words, "--json", input="Call 555 now.\n").stdout.splitlines()]
    assert shown == [{"text": "Call 555 now.", "language": "en", "translation": "Ruf an.", "lost": "555"}]


@pytest.mark.parametrize("words", [("sentiment",), ("classify", "--labels", "a,b"), ("translate", "--to", "de")])
def test_piped_lines_have_no_columns(parley: Parley, words: tuple[str, ...]) -> None:
    result = parley(*words, "--column", "text", input="id,text\n1,Hello.\n")
    assert result.exit_code == 2
    assert "--column goes with" in result.stderr


def test_a_label_may_be_called_rejected(parley: Parley, tmp_path: Path) -> None:
    source, output = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("text\naccepted\nrejected\n", "utf-8")
    labels = ("--labels", "accepted,rejected")
    result = parley("classify", "-i", str(source), "-o", str(output), *labels)
    assert result.exit_code == 0
    rows = list(csv.DictReader(output.read_text("utf-8").splitlines()))
    assert [row["label"] for row in rows] == ["accepted", "rejected"]
    assert not Path(f"{output}.rejected").exists()
    piped = parley("classify", *labels, input="accepted\nrejected\n")
    assert piped.exit_code == 0
    assert [line.split("\t")[0] for line in piped.stdout.splitlines()] == ["accepted", "rejected"]


def test_a_line_that_is_refused_is_an_object_with_the_reason(parley: Parley) -> None:
    german = "Das Zimmer war leider schmutzig, und niemand hat sich darum gekümmert."
    shown = json.loads(parley("sentiment", "--json", input=f"{german}\n").stdout)
    assert set(shown) == {"text", "rejected"} and "in German" in shown["rejected"]


def test_a_glossary_comes_from_a_file(parley: Parley, tmp_path: Path) -> None:
    terms = tmp_path / "terms.csv"
    terms.write_text("dog, Hund\n", "utf-8")
    result = parley("translate", "A dog.", "--to", "de", "--from", "en", "-g", str(terms))
    assert "Hund is missing" in result.stderr
    terms.write_text("dog\n", "utf-8")
    assert "line 1" in parley("translate", "A dog.", "--to", "de", "--from", "en", "-g", str(terms)).stderr


def test_key_sentences_are_the_texts_own(parley: Parley) -> None:
    shown = json.loads(parley("summarize", STORY, "-n", "2", "--way", "extractive", "--json").stdout)
    assert shown["way"] == "extractive" and len(shown["sentences"]) == 2
    assert all(each["text"] in STORY for each in shown["sentences"])
    assert shown["support_rate"] == 1


def test_a_written_summary_tells_what_nothing_supports(fake: Callable[..., None], parley: Parley) -> None:
    fake("Whales live in the sea. Qqq zzz xxx jjj.")
    result = parley("summarize", STORY, "-n", "2", "--way", "abstractive")
    assert result.stdout == "Whales live in the sea. Qqq zzz xxx jjj.\n"
    assert "Nothing in the text says this: Qqq" in result.stderr


def test_a_german_summary_comes_with_a_note_and_no_warning(fake: Callable[..., None], parley: Parley) -> None:
    german = "Das Zimmer war leider schmutzig, und niemand hat sich darum gekümmert. Wir sind abgereist."
    fake("Xxx yyy zzz.")
    result = parley("summarize", german, "--way", "abstractive")
    assert "was not made for German" in result.stderr and "Nothing in the text" not in result.stderr
    shown = json.loads(parley("summarize", german, "--way", "abstractive", "--json").stdout)
    assert shown["support_rate"] is None and shown["sentences"][0]["supported"] is None
    assert "German" in shown["notes"][0]


def test_a_document_is_summarised_and_a_table_row_by_row(parley: Parley, tmp_path: Path) -> None:
    document = tmp_path / "a.md"
    document.write_text(STORY, "utf-8")
    assert parley("summarize", "-i", str(document), "-n", "1", "--way", "extractive").stdout.strip() in STORY
    table, output = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    table.write_text(json.dumps({"text": STORY}) + "\n" + json.dumps({"text": "One line only."}) + "\n", "utf-8")
    assert parley("summarize", "-i", str(table), "-o", str(output), "-n", "1", "--way", "extractive").exit_code == 0
    rows = [json.loads(line) for line in output.read_text("utf-8").splitlines()]
    assert rows[0]["summary"] in STORY and rows[1]["summary"] == "One line only."


def test_a_question_is_answered_with_what_it_rests_on(
    fake: Callable[..., None], parley: Parley, tmp_path: Path
) -> None:
    document = tmp_path / "a.txt"
    document.write_text(STORY, "utf-8")
    fake("In the sea.")
    result = parley("ask", "Where do whales live?", "-i", str(document))
    assert result.exit_code == 0, result.stderr
    assert result.stdout == "In the sea.\n"
    assert "“" in result.stderr
    document.write_text("Das Zimmer war leider schmutzig, und niemand hat sich darum gekümmert.", "utf-8")
    assert "was not made for German" in parley("ask", "Wer hat sich gekümmert?", "-i", str(document)).stderr
    fake("Not in the text.")
    shown = parley("ask", "Who is king?", "-i", str(document), "--json")
    assert shown.exit_code == 1 and json.loads(shown.stdout)["found"] is False


def test_texts_are_sorted_under_labels(parley: Parley, tmp_path: Path) -> None:
    result = parley("classify", "zzz zzz", "--labels", "zzz,aaa")
    assert result.stdout.splitlines()[0].endswith("zzz")
    shown = json.loads(parley("classify", "zzz", "--labels", "aaa=aaa;zzz=zzz zz", "--json").stdout)
    assert shown["label"] == "zzz" and sum(shown["probabilities"].values()) == pytest.approx(1)
    source, output = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("text\naaa\nzzz\n", "utf-8")
    assert parley("classify", "-i", str(source), "-o", str(output), "--labels", "zzz,aaa").exit_code == 0
    assert [row["label"] for row in csv.DictReader(output.read_text("utf-8").splitlines())] == ["aaa", "zzz"]


def test_three_families_stand_side_by_side(fake: Callable[..., None], parley: Parley) -> None:
    fake("positive")
    result = parley("compare-models", "All good here.", "--reference", "positive")
    assert result.exit_code == 0
    assert [line.split()[0] for line in result.stdout.splitlines() if "-style" in line] == [
        "BERT-style",
        "T5-style",
        "GPT-style",
    ]
    assert "quality 1.00" in result.stderr and "parley models pull" in result.stderr
    shown = json.loads(parley("compare-models", "All good here.", "--json").stdout)
    assert [each["answer"] for each in shown["models"]] == ["positive", "", "positive"]
    assert parley("compare-models", "x", "--task", "paint").exit_code == 2


def test_a_document_is_read_as_a_whole_without_an_output(parley: Parley, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_bytes("Grüße. We are glad.".encode("cp1252"))
    shown = json.loads(parley("sentiment", "--input", str(tmp_path / "letter.txt"), "--json").stdout)
    assert len(shown["sentences"]) == 2
    assert (
        "You said: We are glad."
        in parley("translate", "--input", str(tmp_path / "letter.txt"), "--from", "en", "--to", "de").stdout
    )
    assert parley("classify", "--input", str(tmp_path / "letter.txt"), "--labels", "a,b").exit_code == 0


def test_one_line_that_is_refused_does_not_stop_the_others(parley: Parley) -> None:
    german = "Das Zimmer war leider schmutzig, und niemand hat sich darum gekümmert."
    result = parley("sentiment", input=f"The room was clean.\n{german}\nWe would come again.\n")
    assert result.exit_code == 1
    first, second, third = result.stdout.splitlines()
    assert "clean" in first and not second and "again" in third
    assert "in German" in result.stderr


def test_piped_text_in_an_old_encoding(parley: Parley) -> None:
    assert "caf\u00e9" in parley("sentiment", input="The café was nice.\n".encode("cp1252")).stdout
    assert parley("summarize", "--way", "extractive", input=("Ein Café. " + STORY).encode("cp1252")).exit_code == 0
