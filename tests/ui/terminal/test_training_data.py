"""`parley data lint`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

ROWS = [{"text": f"The {n}th parcel came.", "label": "ab"[n % 2]} for n in range(40)]


@pytest.fixture
def titles(tmp_path: Path) -> Path:
    path = tmp_path / "titles.csv"
    lines = [f"{row['text']},{row['label']}" for row in (*ROWS, ROWS[0])]
    path.write_text("\n".join(["text,label", *lines, ",a", "one,cell,more", ""]), "utf-8")
    return path


def test_what_is_wrong_is_listed_with_its_rows(parley, titles):
    done = parley("data", "lint", str(titles))
    assert done.exit_code == 0
    assert "43 rows, 40 to train on. Read as texts with a label (text, label), for classifier." in done.stdout
    assert "Labels: a 20, b 20" in done.stdout
    assert "duplicates: the same as an earlier row (row 41)" in done.stdout
    assert "unusable: text is empty (row 42)" in done.stdout
    assert "unusable: 3 cells where the header has 2 (row 43)" in done.stdout


def test_the_good_rows_are_written(parley, titles, tmp_path):
    clean = tmp_path / "clean.jsonl"
    done = parley("data", "lint", str(titles), "--output", str(clean))
    assert "40 rows in" in done.stderr
    assert list(map(json.loads, clean.read_text("utf-8").splitlines())) == ROWS
    assert "Nothing was found." in parley("data", "lint", str(clean)).stdout


def test_json_and_rows_of_the_test_file(parley, titles, tmp_path):
    tests = tmp_path / "t.jsonl"
    tests.write_text(json.dumps(ROWS[4]) + "\n", "utf-8")
    shown = json.loads(parley("data", "lint", str(titles), "--test", str(tests), "--json").stdout)
    assert (shown["kind"], shown["methods"], shown["kept"]) == ("classification", ["classifier"], 39)
    assert {"about": "leaks", "said": "stands in the test file too", "count": 1, "rows": [5], "dropped": True} in shown[
        "findings"
    ]


def test_json_names_every_row_and_the_terminal_the_first_ten(parley, tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in (*ROWS, *ROWS)), "utf-8")
    (finding,) = json.loads(parley("data", "lint", str(path), "--json").stdout)["findings"]
    assert (finding["count"], finding["rows"]) == (40, list(range(41, 81)))
    assert "(rows 41, 42, 43, 44, 45, 46, 47, 48, 49, 50 …)" in parley("data", "lint", str(path)).stdout


@pytest.mark.parametrize(("name", "said"), [("none.csv", "No such file"), ("b.csv", "one, two")])
def test_a_file_that_teaches_nothing_is_told(parley, tmp_path, name, said):
    (tmp_path / "b.csv").write_text("one,two\n1,2\n", "utf-8")
    done = parley("data", "lint", str(tmp_path / name))
    assert done.exit_code == 1 and said in done.stderr and "Traceback" not in done.stderr


def test_the_mask_shows_what_is_learnt(parley, tiny_decoder: Path, tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"prompt": "why", "completion": "so"}\n{"prompt": "what", "completion": "it is"}\n', "utf-8")
    words = ["data", "mask", str(rows), "--model", str(tiny_decoder)]
    done = parley(*words)
    assert done.exit_code == 0
    assert "<|im_start|>user\nwhy<|im_end|>\n<|im_start|>assistant\n⟦so<|im_end|>⟧" in done.stdout
    assert "2 rows" in done.stderr and "trained" in done.stderr
    told = json.loads(parley(*words, "--max-length", "8", "--json").stdout)
    assert told["unlearnt"] == [1, 2] and told["cut"] == [1, 2] and told["tokens"]["trained"] == 0
    assert {piece["part"] for piece in told["shown"][0]} == {"ignored", "cut"}


def test_a_mask_names_rows_as_they_stand_in_the_file(parley, tiny_decoder: Path, tmp_path: Path) -> None:
    short, long = {"prompt": "why", "completion": "so"}, {"prompt": "what " * 40, "completion": "the sky is blue"}
    cut = {"prompt": "what", "completion": "the sky is blue " * 20}
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in (short, short, long, cut)), "utf-8")
    words = ["data", "mask", str(path), "--model", str(tiny_decoder), "--max-length", "40"]
    done = parley(*words, "--first", "2", "--rows", "1")
    assert "row 3" in done.stdout and "row 1" not in done.stdout
    assert "2 rows are longer than 40 tokens and lose their end (rows 3, 4)" in done.stderr
    assert "Nothing is learnt of 1 rows (row 3); the answers of 1 lie beyond 40 tokens" in done.stderr
    told = json.loads(parley(*words, "--json").stdout)
    assert (told["rows"], told["cut"], told["unlearnt"]) == (3, [3, 4], [3])


def test_rows_that_are_too_long_for_a_model_are_told(parley, tmp_path: Path, tiny_decoder: Path) -> None:
    rows = [{"prompt": "why", "completion": "so"}, {"prompt": "why", "completion": "the sky is blue " * 20}]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    told = parley("data", "lint", str(path), "--max-length", "20", "--model", str(tiny_decoder)).stdout
    assert "more than 20 tokens" in told and "(row 2)" in told


def test_rows_that_could_not_be_kept_are_not_written(parley, tmp_path: Path) -> None:
    done = parley("data", "synthesize", "mails", "-o", str(tmp_path / "no" / "such" / "x.jsonl"))
    assert done.exit_code == 1 and "There is no folder" in done.stderr and "Traceback" not in done.stderr
