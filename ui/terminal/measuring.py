"""Several models on one suite, one after another: `parley eval run --model A --model B`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ui.terminal.output import note, write, write_json

if TYPE_CHECKING:
    from assistant.run import Run
    from eval.runner import Evaluation


def several(asked: Sequence[Evaluation], report: Path | None, *, as_json: bool) -> None:
    """Measure each, never two at once, and show them beside each other. One that fails does not stop the others.

    report: a file for tables and plots. Raises what create does, before any is begun, and RunError where one failed.
    """
    from assistant.run import State
    from eval.report import markdown
    from eval.results import read
    from ui.terminal.evaluate import differences, write_report
    from ui.terminal.watching import refuse_failure

    begun = _measured(asked)
    found = [read(run.folder) for run in begun if run.status().state is State.FINISHED]
    if as_json:
        write_json([each.stored for each in found])
    elif found:
        write(markdown(found, differences(found)))
    if found and report is not None:
        write_report(report, found)
    for run in begun:
        refuse_failure(run)


def _measured(asked: Sequence[Evaluation]) -> list[Run]:
    """Those that were begun: all, or up to the one that a person paused."""
    from assistant.run import State
    from assistant.runs import Runs
    from eval.turns import create_all
    from ui.terminal.watching import follow

    runs = Runs()
    made = create_all(runs, asked)
    for place, run in enumerate(made):
        note(f"{place + 1} of {len(made)}: {run.title}", style="dim")
        runs.start(run)
        follow(runs, run)
        status = run.status()
        if status.state in (State.PAUSED, State.STOPPED):
            for other in made[place + 1 :]:
                runs.delete(other)
            note(f"Paused: `parley runs resume {run.id}` goes on with it. The models after it were not begun.")
            return made[: place + 1]
        if status.state is not State.FINISHED:
            note(f"{run.title}: {status.message}", style="yellow")
    return made
