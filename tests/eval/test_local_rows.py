from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from assistant.errors import BadDataset
from eval.local_rows import rows
from eval.suite import FOLDER, suites

HELLASWAG = "Roof: A man sits. he\n1\nflies.\nstands.\nsings.\nsinks.\n"
ARC = {
    "instruction": "Please choose the correct answer to the question: Which: two or 2?\n\nAnswer1: a Answer2: b, c "
    "Answer3: d\n\nAnswer format: answer1/answer2/answer3",
    "answer": "answer2",
}
PIQA = {
    "instruction": "Please choose the correct solution to the question: How do I eat?\n\nSolution1: with a fork.\n\n"
    "Solution2: with a saw.\n\nAnswer format: solution1/solution2",
    "answer": "solution1",
}
WINOGRANDE = {
    "instruction": "Please choose the correct answer to fill in the blank to complete the given sentence: Ann hit Bo, "
    "so _ cried.\n\nOption1: Ann Option2: Bo Answer format: option1/option2",
    "answer": "option2",
}
BOOLQ = {
    "instruction": "Please answer the following question with true or false, question: is it so?\n\n"
    "Answer format: true/false",
    "answer": "true",
}
CHOICE = {"question": "Why?", "choices": ["so", "no"], "answer": 0}
KEPT = {"prompt": "Say so.", "must": ["so"], "must_not": []}
TRUTH = "Question,Best Answer,Correct Answers,Incorrect Answers\nWhy?,Because,Because; So,Never; No\n"


def written(folder: Path, name: str, content: Any) -> Path:
    path = folder / name
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(json.dumps(content).encode()))
    else:
        path.write_text(content if isinstance(content, str) else json.dumps([content]), "utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "reader", "content", "expected"),
    [
        pytest.param(
            "x.txt", "hellaswag", HELLASWAG,
            {"activity_label": "Roof", "ctx_a": "A man sits. he", "ctx_b": "", "label": "1",
             "endings": ["flies.", "stands.", "sings.", "sinks."]},
            id="six lines",
        ),
        pytest.param(
            "x.json", "arc", ARC,
            {"question": "Which: two or 2?", "choices": {"text": ["a", "b, c", "d"], "label": ["A", "B", "C"]},
             "answerKey": "B"},
            id="three answers",
        ),
        pytest.param(
            "x.json", "openbookqa", ARC,
            {"question_stem": "Which: two or 2?", "choices": {"text": ["a", "b, c", "d"], "label": ["A", "B", "C"]},
             "answerKey": "B"},
            id="under another name",
        ),
        pytest.param(
            "x.json", "piqa", PIQA,
            {"goal": "How do I eat?", "sol1": "with a fork.", "sol2": "with a saw.", "label": 0}, id="two solutions",
        ),
        pytest.param(
            "x.json", "winogrande", WINOGRANDE,
            {"sentence": "Ann hit Bo, so _ cried.", "option1": "Ann", "option2": "Bo", "answer": "2"}, id="a blank",
        ),
        pytest.param("x.json", "boolq", BOOLQ, {"passage": "", "question": "is it so", "label": 1}, id="yes or no"),
        pytest.param(
            "x.csv", "truthfulqa", TRUTH,
            {"question": "Why?", "mc1_targets": {"choices": ["Because", "Never", "No"], "labels": [1, 0, 0]},
             "mc2_targets": {"choices": ["Because", "So", "Never", "No"], "labels": [1, 1, 0, 0]}},
            id="true and false answers",
        ),
        pytest.param(
            "x.csv", "crows_pairs", ",sent_more,sent_less,bias_type,anon\n0,A,B,age,x\n",
            {"sent_more": "A", "sent_less": "B", "bias_type": "age"}, id="two sentences",
        ),
        pytest.param("x.jsonl.gz", "gsm8k", {"question": "1+1?", "answer": "#### 2"},
                     {"question": "1+1?", "answer": "#### 2"}, id="packed"),
        pytest.param("x.tsv", "sentiment", "sentence\tlabel\nGood.\t1\n", {"text": "Good.", "label": "1"}, id="TSV"),
        pytest.param("x.json", "piqa", {"goal": "g", "sol1": "a", "sol2": "b", "label": 1},
                     {"goal": "g", "sol1": "a", "sol2": "b", "label": 1}, id="as the Hub has it"),
        pytest.param("x.json", "", {"any": 1}, {"any": 1}, id="as it stands"),
    ],
)  # fmt: skip
def test_rows_are_those_of_the_hub(name: str, reader: str, content: Any, expected: Any, tmp_path: Path) -> None:
    assert rows(written(tmp_path, name, content), reader) == [expected]


