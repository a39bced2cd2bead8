from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from eval.answers import Answers
from eval.assistant_tasks import SORTED, WRITTEN, answered


@pytest.mark.parametrize("size", [WRITTEN, SORTED])
def test_what_is_made_is_kept_at_once(size: int, tmp_path: Path) -> None:
    path, done, told = tmp_path / "answers.jsonl", list[int](), list[tuple[int, int]]()
    texts = [f"text {n}" for n in range(2 * size + 3)]

    def write(some: Sequence[str]) -> list[str]:
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(len(some))
        return [text.upper() for text in some]

    with pytest.raises(KeyboardInterrupt):
        answered("write", texts, write, Answers(path), lambda *far: told.append(far), size=size)
    assert done == [size, size] and len(Answers(path)) == 2 * size
    assert told == [(0, len(texts)), (size, len(texts)), (2 * size, len(texts))]  # each hears of a pause
    done.clear()
    found = answered("write", texts, write, Answers(path), lambda *far: told.append(far), size=size)
    assert found == [text.upper() for text in texts] and done == [3]


def test_what_is_written_is_kept_more_often_than_what_is_sorted() -> None:
    assert WRITTEN < SORTED
