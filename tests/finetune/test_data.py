"""Rows of a run out of files: split, set apart, and bad ones in twenty ways, each with a clear word and its row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from assistant.errors import BadDataset
from finetune import data
from finetune.sft import SFTSettings

GOOD = [{"prompt": f"question {n}", "completion": f"answer {n}"} for n in range(40)]


def written(folder: Path, rows: Any, name: str = "rows.jsonl") -> Path:
    path = folder / name
    if isinstance(rows, bytes):
        path.write_bytes(rows)
    elif isinstance(rows, str):
        path.write_text(rows, "utf-8")
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def test_some_rows_are_set_apart_by_the_seed_alone(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD)
    one, again, other = (data.read(SFTSettings(data=str(path), seed=seed, test_share=0.1), "sft") for seed in (1, 1, 2))
    assert (len(one.train), len(one.test)) == (36, 4)
    assert one.test == again.test != other.test
    assert not [row for row in one.test if row in one.train]
    assert "36 rows to train on, 4 to be measured on." in one.said
    few = data.read(SFTSettings(data=str(written(tmp_path, GOOD[:10]))), "sft")
    assert (len(few.train), len(few.test)) == (10, 0)
    assert len(data.read(SFTSettings(data=str(written(tmp_path, GOOD)), max_rows=5), "sft").train) == 5


def test_rows_of_the_test_file_are_not_trained_on(tmp_path: Path) -> None:
    path, tests = written(tmp_path, GOOD), written(tmp_path, GOOD[:4], "tests.jsonl")
    rows = data.read(SFTSettings(data=str(path), test=str(tests)), "sft")
    assert (len(rows.train), len(rows.test)) == (36, 4)
    assert "4 left out" in rows.said


TURNS = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
BAD: list[tuple[str, Any, str]] = [
    ("no file", None, "rows.jsonl"),
    ("empty", b"", "empty"),
    ("only blank lines", "\n\n\n", "empty"),
    ("binary", bytes(range(256)) * 20, "rows.jsonl"),
    ("a picture", b"\x89PNG\r\n\x1a\n" + bytes(500), "rows.jsonl"),
    ("no JSON", "hello\nyou\n", "it is not JSON"),
    ("a JSON list in a line", "[1, 2]\n", "(row 1)"),
    ("numbers", "1\n2\n", "(row 1)"),
    ("cut off", '{"prompt": "a", "comple', "(row 1)"),
    ("unknown columns", [{"foo": 1, "bar": 2}], "foo, bar"),
    ("labels", [{"text": "a", "label": "b"}], "for classifier, not for sft"),
    ("preferences", [{"prompt": "a", "chosen": "b", "rejected": "c"}], "not for sft"),
    ("no answers", [{"prompt": "a", "completion": ""}], "completion is empty (row 1)"),
    ("answers of spaces", [{"prompt": "a", "completion": "  \n"}], "completion is empty (row 1)"),
    ("no questions", [{"prompt": None, "completion": "b"}], "(row 1)"),
    ("messages as a text", [{"messages": "hello"}], "messages"),
    ("no messages", [{"messages": []}], "(row 1)"),
    (
        "an unknown role",
        [{"messages": [{"role": "wizard", "content": "a"}, TURNS[1]]}],
        "unknown role 'wizard' (row 1)",
    ),
    ("two questions", [{"messages": [TURNS[0], TURNS[0], TURNS[1]]}], "do not take turns (row 1)"),
    (
        "no answer at the end",
        [{"messages": [*TURNS, TURNS[0]]}],
        "does not end with an answer of the assistant (row 1)",
    ),
    ("an answer first", [{"messages": [TURNS[1], TURNS[0]]}], "begins with assistant"),
    ("messages that are texts", [{"messages": ["a", "b"]}], "message 1 is no object (row 1)"),
    (
        "an empty message",
        [{"messages": [TURNS[0], {"role": "assistant", "content": ""}]}],
        "message 2 is empty (row 1)",
    ),
]


@pytest.mark.parametrize(("rows", "said"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_bad_files_are_told_with_the_row(tmp_path: Path, rows: Any, said: str) -> None:
    path = tmp_path / "rows.jsonl" if rows is None else written(tmp_path, rows)
    with pytest.raises(BadDataset) as told:
        data.read(SFTSettings(data=str(path)), "sft")
    assert said in str(told.value)
    assert told.value.hint


def test_a_bad_row_among_good_ones_is_left_out(tmp_path: Path) -> None:
    rows = data.read(SFTSettings(data=str(written(tmp_path, [*GOOD[:5], {"prompt": "a"}, GOOD[0]]))), "sft")
    assert len(rows.train) == 5
    assert [(each.rows, each.about) for each in rows.report.findings] == [((6,), "unusable"), ((7,), "duplicates")]
