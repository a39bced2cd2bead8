"""`parley sentiment`, with an engine that counts "good" and "bad"."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from assistant import paths
from ui.terminal.sentiment import course

Parley = Callable[..., Result]


@pytest.fixture(autouse=True)
def at_hand(fake: Callable[..., None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("assistant.sources.locate", lambda entry: tmp_path)


def test_a_text_is_read_sentence_by_sentence(parley: Parley) -> None:
    result = parley("sentiment", "It is good. It is a box. It is bad.")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["positive", "neutral", "negative"]
    longer = parley("sentiment", "It is good. It is a box. It is bad. " * 3).stdout.splitlines()
    assert longer[1] == "▇▅▂" * 3
    assert lines[1].endswith("It is good.")


@pytest.mark.parametrize(
    ("values", "bars"),
    [([], ""), ([-1, 0, 1], "▁▅█"), ([-0.5, 0.5], "▃▇"), ([1] * 60 + [-1] * 60, "█" * 30 + "▁" * 30)],
)
def test_a_course_is_drawn_on_one_line(values: list[float], bars: str) -> None:
    assert course(values) == bars


def test_json_has_what_a_program_wants(parley: Parley) -> None:
    shown = json.loads(parley("sentiment", "All good.", "--json", "--explain", "--emotions").stdout)
    assert shown["sentiment"] == "positive"
    assert shown["positive"] + shown["neutral"] + shown["negative"] == pytest.approx(1)
    assert shown["sentences"][0]["start"] == 0
    assert {word["text"]: word["weight"] > 0.3 for word in shown["words"]} == {"All": False, "good": True}
    assert sum(shown["emotions"].values()) == pytest.approx(1, abs=1e-5)


def test_lines_come_in_and_go_out(parley: Parley) -> None:
    result = parley("sentiment", input="good\n\nbad thing\n")
    assert result.exit_code == 0
    cells = [line.split("\t") for line in result.stdout.splitlines()]
    assert [(each[0], each[-1]) for each in cells] == [("positive", "good"), ("", ""), ("negative", "bad thing")]
    objects = [json.loads(line) for line in parley("sentiment", "--json", input="good\nbad\n").stdout.splitlines()]
    assert [each["sentiment"] for each in objects] == ["positive", "negative"]


def test_a_file_gains_columns(parley: Parley, tmp_path: Path) -> None:
    source, output = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("id,review\n1,good\n2,\n3,bad\n", "utf-8")
    result = parley("sentiment", "--input", str(source), "--output", str(output))
    assert result.exit_code == 0
    assert result.stdout == ""
    with output.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["id"], row["sentiment"]) for row in rows] == [("1", "positive"), ("3", "negative")]
    assert list(rows[0]) == ["id", "review", "sentiment", "positive", "neutral", "negative"]
    assert "1 rows could not be used" in result.stderr
    assert "▇▂  positive 50% · neutral 0% · negative 50%" in result.stderr
    assert "its review is empty" in (tmp_path / "out.csv.rejected").read_text("utf-8")


@pytest.mark.parametrize(
    ("words", "input", "code", "said"),
    [
        (("   ",), None, 1, "empty"),
        (("!!!",), None, 1, "no words"),
        (("--input", "in.csv"), None, 2, "both --input and --output"),
        (("--input", "missing.csv", "--output", "out.csv"), None, 1, "There is no file"),
        (("good", "--model", "no-such-model"), None, 2, "no model called"),
        (("good", "--model", "smollm2-135m-instruct"), None, 1, "does not sort texts"),
    ],
)
def test_mistakes_are_told(parley: Parley, words: tuple[str, ...], input: str | None, code: int, said: str) -> None:
    result = parley("sentiment", *words, input=input)
    assert result.exit_code == code
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_a_column_that_is_not_there(parley: Parley, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("id,review\n1,good\n", "utf-8")
    words = ("--input", str(tmp_path / "in.csv"), "--column", "stars", "--output", str(tmp_path / "out.csv"))
    result = parley("sentiment", *words)
    assert result.exit_code == 1
    assert "It has id, review" in result.stderr


def test_a_folder_goes_in_and_a_folder_comes_out(parley: Parley, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "may.csv").write_text("id,review\n1,good\n2,\n3,bad\n", "utf-8")
    (tmp_path / "in" / "june.txt").write_text("good\n", "utf-8")
    words = ("--input", str(tmp_path / "in"), "--output", str(tmp_path / "out"), "--block-rows", "2")
    result = parley("sentiment", *words)
    assert result.exit_code == 0, result.stderr
    assert "3 rows → " in result.stderr and "1 rows could not be used" in result.stderr
    with (tmp_path / "out" / "may-00001.csv").open(newline="") as file:
        assert [(row["id"], row["sentiment"]) for row in csv.DictReader(file)] == [("3", "negative")]
    assert (tmp_path / "out" / "june-00000.txt").read_text("utf-8").startswith("positive\t")
    other = parley("sentiment", *words[:-1], "3")
    assert other.exit_code == 2 and "another job" in other.stderr


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--on", "ray"), 2, "both --input and --output"),
        (("--input", "in", "--on", "ray"), 2, "both --input and --output"),
        (("--input", "in", "--output", "out", "--on", "mars"), 2, "here, ray or a cluster's address"),
        (("--input", "in", "--output", "out", "--on", "here"), 2, "There is no folder"),
        (("--input", "in", "--output", "out", "--on", "ray://head:10001"), 2, "ray://"),
        (("--input", "file:///in", "--output", "out"), 2, "cannot be used as an address"),
        (("--input", "nonsense://bucket/in", "--output", "out"), 2, "nonsense://bucket/in cannot be reached"),
    ],
)
def test_mistakes_about_folders(parley: Parley, words: tuple[str, ...], code: int, said: str) -> None:
    result = parley("sentiment", *words)
    assert (result.exit_code, "Traceback" in result.stderr) == (code, False), result.stderr
    assert said in result.stderr


def test_help_shows_an_example(parley: Parley) -> None:
    assert "parley sentiment --input reviews.csv" in parley("sentiment", "--help").stdout


def test_weights_that_are_missing_are_named(parley: Parley, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assistant.sources.locate", lambda entry: None if entry.sources else paths.home())
    result = parley("sentiment", "good")
    assert result.exit_code == 1
    assert "parley models pull all-minilm-l6-v2" in result.stderr
