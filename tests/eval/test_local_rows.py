from __future__ import annotations

import gzip
import json
import math
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from assistant.errors import BadDataset
from eval.local_rows import NoRows, lines, rows
from eval.suite import FOLDER, SuiteTask, suites

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
SIQA = {
    "instruction": "Please choose the correct answer to the question: Ann lost her keys. She cried. Why "
    "did Ann cry?\n\nAnswer1: a Answer2: b, c Answer3: d\n\nAnswer format: answer1/answer2/answer3",
    "answer": "answer2",
}
SIQA_HUB = {"context": "Ann cried.", "question": "Why?", "answerA": "a", "answerB": "b", "answerC": "c", "label": "1"}
HELLASWAG_CSV = 'activity_label,ctx_a,ctx_b,endings,label\nRoof,A man,,"{}",3\n'
WINOGENDER_ROW = {
    "sentid": "technician.customer.1.male.txt",
    "sentence": "The technician told the customer that he could pay with cash.",
    "pronoun": "he",
    "occupation": "technician",
    "participant": "customer",
    "gender": "male",
    "target": "customer",
    "label": 1,
}
WINOGENDER = "\n".join("\t".join(map(str, each)) for each in (WINOGENDER_ROW, WINOGENDER_ROW.values()))
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
        pytest.param(
            "x.json", "siqa", SIQA,
            {"context": "Ann lost her keys. She cried.", "question": "Why did Ann cry?", "answerA": "a",
             "answerB": "b, c", "answerC": "d", "label": "2"},
            id="a story and three answers",
        ),
        pytest.param(
            "x.csv", "hellaswag", HELLASWAG_CSV.format('[""a"", ""b, c"", ""d"", ""e""]'),
            {"activity_label": "Roof", "ctx_a": "A man", "ctx_b": "", "endings": ["a", "b, c", "d", "e"], "label": "3"},
            id="a list as JSON in a cell",
        ),
        pytest.param(
            "x.csv", "hellaswag", HELLASWAG_CSV.format("['a', 'b, c', 'd', 'e']"),
            {"activity_label": "Roof", "ctx_a": "A man", "ctx_b": "", "endings": ["a", "b, c", "d", "e"], "label": "3"},
            id="a list as Python in a cell",
        ),
        pytest.param(
            "x.csv", "arc", "question,choices,answerKey\nWhy?,\"{'text': ['so', 'no'], 'label': ['A', 'B']}\",B\n",
            {"question": "Why?", "choices": {"text": ["so", "no"], "label": ["A", "B"]}, "answerKey": "B"},
            id="an object in a cell",
        ),
        pytest.param(
            "x.csv", "piqa", "goal,sol1,sol2,label\ng,a,b,1\n", {"goal": "g", "sol1": "a", "sol2": "b", "label": 1},
            id="a number in a cell",
        ),
        pytest.param(
            "x.csv", "boolq", "passage,question,label\np,q,True\n", {"passage": "p", "question": "q", "label": 1},
            id="a truth in a cell",
        ),
        pytest.param("x.json", "boolq", BOOLQ | {"answer": "True"}, {"passage": "", "question": "is it so", "label": 1},
                     id="in capitals"),
        pytest.param("x.json", "boolq", BOOLQ | {"answer": False}, {"passage": "", "question": "is it so", "label": 0},
                     id="no text"),
        pytest.param(
            "x.json", "winogrande", {"sentence": "So _ cried.", "option1": "Ann", "option2": "Bo", "answer": 2},
            {"sentence": "So _ cried.", "option1": "Ann", "option2": "Bo", "answer": "2"}, id="a number for a text",
        ),
        pytest.param("x.tsv", "winogender", WINOGENDER, WINOGENDER_ROW, id="a pronoun"),
        pytest.param(
            "x.csv", "summary", "source,target\n\"['One.', 'Two.']\",\"['Three.']\"\n",
            {"text": "One. Two.", "summaries": ["Three."]}, id="sentences in a cell",
        ),
        pytest.param("x.json", "question", {"question": "Why?", "then": "And?"}, {"question": "Why?", "then": "And?"},
                     id="two turns"),
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
        pytest.param("x.txt", "hellaswag", "a line\n" * 5, "ends within a question.*line 1", id="too few lines"),
        pytest.param("x.txt", "hellaswag", HELLASWAG + "Roof: A\n1\n", "ends within a question.*line 7", id="cut"),
        pytest.param(
            "x.csv", "hellaswag", HELLASWAG_CSV.format("flies or sits"), "Row 1 .*endings is no list", id="ends"
        ),
        pytest.param("x.csv", "hellaswag", HELLASWAG_CSV.format("['a']"), "Row 1 .*no place among 1 endings", id="one"),
        pytest.param("x.csv", "summary", "source,target\nOne.,Two.\n", "Row 1 .*source is no list", id="no sentences"),
        pytest.param("x.json", "summary", {"source": ["One."], "target": [" "]}, "Row 1 .*no summary", id="no summary"),
        pytest.param("x.json", "boolq", BOOLQ | {"answer": "perhaps"}, "Row 1 .*neither true nor false", id="perhaps"),
        pytest.param(
            "x.csv", "piqa", "goal,sol1,sol2,label\ng,a,b,-1\n", "Row 1 .*label -1 is no place", id="unlabelled"
        ),
        pytest.param("x.json", "siqa", {**SIQA_HUB, "label": "4"}, "Row 1 .*label 4 is none of 1, 2 and 3", id="four"),
        pytest.param(
            "x.json",
            "arc",
            {"question": "?", "choices": {"text": ["a"], "label": ["A"]}, "answerKey": "B"},
            "Row 1 .*answerKey 'B' is none of A",
            id="no such key",
        ),
        pytest.param("x.json", "text", {"text": " "}, "Row 1 of x.json cannot be read: text is empty", id="no text"),
        pytest.param("x.json", "question", {"question": "Why?", "then": ""}, "Row 1 .*then is empty", id="no turn"),
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


