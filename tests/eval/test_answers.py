from __future__ import annotations

from pathlib import Path

from eval.answers import Answers, key


def test_what_was_answered_is_there_again(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    Answers(path).add({key("a", 1): [0.5, True], key("b"): "text\nof two lines"})
    again = Answers(path)
    assert (again[key("a", 1)], again[key("b")]) == ([0.5, True], "text\nof two lines")
    assert key("a", 2) not in again and len(again) == 2


def test_a_line_that_a_kill_cut_short_is_dropped_and_the_next_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    Answers(path).add({"one": 1, "two": 2})
    path.write_bytes(path.read_bytes()[:-9])
    torn = Answers(path)
    assert "one" in torn and "two" not in torn
    torn.add({"three": 3})
    assert (Answers(path)["one"], Answers(path)["three"], len(Answers(path))) == (1, 3, 2)
