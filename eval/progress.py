"""How far an evaluation is, over all its tasks: the bar and the time that is left are those of the whole suite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from assistant.errors import ParleyError
from eval import local_rows
from eval.suite import SuiteTask

ALIKE = 100
"""Steps of each task, where nobody knows how many questions each has."""


@dataclass(frozen=True)
class Progress:
    """questions: of each task."""

    questions: Sequence[int]

    def at(self, place: int, done: int, total: int) -> tuple[int, int]:
        """(step, steps) of the whole, where the task at `place` has `done` of `total` answers. Of a single task they
        are its answers, of several their questions."""
        if len(self.questions) == 1:
            return done, total
        here = self.questions[place] * done // max(total, 1)
        return sum(self.questions[:place]) + here, sum(self.questions)


def progress(
    tasks: Sequence[SuiteTask], files: Mapping[str, tuple[Path | None, Path | None]], limit: int | None
) -> Progress:
    """What the tasks of a suite come to. files: the rows of each; None is the Hub, whose number is not known yet."""
    if len(tasks) == 1:
        return Progress([1])
    counts = [_questions(task, files[task.name][0], limit) for task in tasks]
    known = [count for count in counts if count]
    return Progress(known if len(known) == len(tasks) else [ALIKE] * len(tasks))


def _questions(task: SuiteTask, data: Path | None, limit: int | None) -> int | None:
    """The rows of a task; None where they are in no one table that can be read. What is wrong with one is said when the
    task itself is done."""
    if data is None or not data.is_file():
        return None
    with suppress(ParleyError):
        if task.kind != "translation":
            return len(local_rows.rows(data, task.reader, limit, task.keep))
        both = task.options["source"], task.options["target"]
        rows = local_rows.rows(data, "translation")
        return len([row for row in rows if (row.get("from", both[0]), row.get("to", both[1])) == both][:limit])
    return None
