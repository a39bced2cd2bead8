from __future__ import annotations

from pathlib import Path

from eval.progress import Progress, progress
from eval.row_files import sources
from eval.suite import FOLDER, suite


def test_the_whole_never_goes_back() -> None:
    far = Progress([10, 0, 30])
    told = [far.at(place, done, total) for place, total in ((0, 40), (1, 5), (2, 30)) for done in range(total + 1)]
    assert told[0] == (0, 40) and told[-1] == (40, 40)
    assert told == sorted(told) and far.at(2, 15, 30) == (25, 40) and far.at(1, 0, 0) == (10, 40)
    assert Progress([1]).at(0, 7, 40) == (7, 40)


def test_tasks_count_by_their_questions(tmp_path: Path) -> None:
    mini = suite("mini")
    files = sources(mini, mini.tasks, None)

    def lines(path: str) -> int:
        return len((FOLDER / path).read_text("utf-8").splitlines())

    found = dict(zip([task.name for task in mini.tasks], progress(mini.tasks, files, None).questions, strict=True))
    assert found["mini_grammar"] == lines("mini/grammar.jsonl")
    pairs = [found[task.name] for task in mini.tasks if task.kind == "translation"]
    assert sum(pairs) == lines("mini/translation.jsonl")
    assert set(progress(mini.tasks, files, 2).questions) == {2}


def test_tasks_of_which_nobody_knows_count_alike(tmp_path: Path) -> None:
    kinds = suite("winogender")
    there = {task.name: (None, None) for task in kinds.tasks}
    assert progress(kinds.tasks, there, None).questions == [100] * 5
    assert progress(kinds.tasks[:1], {kinds.tasks[0].name: (None, None)}, None).at(0, 3, 8) == (3, 8)
    broken = tmp_path / "broken.csv"
    broken.write_text("nothing\n1\n")
    truth = suite("truthfulqa")
    assert progress(truth.tasks, {task.name: (broken, None) for task in truth.tasks}, None).questions == [100] * 2
