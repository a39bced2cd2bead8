"""Several evaluations, one after another: all are made or none is, and each waits for its turn.

Those that were asked for together know of each other by `line.json` in their folders. Each waits in a process of its
own, so that the line moves on when the page closes, and whoever waits can be stopped.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from assistant.errors import RunNotFound
from assistant.run import Run, State, Status, read_run
from assistant.run_worker import Worker
from assistant.whole_files import read_object, write_whole

if TYPE_CHECKING:
    from assistant.runs import Runs
    from eval.runner import Evaluation

LINE = "line.json"
"""In a run's folder: the ids of those that it shares the machine with in turn, itself among them, in their order."""
WAITING = "waiting for "
"""How what a run does begins, while it waits."""
POLL_SECONDS = 0.5


def create_all(runs: Runs, asked: Iterable[Evaluation], *, keep: bool = False, after: Sequence[Run] = ()) -> list[Run]:
    """Runs that are ready to start, in their order; none where one of them cannot be. keep: as runner.create has it.
    after: evaluations that they wait for as well.

    Raises what runner.create does, and OSError.
    """
    from eval.runner import create

    made: list[Run] = []
    try:
        for each in asked:
            made.append(create(runs, each, keep=keep))
        names = [run.id for run in (*after, *made)]
        for run in made if len(names) > 1 else []:
            write_whole(run.folder / LINE, [json.dumps({"line": names})])
    except Exception:
        for run in made:
            runs.delete(run)
        raise
    return made


def line(run: Run) -> list[str]:
    """The ids of those that a run takes turns with, itself among them; [] where it was asked for alone."""
    return [str(name) for name in read_object(run.folder / LINE).get("line", [])]


def waits(status: Status) -> bool:
    """Whether a run waits for its turn."""
    return status.state.alive and status.doing.startswith(WAITING)


def ahead(run: Run) -> Run | None:
    """Whom a run has to wait for: one before it in the line that is not done and was not stopped, or one behind it
    that is at work already. A pause holds the line, since a person wants the machine; a stop or a failure does not.

    None where it is the run's turn.
    """
    names = line(run)
    place = names.index(run.id) if run.id in names else 0
    for number, name in enumerate(names):
        with suppress(RunNotFound):  # deleted
            other = read_run(run.folder.parent / name)
            status = other.status()
            before = number < place and (status.state.alive or status.state is State.PAUSED)
            if before or (number > place and status.state.alive and not waits(status)):
                return other
    return None


def wait(worker: Worker) -> bool:
    """Wait until it is the run's turn; False where a person asked it to end before. Raises OSError."""
    told = ""
    while (other := ahead(worker.run)) is not None and not worker.asked():
        paused = ", which is paused" if other.status().state is State.PAUSED else ""
        if (doing := f"{WAITING}{other.title}{paused}") != told:
            worker.wait(doing)
            told = doing
        time.sleep(POLL_SECONDS)
    if told:
        worker.wait("")
    if other is not None:
        state = State.PAUSED if worker.asked() == "pause" else State.STOPPED
        worker.end(state, message="It was asked to end before its turn.")
    return other is None
