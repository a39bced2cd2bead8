"""An evaluation as a run: a suite on a model, in a process of its own, that goes on where it was when it is killed."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from assistant.catalogue import Family, ModelEntry
from assistant.engines.protocol import Capability, Engine
from assistant.engines.remote import Remote
from assistant.errors import BadSettings, CapabilityMissing, ModelNotAvailable, RunInterrupted
from assistant.hardware import installed_version
from assistant.run import Run, State
from assistant.run_worker import Worker
from assistant.runs import Runs
from assistant.service import Assistant
from assistant.tasks.sentiment import SENTIMENTS
from assistant.translating import made_for
from eval import results, speed
from eval.answers import Answers
from eval.fetched_rows import fetched
from eval.row_files import digest_of, left_out, sources
from eval.suite import KINDS, Suite, SuiteTask, suite

KIND = "eval"
"""Of the run."""


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

    Raises BadSettings, UnknownTask, UnknownModel, ModelNotAvailable, CapabilityMissing, BadDataset, RunError.
    """
    from eval import harness

    asked.check()
    chosen, models = suite(asked.suite), Assistant()
    entry = models.find(asked.model)
    tasks = fitting(entry, chosen)
    for each in (entry, *map(models.find, filter(None, (asked.against, asked.judge)))):
        _require_here(models, each)
    if any(task.harness for task in tasks):
        harness.require()
    sources(chosen, tasks, asked.data, asked.shots)
    data = str(Path(asked.data).expanduser().resolve()) if asked.data else None
    title = entry.model if isinstance(entry, Remote) else entry.title
    settings = {**asdict(asked), "model": entry.key, "data": data}
    files = {"data": Path(data)} if keep and data else {}
    return runs.create(KIND, f"{chosen.title} · {title}", "eval", settings, files)


def omitted(asked: Evaluation) -> dict[str, list[str]]:
    """Why something of a suite will not be measured → what. Raises what `create` does."""
    chosen = suite(asked.suite)
    return left_out(chosen, fitting(Assistant().find(asked.model), chosen), asked.data, asked.shots)


def _require_here(models: Assistant, entry: ModelEntry | Remote) -> None:
    """Raises ModelNotAvailable."""
    if not isinstance(entry, Remote) and (missing := models.absent(entry)):
        hint = f"Fetch it with `parley models pull {missing[0].key}`, or on the page under Models."
        raise ModelNotAvailable(f"{missing[0].title} is not on this machine yet.", hint=hint)


def fitting(entry: ModelEntry | Remote, chosen: Suite) -> list[SuiteTask]:
    """The tasks of a suite that a model can do. Raises CapabilityMissing where it can do none."""
    tasks = [task for task in chosen.tasks if _fits(entry, task)]
    if not tasks:
        name = entry.model if isinstance(entry, Remote) else entry.title
        does = " or ".join(dict.fromkeys(KINDS[task.kind] for task in chosen.tasks))
        hint = f"{chosen.title} asks for that: choose another suite, or another model."
        raise CapabilityMissing(f"{name} cannot {does}.", hint=hint)
    return tasks


def _fits(entry: ModelEntry | Remote, task: SuiteTask) -> bool:
    if isinstance(entry, Remote):
        return task.kind in (
            "generate",
            "translation",
            "summary",
            "judged",
        )  # likelihoods of given texts are not in the protocol
    decoder = entry.family is Family.DECODER
    if task.kind == "speed":
        return decoder and speed.able(entry, task)
    if task.kind == "labels":
        named = set(task.options["labels"].values())
        own = "sentiment" in entry.tasks and named <= set(SENTIMENTS)
        return decoder or own or "embed" in entry.tasks
    if task.kind == "summary":
        return bool({"summarize", "embed"} & set(entry.tasks))
    if task.kind == "translation":
        source, target = task.options["source"], task.options["target"]
        return (decoder and "translate" in entry.tasks) or made_for(entry, source, target)
    return decoder


def run_suite(asked: Evaluation, worker: Worker) -> results.Results | None:
    """Do the run; None where a person paused it. Raises what create does, and EngineFailed."""
    chosen, assistant = suite(asked.suite), Assistant()
    worker.tell(doing="loading the model")
    try:
        tasks = fitting(assistant.find(asked.model), chosen)
        return _measured(asked, chosen, tasks, worker, assistant)
    except _Asked:
        worker.end(State.PAUSED if worker.asked() == "pause" else State.STOPPED, message="It was asked to end here.")
        return None
    finally:
        assistant.close()


