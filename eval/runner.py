"""An evaluation as a run: a suite on a model, in a process of its own, that goes on where it was when it is killed."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.catalogue import ModelEntry
from assistant.engines.protocol import Capability, Engine
from assistant.engines.remote import Remote
from assistant.errors import BadSettings, ModelNotAvailable, RunInterrupted
from assistant.hardware import installed_version
from assistant.run import Run, State
from assistant.run_worker import Worker
from assistant.runs import Runs
from assistant.service import Assistant
from eval import results, speed
from eval.answers import Answers
from eval.chosen import Chosen, require_form
from eval.fetched_rows import fetched
from eval.fitting import fitting
from eval.progress import progress
from eval.row_files import digest_of, left_out, sources
from eval.suite import Suite, SuiteTask, suite

if TYPE_CHECKING:
    from eval.harness import Given

KIND = "eval"
"""Of the run."""

Files = Mapping[str, tuple[Path | None, Path | None]]
"""Task → where its rows and its solved examples are; None is the Hub, or nowhere."""
Found = tuple[Mapping[str, Any], Mapping[str, list[dict[str, Any]]]]
"""Results, and samples of each task."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What is measured, and how."""

    model: str
    suite: str
    data: str | None = None
    """A file with the rows, or a folder with the suite's files; None is what comes with Parley, or the Hub."""
    limit: int | None = None
    """Rows of each task, the first ones; None is all."""
    shots: int | None = None
    """Examples before each question; None is what the task is known with."""
    engine: str = "auto"
    quantisation: str | None = None
    against: str | None = None
    """Of a suite that is judged: the model whose answers these are compared with."""
    judge: str | None = None
    """The model that judges; None is the best chat model here."""

    def check(self) -> None:
        """Raise BadSettings."""
        if self.limit is not None and self.limit < 1:
            raise BadSettings(f"limit must be at least 1, not {self.limit}.", hint="Leave it out to take every row.")
        if self.shots is not None and self.shots < 0:
            raise BadSettings(f"shots must be 0 or more, not {self.shots}.", hint="Leave it out for the task's own.")
        if not self.against and any(task.kind == "judged" for task in suite(self.suite).tasks):
            raise BadSettings("Nobody is named to be compared with.", hint="Say --against MODEL, and --judge MODEL.")


class _Asked(RunInterrupted):
    """A person asked the run to pause or to stop."""


def create(runs: Runs, asked: Evaluation, *, keep: bool = False) -> Run:
    """A run that is ready to start. What a person can mend is said now.

    keep: copy the file of rows into the run's folder, since it will not stay where it is.

    Raises ModelNotAvailable, and what require does.
    """
    entry, chosen, models = require(asked), suite(asked.suite), Assistant()
    for each in (entry, *map(models.find, filter(None, (asked.against, asked.judge)))):
        _require_here(models, each)
    data = str(Path(asked.data).expanduser().resolve()) if asked.data else None
    title = entry.model if isinstance(entry, Remote) else entry.title
    title = f"{title} ({asked.quantisation})" if asked.quantisation else title
    settings = {**asdict(asked), "model": entry.key, "data": data}
    files = {"data": Path(data)} if keep and data else {}
    return runs.create(KIND, f"{chosen.title} · {title}", "eval", settings, files)


def require(asked: Evaluation) -> ModelEntry | Remote:
    """The model, where it can be measured as it is asked; whether its weights are here is not looked at.

    Raises BadSettings, UnknownTask, UnknownModel, CapabilityMissing, BadDataset, RunError.
    """
    from eval import harness

    asked.check()
    chosen, models = suite(asked.suite), Assistant()
    entry = models.find(asked.model)
    tasks = fitting(entry, chosen)
    require_form(asked, chosen.title, entry, tasks, models)
    if any(task.harness for task in tasks):
        harness.require()
    files = sources(chosen, tasks, asked.data, asked.shots)
    for task in (each for each in tasks if each.name in files):
        harness.require_examples(_given(task, chosen, files), asked.shots)
    return entry


def omitted(asked: Evaluation) -> dict[str, list[str]]:
    """Why something of a suite will not be measured → what. Raises what `create` does."""
    chosen = suite(asked.suite)
    return left_out(chosen, fitting(Assistant().find(asked.model), chosen), asked.data, asked.shots)


def _require_here(models: Assistant, entry: ModelEntry | Remote) -> None:
    """Raises ModelNotAvailable."""
    if not isinstance(entry, Remote) and (missing := models.absent(entry)):
        hint = f"Fetch it with `parley models pull {missing[0].key}`, or on the page under Models."
        raise ModelNotAvailable(f"{missing[0].title} is not on this machine yet.", hint=hint)


