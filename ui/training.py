"""A training that ends in an evaluation: the run's own program where its settings name a suite (`evaluate: mini`).

    python -m ui.training RUN_FOLDER

Base and result are measured on the same questions; what changed goes into the run's report and its model card.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from assistant.errors import ParleyError, RunInterrupted
from assistant.run import Run, State, read_run
from assistant.run_worker import Worker
from assistant.runs import Runs
from assistant.whole_files import write_whole
from eval.compare import Verdict, compare
from eval.gate import drops
from eval.results import Results
from eval.runner import Evaluation, run_suite
from eval.runner import create as create_evaluation
from eval.suite import suite, titles
from finetune import __main__ as trained
from finetune import methods
from finetune.card import add_figures
from finetune.launching import world
from finetune.settings import Settings

PROGRAM = "ui.training"
MOST_DROP = 0.01
"""Of a figure from 0 to 1, that the gate after a training lets pass, as `parley eval gate` does."""


def create(runs: Runs, method: str, settings: Settings, *, keep: bool = False) -> Run:
    """A training run that is ready to start. Raises UnknownTask for a suite that there is not, and what
    methods.create does."""
    if settings.evaluate:
        suite(settings.evaluate)
    return methods.create(runs, method, settings, keep=keep, program=PROGRAM if settings.evaluate else "finetune")


def main() -> None:
    trained.main()
    if not world()[0]:
        measure(read_run(Path(sys.argv[1])))


def measure(run: Run) -> None:
    """Measure what the run began from and what came out, where it is done. What goes wrong is said, and the run is done
    all the same."""
    status = run.status()
    if status.state is not State.FINISHED:
        return
    worker, name, named = Worker(run.folder), str(run.settings["evaluate"]), titles()
    try:
        before, after = _measured(run, worker)
        main = {task.name: task.metric for task in suite(name).tasks}
        changes = [each for each in compare(before, after) if main[each.task] == each.metric]
    except ParleyError as error:
        told = f"It was not measured: {error.message}"
        worker.end(State.FINISHED, message=f"{status.message} {told}".strip(), hint=error.hint)
        return
    lines = [f"{named[each.task]}: {each.before:.3g} → {each.after:.3g}. {each.told()}" for each in changes]
    figures = {f"{name} {named[each.task]}": each.after for each in changes}
    dropped = list(drops(before, after, MOST_DROP))
    gate = "; ".join(each.told() for each in dropped) or f"nothing is worse by more than {MOST_DROP:g}"
    lines.append(f"Gate: {'failed' if dropped else 'passed'}, {gate}")
    add_figures(run, f"Measured on {suite(name).title}, before and after", lines, figures)
    write_whole(run.folder / "report.json", [json.dumps({**run.report(), "evaluation": lines})])
    worse = [named[each.task] for each in changes if each.verdict is Verdict.REAL and not each.better]
    told = f"It became worse at {', '.join(worse)}." if worse else ""
    worker.end(State.FINISHED, message=f"{status.message} {told}".strip(), figures={**status.figures, **figures})


class _Part(Worker):
    """An evaluation's own run inside the training's: what it tells is told of the training."""

    def __init__(self, folder: Path, whole: Worker, name: str) -> None:
        super().__init__(folder)
        self._whole, self._name = whole, name

    def tell(self, *, step: int | None = None, steps: int | None = None, doing: str = "") -> None:
        super().tell(step=step, steps=steps, doing=doing)
        self._whole.tell(doing=f"measuring {self._name}: {doing}")

    def asked(self) -> str:
        return self._whole.asked()


def _measured(run: Run, worker: Worker) -> list[Results]:
    """What the run began from, and what came out."""
    found: list[Results] = []
    runs = Runs(run.folder / "evaluations")
    for name, model in (("the base", str(run.settings["model"])), ("the result", str(run.model))):
        worker.tell(doing=f"measuring {name}")
        part = create_evaluation(runs, Evaluation(model=model, suite=str(run.settings["evaluate"])))
        made = run_suite(Evaluation(**part.settings), _Part(part.folder, worker, name))
        if made is None:
            raise RunInterrupted("it was asked to end.", hint="`parley eval run` measures it.")
        found.append(made)
    return found


if __name__ == "__main__":
    main()