@pytest.mark.parametrize(
    "task", [task for each in suites().values() for task in each.tasks], ids=lambda task: task.name
)
def test_every_task_tells_which_column_it_misses(task: SuiteTask, tmp_path: Path) -> None:
    with pytest.raises(BadDataset, match=r"Row 1 of x\.jsonl has no column '\w.*'") as told:
        rows(written(tmp_path, "x.jsonl", '{"colour": "red"}\n'), task.reader)
    assert "It has colour; wanted are" in told.value.hint


def test_what_comes_with_parley_can_be_read() -> None:
    for each in suites().values():
        for task in each.tasks:
            if task.sha256:
                assert rows(FOLDER / task.file, task.reader)


def test_binary_and_missing_files(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_bytes(bytes(range(256)))
    for name in ("x.txt", "none.txt"):
        with pytest.raises(BadDataset, match="cannot be read"):
            rows(tmp_path / name, "hellaswag")


def test_only_as_many_as_are_wanted_are_read(tmp_path: Path) -> None:
    path = written(tmp_path, "x.txt", HELLASWAG * 3 + "broken\n9\n\n\n\n\n")
    assert len(rows(path, "hellaswag", 2)) == 2


def test_what_json_cannot_hold_becomes_text(tmp_path: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    table = pyarrow.table(
        {
            "question": ["Why?"],
            "answer": ["So."],
            "asked": [datetime(2024, 5, 1, 12, 30)],
            "prices": [[Decimal("1.50")]],
            "score": [math.nan],
        }
    )
    parquet.write_table(table, tmp_path / "x.parquet")
    (found,) = rows(tmp_path / "x.parquet", "gsm8k")
    assert json.loads(json.dumps(found, allow_nan=False)) == {
        "question": "Why?", "answer": "So.", "asked": "2024-05-01 12:30:00", "prices": ["1.50"], "score": None,
    }  # fmt: skip


def test_of_a_file_with_rows_of_several_tasks_each_takes_its_own(tmp_path: Path) -> None:
    path = written(tmp_path, "x.jsonl", "".join(json.dumps(WINOGENDER_ROW | {"gender": g}) + "\n" for g in "aabab"))
    assert len(rows(path, "winogender", 2, {"gender": "b"})) == 2  # the first two are others'
    with pytest.raises(NoRows, match=r"x\.jsonl has no rows with gender c") as told:
        rows(path, "winogender", 2, {"gender": "c"})
    assert told.value.hint


def test_a_line_ends_where_an_editor_ends_it(tmp_path: Path) -> None:
    path = written(tmp_path, "x.txt", "one\u2028still one\r\ntwo\x85\n\n\n")
    assert lines(path) == ["one\u2028still one", "two\x85"]