def run_suite(asked: Evaluation, worker: Worker) -> results.Results | None:
    """Do the run; None where a person paused it. Raises what create does, and EngineFailed."""
    chosen, assistant = suite(asked.suite), Chosen(asked.model, asked.engine, asked.quantisation)
    worker.tell(doing="loading the model")
    try:
        return _measured(asked, chosen, worker, assistant)
    except _Asked:
        worker.end(State.PAUSED if worker.asked() == "pause" else State.STOPPED, message="It was asked to end here.")
        return None
    finally:
        assistant.close()


def _measured(asked: Evaluation, chosen: Suite, worker: Worker, assistant: Chosen) -> results.Results:
    folder, started = worker.run.folder, time.monotonic()
    tasks = fitting(assistant.find(asked.model), chosen)
    found_files = sources(chosen, tasks, asked.data, asked.shots)
    lacking = left_out(chosen, tasks, asked.data, asked.shots)
    tasks = [task for task in tasks if task.name in found_files]
    scratch = folder / "scratch"
    scratch.mkdir(exist_ok=True)
    files = fetched(chosen, tasks, found_files, scratch)
    far = progress(tasks, files, asked.limit)
    answers = Answers(folder / "answers.jsonl")
    parts: list[Mapping[str, Any]] = []
    samples: dict[str, list[dict[str, Any]]] = {}
    for place, task in enumerate(tasks):
        title = task.name if len(tasks) == 1 else f"{task.name}, {place + 1} of {len(tasks)}"
        kept = len(answers) > 0  # of this task, where the first that it tells is not its beginning

        def tell(done: int, total: int, place: int = place, title: str = title) -> None:
            nonlocal kept
            step, steps = far.at(place, done, total)
            if kept and done:
                worker.pace_anew()
            kept = False
            worker.tell(step=step, steps=steps, doing=title)
            if worker.asked():
                raise _Asked("It was asked to end.")

        found, rows = _task(task, _given(task, chosen, files), asked, folder, assistant, answers, tell)
        samples |= rows
        parts.append({name: value for name, value in found.items() if name != "samples"})
    whole = results.merged(parts)
    whole["config"] = {**whole.get("config", {}), **_described(asked, chosen, files, assistant)}
    whole["task_hashes"] = results.task_hashes(samples)
    whole["config"]["left_out"] = lacking
    whole["total_evaluation_time_seconds"] = round(time.monotonic() - started, 1)
    made = results.write(folder, whole, samples)
    shutil.rmtree(scratch, ignore_errors=True)
    main = {task.name: task.metric for task in tasks}
    figures = {each.task: each.value for each in made.figures() if main.get(each.task) == each.name}
    worker.end(State.FINISHED, figures=figures)
    return made


def _task(
    task: SuiteTask,
    given: Given,
    asked: Evaluation,
    folder: Path,
    assistant: Chosen,
    answers: Answers,
    tell: Callable[[int, int], None],
) -> Found:
    """One task, on the model in the form that was asked for."""
    from eval import assistant_tasks, harness, judging
    from eval.harness_model import ParleyModel

    if task.harness:

        def engine(capability: Capability) -> Engine:
            return assistant.engine(asked.model, capability=capability)

        model = ParleyModel(engine, answers, tell)
        found = harness.evaluate(
            [given], model, folder / "scratch", limit=asked.limit, shots=asked.shots, chat=task.chat
        )
        return found, harness.samples(found)
    data, limit = given.data, asked.limit
    assert data is not None  # noqa: S101 - sources() says so
    if task.kind == "judged":
        both = asked.model, asked.against, asked.judge
        made = judging.evaluate(task, data, assistant, *both, limit, answers, tell)
    elif task.kind == "speed":
        made = speed.evaluate(task, data, asked.model, limit, answers, tell)
    else:
        made = assistant_tasks.evaluate(task, data, assistant, asked.model, limit, answers, tell)
    return made[0], {task.name: made[1]}


def _given(task: SuiteTask, chosen: Suite, files: Files) -> Given:
    """Where a task's rows and examples come from."""
    from eval import harness

    return harness.Given(task, *files[task.name], chosen.revision, chosen.shots)


def _described(asked: Evaluation, chosen: Suite, files: Files, assistant: Chosen) -> dict[str, Any]:
    """What was measured and with what, so that it can be done again and told from another."""
    return {
        **asdict(asked),
        "suite_title": chosen.title,
        "source": f"{chosen.source}@{chosen.revision}" if chosen.on_hub and not asked.data else "",
        "engines": sorted({engine for engine, _, _ in assistant.used}),
        "notes": sorted({note for _, notes, _ in assistant.used for note in notes}),
        "template_hash": next((template for _, _, template in assistant.used if template), ""),
        "data_sha256": {name: digest_of(path) for name, (path, _) in files.items() if path is not None},
        "parley_version": installed_version("parley"),
    }