def _measured(
    asked: Evaluation,
    chosen: Suite,
    tasks: Sequence[SuiteTask],
    worker: Worker,
    assistant: Assistant,
) -> results.Results:
    from eval import assistant_tasks, harness, judging
    from eval.harness_model import ParleyModel

    folder, started = worker.run.folder, time.monotonic()
    found_files = sources(chosen, tasks, asked.data, asked.shots)
    lacking = left_out(chosen, tasks, asked.data, asked.shots)
    tasks = [task for task in tasks if task.name in found_files]
    answers = Answers(folder / "answers.jsonl")
    engines: dict[str, Engine] = {}
    scratch = folder / "scratch"
    scratch.mkdir(exist_ok=True)
    files = fetched(chosen, tasks, found_files, scratch)

    def open_engine(capability: Capability) -> Engine:
        engine = asked.engine if capability is Capability.GENERATE else "auto"
        loaded = assistant.engine(asked.model, engine=engine, capability=capability, quantisation=asked.quantisation)
        return engines.setdefault(capability, loaded)

    parts: list[Mapping[str, Any]] = []
    samples: dict[str, list[dict[str, Any]]] = {}
    for place, task in enumerate(tasks):
        title = task.name if len(tasks) == 1 else f"{task.name}, {place + 1} of {len(tasks)}"

        def tell(done: int, total: int, title: str = title) -> None:
            worker.tell(step=done, steps=total, doing=title)
            if worker.asked():
                raise _Asked("It was asked to end.")

        data, shots_data = files[task.name]
        if task.harness:
            model = ParleyModel(open_engine, answers, tell)
            given = [harness.Given(task, data, shots_data, chosen.revision)]
            found = harness.evaluate(given, model, scratch, limit=asked.limit, shots=asked.shots, chat=task.chat)
            samples |= harness.samples(found)
        elif task.kind == "judged":
            assert data is not None  # noqa: S101 - it comes with Parley
            both = asked.model, asked.against, asked.judge
            found, samples[task.name] = judging.evaluate(task, data, assistant, *both, asked.limit, answers, tell)
        elif task.kind == "speed":
            assert data is not None  # noqa: S101 - it comes with Parley
            found, samples[task.name] = speed.evaluate(task, data, asked.model, asked.limit, answers, tell)
        else:
            assert data is not None  # noqa: S101 - fetched() says so
            model, limit = asked.model, asked.limit
            found, samples[task.name] = assistant_tasks.evaluate(task, data, assistant, model, limit, answers, tell)
        parts.append({name: value for name, value in found.items() if name != "samples"})
    whole = results.merged(parts)
    whole["config"] = {**whole.get("config", {}), **_described(asked, chosen, files, list(engines.values()))}
    whole["config"]["left_out"] = lacking
    whole["total_evaluation_time_seconds"] = round(time.monotonic() - started, 1)
    made = results.write(folder, whole, samples)
    shutil.rmtree(scratch, ignore_errors=True)
    main = {task.name: task.metric for task in tasks}
    figures = {each.task: each.value for each in made.figures() if main.get(each.task) == each.name}
    worker.end(State.FINISHED, figures=figures)
    return made


def _described(
    asked: Evaluation,
    chosen: Suite,
    files: Mapping[str, tuple[Path | None, Path | None]],
    engines: Sequence[Engine],
) -> dict[str, Any]:
    """What was measured and with what, so that it can be done again and told from another."""
    return {
        **asdict(asked),
        "suite_title": chosen.title,
        "source": f"{chosen.source}@{chosen.revision}" if chosen.on_hub and not asked.data else "",
        "engines": sorted({engine.name for engine in engines}),
        "notes": sorted({note for engine in engines for note in engine.notes}),
        "template_hash": next((engine.template_hash for engine in engines if engine.template_hash), ""),
        "data_sha256": {name: digest_of(path) for name, (path, _) in files.items() if path is not None},
        "parley_version": installed_version("parley"),
    }
