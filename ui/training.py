"""A training that ends in an evaluation: the run's own program where its settings name a suite (`evaluate: mini`).

    python -m ui.training RUN_FOLDER

Base and result are measured on the same questions; what changed goes into the run's report and its model card.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from dataclasses import replace
from pathlib import Path

from assistant.errors import BadDataset, BadSettings, CapabilityMissing, ParleyError
from assistant.run import Run, State, Status, read_run
from assistant.run_worker import Worker
from assistant.runs import Runs
from assistant.service import Assistant
from assistant.whole_files import read_object, write_whole
from eval.compare import Verdict, compare
from eval.gate import drops
from eval.results import Results, read
from eval.runner import Evaluation, require, run_suite
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
TRAINED = "trained.json"
"""In the run's folder, once the training is done and what came of it is measured: the message and the figures that it
ended with. A run that is killed after that goes on with the measuring."""
JUDGES = "reward"
"""The method whose result writes nothing, so that no suite measures it."""


def create(runs: Runs, method: str, settings: Settings, *, keep: bool = False) -> Run:
    """A training run that is ready to start. Raises UnknownTask for a suite that there is not, BadSettings for one that
    cannot be done after a training, and what methods.create does."""
    if settings.evaluate:
        _require_measurable(method, settings)
    return methods.create(runs, method, settings, keep=keep, program=PROGRAM if settings.evaluate else "finetune")


def _require_measurable(method: str, settings: Settings) -> None:
    """What would only be refused after hours of training."""
    name = settings.evaluate
    try:
        if suite(name) and method == JUDGES:
            raise CapabilityMissing("A reward model writes nothing.")
        require(Evaluation(model=settings.model, suite=name))
    except (BadSettings, BadDataset, CapabilityMissing) as error:
        hint = "Leave out evaluate, or say evaluate=mini; `parley eval run` measures a run when it is done."
        raise BadSettings(f"evaluate={name} is not for this training: {error.message}", hint=hint) from error


def main() -> None:
    folder = Path(sys.argv[1])
    if (folder / TRAINED).is_file():
        os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    else:
        trained.main()
    if not world()[0]:
        measure(read_run(folder))


def measure(run: Run) -> None:
    """Measure what the run began from and what came out, where it is done. What goes wrong is said, and the run is done
    all the same; one that was asked to pause goes on where it was."""
    ended = _ended(run)
    if ended is None:
        return
    worker = Worker(run.folder)
    told, hint, figures = "", "", dict[str, float]()
    try:
        both = _measured(run, worker)
        if both is not None:
            told, figures = _written(run, *both)
        elif worker.asked() == "pause":
            worker.end(State.PAUSED, message="It is trained; it was asked to pause while it was measured.")
            return
        else:
            told = "It was not measured: it was asked to end."
    except Exception as error:  # noqa: BLE001 - what was trained is there, whatever befalls what measures it
        told, hint = _failure(run, error)
    message = f"{ended.message} {told}".strip()
    worker.end(State.FINISHED, message=message, hint=hint, figures={**ended.figures, **figures})


def _ended(run: Run) -> Status | None:
    """How the training ended; None where it is not done. It is kept, so that a kill from now on does not train anew."""
    kept, status = read_object(run.folder / TRAINED), run.status()
    if kept:
        return replace(status, message=str(kept.get("message", "")), figures=dict(kept.get("figures", {})))
    if status.state is not State.FINISHED:
        return None
    write_whole(run.folder / TRAINED, [json.dumps({"message": status.message, "figures": dict(status.figures)})])
    return status


def _failure(run: Run, error: Exception) -> tuple[str, str]:
    """What is said of a failure, and what can be done."""
    if isinstance(error, ParleyError):
        return f"It was not measured: {error.message}", error.hint
    logging.getLogger(__name__).error("It was not measured.", exc_info=error)
    told = f"It was not measured: {type(error).__name__}: {error}"
    return told[
        :2000
    ], f"Its log says where. `parley eval run --model {run.id} --suite {run.settings['evaluate']}` may do."


def _written(run: Run, before: Results, after: Results) -> tuple[str, dict[str, float]]:
    """(what became worse, figures), after what changed is in the run's report and on its card."""
    name, named = str(run.settings["evaluate"]), titles()
    main = {task.name: task.metric for task in suite(name).tasks}
    changes = [each for each in compare(before, after) if main.get(each.task) == each.metric]
    lines = [f"{named[each.task]}: {each.before:.3g} → {each.after:.3g}. {each.told()}" for each in changes]
    figures = {f"{name} {named[each.task]}": each.after for each in changes}
    dropped = list(drops(before, after, MOST_DROP))
    gate = "; ".join(each.told() for each in dropped) or f"nothing is worse by more than {MOST_DROP:g}"
    lines.append(f"Gate: {'failed' if dropped else 'passed'}, {gate}")
    add_figures(run, f"Measured on {suite(name).title}, before and after", lines, figures)
    write_whole(run.folder / "report.json", [json.dumps({**run.report(), "evaluation": lines})])
    worse = [named[each.task] for each in changes if each.verdict is Verdict.REAL and each.worse]
    return f"It became worse at {', '.join(worse)}." if worse else "", figures


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


def _measured(run: Run, worker: Worker) -> tuple[Results, Results] | None:
    """What the run began from, and what came out; None where a person asked it to end."""
    found: list[Results] = []
    runs = Runs(run.folder / "evaluations")
    for name, model in (("the base", str(run.settings["model"])), ("the result", str(run.model))):
        worker.tell(doing=f"measuring {name}")
        part = _evaluation(runs, Evaluation(model=model, suite=str(run.settings["evaluate"])))
        if part.status().state is State.FINISHED:
            found.append(read(part.folder))
            continue
        made = run_suite(Evaluation(**part.settings), _Part(part.folder, worker, name))
        if made is None:
            return None
        found.append(made)
    return found[0], found[1]


def _evaluation(runs: Runs, asked: Evaluation) -> Run:
    """The evaluation that was begun before a kill, which has its answers; else a new one."""
    key = Assistant().find(asked.model).key
    begun = (each for each in runs if each.settings["model"] == key and each.settings["suite"] == asked.suite)
    return next(begun, None) or create_evaluation(runs, asked)


if __name__ == "__main__":
    main()