@pytest.mark.parametrize(
    ("name", "reader", "content", "expected"),
    [
        pytest.param("x.json", "arc", "", "empty|no rows|not JSON", id="nothing"),
        pytest.param("x.json", "arc", "[]", "no rows|empty", id="no rows"),
        pytest.param("x.json", "arc", {"text": "a"}, "Row 1 of x.json has no column 'instruction'", id="columns"),
        pytest.param("x.json", "arc", ARC | {"answer": "answer7"}, "Row 1 .*none of its 3", id="no such answer"),
        pytest.param("x.json", "arc", ARC | {"answer": "x"}, "Row 1 of x.json cannot be read", id="no number"),
        pytest.param("x.json", "winogrande", PIQA, "no blank", id="another set's rows"),
        pytest.param("x.txt", "hellaswag", HELLASWAG.replace("\n1\n", "\nfour\n"), "Line 2 of x.txt", id="a word"),
        pytest.param("x.txt", "hellaswag", "a line\n" * 5, "no rows", id="too few lines"),
        pytest.param("x.jsonl", "gsm8k", '{"question": "1', "Row 1 of x.jsonl cannot be read", id="half a row"),
        pytest.param("x.json", "choice", CHOICE | {"answer": 3}, "Row 1 .*answer 3 is no place among 2", id="no place"),
        pytest.param("x.json", "choice", CHOICE | {"answer": "b"}, "Row 1 of x.json cannot be read", id="a letter"),
        pytest.param("x.csv", "choice", "question,choices,answer\nWhy?,a b,0\n", "choices is no list", id="no list"),
        pytest.param("x.json", "grammar", {"good": "It is.", "bad": " "}, "Row 1 .*bad is empty", id="one sentence"),
        pytest.param("x.json", "instructions", KEPT | {"must": ["("]}, "Row 1 .*is no pattern", id="no pattern"),
        pytest.param("x.json", "instructions", KEPT | {"must_not": "z"}, "must_not is no list", id="a text"),
    ],
)
def test_rows_that_cannot_be_used(name: str, reader: str, content: Any, expected: str, tmp_path: Path) -> None:
    with pytest.raises(BadDataset, match=expected) as told:
        rows(written(tmp_path, name, content), reader)
    assert told.value.hint


@pytest.mark.parametrize("reader", sorted({task.reader for each in suites().values() for task in each.tasks}))
def test_every_task_tells_which_column_it_misses(reader: str, tmp_path: Path) -> None:
    if reader:  # of the others, what is missing is said where their two files are read
        with pytest.raises(BadDataset, match=r"Row 1 of x\.jsonl has no column '\w.*'") as told:
            rows(written(tmp_path, "x.jsonl", '{"colour": "red"}\n'), reader)
        assert "It has colour; wanted are" in told.value.hint


def test_what_comes_with_parley_can_be_read() -> None:
    for each in suites().values():
        for task in each.tasks:
            if task.sha256:
                assert rows(FOLDER / task.file, task.reader or "translation")


def test_binary_and_missing_files(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_bytes(bytes(range(256)))
    for name in ("x.txt", "none.txt"):
        with pytest.raises(BadDataset, match="cannot be read"):
            rows(tmp_path / name, "hellaswag")


def test_only_as_many_as_are_wanted_are_read(tmp_path: Path) -> None:
    path = written(tmp_path, "x.txt", HELLASWAG * 3 + "broken\n9\n\n\n\n\n")
    assert len(rows(path, "hellaswag", 2)) == 2
