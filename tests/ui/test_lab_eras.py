"""The four eras on a person's rows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from assistant.errors import BadDataset, UserError
from demos.eras import Rules, Statistics
from tests.ui.terminal.test_train import parley
from ui import lab_eras
from ui.web.lab_eras_tab import eras_html


class Assistant:
    """Finds "good" good and "bad" bad."""

    def sentiment_columns(self, texts: Sequence[str], *, model: str | None = None) -> list[dict[str, Any]]:
        shares = [(0.8 if "good" in text else 0.1, 0.8 if "bad" in text else 0.1) for text in texts]
        return [{"sentiment": "", "positive": one, "negative": other, "neutral": 0.1} for one, other in shares]


def table(folder: Path, lines: Sequence[str], name: str = "rows.csv") -> Path:
    path = folder / name
    path.write_text("sentence,label\n" + "".join(line + "\n" for line in lines), "utf-8")
    return path


ROWS = [f"a {word} {thing},{label}" for thing in ("day", "film", "book") for word, label in (("good", 1), ("bad", 0))]


def test_rows_are_read_and_what_is_neither_is_left_out(tmp_path: Path) -> None:
    found = lab_eras.read_rows(table(tmp_path, [*ROWS, "so so,neutral", "fine,Positive"]))
    assert len(found) == 7 and ("fine", True) in found and ("a bad day", False) in found
    assert found == lab_eras.read_rows(tmp_path / "rows.csv")


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["good,1", "great,1"], "no rows of both kinds"),
        (["good,1", "bad,blue"], "no rows of both kinds"),
        (["good,7", "bad,blue"], r"rows\.csv has the label 7, "),
        (["good,1", "bad,0", "half,3.5"], r"rows\.csv has the label 3\.5, "),
    ],
)
def test_rows_that_teach_nothing(lines: list[str], said: str, tmp_path: Path) -> None:
    with pytest.raises(BadDataset, match=said):
        lab_eras.read_rows(table(tmp_path, lines))


@pytest.mark.parametrize(
    ("labels", "favour", "against"),
    [
        ("01", "1", "0"),
        ("012", "2", "0"),
        ("12345", "45", "12"),
        ("012345", "45", "012"),
        ("01234", "34", "01"),
        (("1.0", "0.0"), ("1.0",), ("0.0",)),
        (("1", "0", "-1"), ("1",), ("-1",)),
        (("1", "-1"), ("1",), ("-1",)),
        (("positive", "neutral", "negative"), ("positive",), ("negative",)),
    ],
)
def test_labels_mean_what_their_company_says(
    labels: Sequence[str], favour: Sequence[str], against: Sequence[str], tmp_path: Path
) -> None:
    found = lab_eras.read_rows(table(tmp_path, [f"text {label},{label}" for label in labels]))
    assert {text for text, good in found if good} == {f"text {label}" for label in favour}
    assert {text for text, good in found if not good} == {f"text {label}" for label in against}


@pytest.mark.parametrize("odd", ["", "none", "nan", "neutral", "?"])
@pytest.mark.parametrize(
    ("labels", "favour", "against"), [("012", "2", "0"), ("01234", "34", "01"), ("12345", "45", "12")]
)
def test_one_odd_label_does_not_change_what_the_others_mean(
    labels: str, favour: str, against: str, odd: str, tmp_path: Path
) -> None:
    found = lab_eras.read_rows(table(tmp_path, [f"text {label},{label}" for label in labels] + [f"odd,{odd}"]))
    assert sorted(found) == sorted([(f"text {n}", True) for n in favour] + [(f"text {n}", False) for n in against])


def test_numbers_that_are_no_stars_are_not_read_as_some(tmp_path: Path) -> None:
    with pytest.raises(BadDataset, match="has the label 10, "):
        lab_eras.read_rows(table(tmp_path, [f"text {number},{number}" for number in range(1, 11)]))


def test_rows_without_a_text_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(
        '{"text": "good", "label": 1}\n{"label": 1}\n{"text": null, "label": 0}\n{"text": "bad", "label": 0}\n'
    )
    assert sorted(lab_eras.read_rows(path)) == [("bad", False), ("good", True)]


def test_a_table_without_labels(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("text,price\nnice,3\n")
    with pytest.raises(BadDataset, match="no column of labels"):
        lab_eras.read_rows(path)


def test_the_transformer_is_the_assistants(tmp_path: Path) -> None:
    reader = lab_eras.Transformer(Assistant())  # pyright: ignore[reportArgumentType]
    assert reader.read(["good", "bad", "", "both good and bad"]).round(3).tolist() == [0.889, 0.111, 0.5, 0.5]
    looked = dict(reader.looked_at("a good day"))
    assert looked["good"] == pytest.approx(0.389, abs=1e-3) and looked["a"] == looked["day"] == 0


def test_eras_are_measured_and_judge(tmp_path: Path) -> None:
    rows = lab_eras.read_rows(table(tmp_path, ROWS))
    made = {"rules": Rules, "statistics": Statistics}
    found = list(lab_eras.compared(made, rows, rows, curves=True))
    assert [era.name for era in found] == ["rules", "statistics", "naive Bayes"]
    assert found[1].measured.accuracy == found[2].measured.accuracy == 1 and found[1].measured.weights > 5
    assert found[0].curve == {} and found[1].curve == {}  # there are fewer than a hundred
    assert [sure > 0.5 for _, sure, _ in lab_eras.judged(made, rows, "a good day")] == [True, True]


def test_a_curve_ends_with_all_of_the_rows_and_is_shown() -> None:
    rows = [(f"a {'good' if n % 3 else 'bad'} day", bool(n % 3)) for n in range(130)]
    rules, statistics, bayes = lab_eras.compared({"rules": Rules, "statistics": Statistics}, rows, rows, curves=True)
    assert rules.curve == {} and list(statistics.curve) == [100, 130] == list(bayes.curve)
    assert statistics.curve[130] == statistics.measured.accuracy
    shown = eras_html([rules, statistics, bayes])
    assert "accuracy from 100 rows" in shown and shown.count("<polyline") == 4 + 3  # the axes, a line each, the legend
    plain = eras_html(list(lab_eras.compared({"statistics": Statistics}, rows, rows, curves=False)))
    assert "accuracy from" not in plain and "<polyline" not in plain


@pytest.mark.model
def test_a_sentence_in_the_terminal() -> None:
    done = parley("lab", "eras", "What a wonderful, warm film!", "--json")
    assert done.returncode == 0, done.stderr
    found = {each["era"]: each for each in map(json.loads, done.stdout.splitlines())}
    assert list(found) == ["rules", "statistics", "deep learning", "transformer"]
    assert min(each["positive"] for each in found.values()) > 0.7
    assert dict(found["transformer"]["words"])["wonderful"] > 0


@pytest.mark.model
def test_eras_are_measured_in_the_terminal(tmp_path: Path) -> None:
    lines = [f"a {'good' if n % 3 else 'bad'} day {n},{int(bool(n % 3))}" for n in range(120)]
    words = ["lab", "eras", "--rows", table(tmp_path, lines), "--test", table(tmp_path, lines[:12], "test.csv")]
    done = parley(*words, "--curves", "--json")
    assert done.returncode == 0, done.stderr
    found = {each["name"]: each for each in map(json.loads, done.stdout.splitlines())}
    assert list(found) == ["rules", "statistics", "naive Bayes", "deep learning", "transformer"]
    learning = {name for name, each in found.items() if each["curve"]}
    assert learning == {"statistics", "naive Bayes", "deep learning"}
    assert all(list(found[name]["curve"]) == ["100", "120"] for name in learning)
    done = parley(*words, "--curves")
    assert "100: " in done.stdout and "learnt in" in done.stdout and done.stdout.count("\n") == 5
    assert "100: " not in parley(*words).stdout


def test_what_is_learnt_is_kept(tmp_path: Path) -> None:
    rows = table(tmp_path, ROWS)
    lab_eras.keep(rows, tmp_path / "kept")
    made = lab_eras.makers(Assistant(), kept=tmp_path / "kept")  # pyright: ignore[reportArgumentType]
    judged = {name: sure for name, sure, _ in lab_eras.judged(made, [], "a good film")}
    assert min(judged.values()) > 0.5 and len(judged) == 4
    assert dict(made["statistics"]([]).looked_at("a good film"))["good"] > 0
    assert made["statistics"]([]).weights < 100 < lab_eras.makers(Assistant())["statistics"]([]).weights  # pyright: ignore[reportArgumentType]
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        lab_eras.keep(rows, tmp_path / "file")


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    path = table(tmp_path, ROWS)
    for words, said in (
        (["lab", "eras"], "Give a sentence, or --test with a table"),
        (["lab", "eras", "x", "--test", path, "--rows", path], "Give a sentence, or"),
        (["lab", "eras", "--save", tmp_path / "kept"], "Give --rows and --save alone"),
        (["lab", "eras", "x", "--rows", path, "--kept", tmp_path], "Give --rows or --kept"),
    ):
        done = parley(*words)
        assert done.returncode == 2 and said in done.stderr and "Traceback" not in done.stderr, done.stderr


@pytest.mark.model
def test_a_sentence_by_what_was_kept(tmp_path: Path) -> None:
    lab_eras.keep(table(tmp_path, ROWS), tmp_path / "kept")
    done = parley("lab", "eras", "a good film", "--kept", tmp_path / "kept", "--json")
    assert done.returncode == 0, done.stderr
    found = {each["era"]: each for each in map(json.loads, done.stdout.splitlines())}
    assert found["statistics"]["positive"] > 0.5 < found["deep learning"]["positive"]
    done = parley("lab", "eras", "a good film", "--kept", tmp_path)
    assert done.returncode == 1 and "holds no eras" in done.stderr and "Traceback" not in done.stderr, done.stderr
