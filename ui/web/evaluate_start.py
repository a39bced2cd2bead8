"""From the form of the page that measures to runs: a run for each model on each suite, begun one after another."""

from __future__ import annotations

import html
import re
import shutil
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import gradio as gr

from assistant.errors import BadDataset, BadSettings, CapabilityMissing, ParleyError, UserError
from assistant.run import Run
from assistant.runs import Runs
from assistant.service import Assistant
from eval.chosen import require_form
from eval.fitting import fitting
from eval.runner import KIND, Evaluation
from eval.suite import Suite, suite
from eval.turns import create_all

SAFE_NAME = re.compile(r"\w[\w .,+=@()-]*")
"""Of a file that is put among others: a plain name, which leads nowhere else and hides nothing."""


@dataclass(frozen=True)
class Wanted:
    """What the form holds."""

    suites: Sequence[str]
    models: Sequence[str]
    files: Sequence[str]
    """Uploaded rows."""
    limit: int | None
    shots: int | None
    engine: str
    quantisation: str | None
    against: str | None
    judge: str | None


def wanted_of(
    suites: Sequence[str] | None,
    models: Sequence[str] | None,
    files: Sequence[str] | None,
    limit: float | None,
    shots: float | None,
    engine: str,
    bits: str,
    against: str | None,
    judge: str | None,
) -> Wanted:
    """The values of the form's controls, in their order, as they are meant: what is empty is None."""
    return Wanted(
        suites=suites or [],
        models=models or [],
        files=files or [],
        limit=int(limit) if limit is not None else None,
        shots=int(shots) if shots is not None else None,
        engine=engine,
        quantisation=bits or None,
        against=against or None,
        judge=judge or None,
    )


def begin(assistant: Assistant, runs: Runs, wanted: Wanted) -> list[Run]:
    """Begin a run for each model on each suite that it can do. Each waits for those before it, and for evaluations that
    are at work already: two at once would slow each other. What is left out is said.

    Raises UserError where nothing is chosen, CapabilityMissing where no model can do any of it, BadSettings,
    BadDataset, and what runner.create does: then none is begun.
    """
    if not wanted.suites:
        raise UserError("No suite is chosen.", hint="Choose one or several.")
    if not wanted.models:
        raise UserError("No model is chosen.", hint="Choose one, or fetch one under Models.")
    chosen = [suite(name) for name in wanted.suites]
    pairs, unable = _pairs(assistant, chosen, wanted)
    busy = [run for run in runs if run.kind == KIND and run.status().state.alive]
    with laid(wanted.files, together=sum(not each.shipped for each in chosen) > 1) as data:
        asked = [_evaluation(one, model, data, wanted) for one, model in pairs]
        made = create_all(runs, asked, keep=True, after=busy)
    for run in made:
        runs.start(run)
    for said in unable:
        gr.Info(html.escape(f"{said} That is left out."))  # Gradio shows messages as HTML
    return made


def _pairs(
    assistant: Assistant, chosen: Sequence[Suite], wanted: Wanted
) -> tuple[list[tuple[Suite, str]], list[ParleyError]]:
    """Suites with models that can do them, and why others cannot. Raises what `begin` does."""
    pairs: list[tuple[Suite, str]] = []
    unable: list[ParleyError] = []
    for each in chosen:
        for model in wanted.models:
            try:
                entry = assistant.find(model)
                tasks = fitting(entry, each)
                require_form(_evaluation(each, model, None, wanted), each.title, entry, tasks, assistant)
                pairs.append((each, model))
            except (CapabilityMissing, BadSettings) as error:
                unable.append(error)
    if not pairs:
        raise unable[0]
    return pairs, unable


def _evaluation(chosen: Suite, model: str, data: str | None, wanted: Wanted) -> Evaluation:
    judged = any(task.kind == "judged" for task in chosen.tasks)
    timed = any(task.kind == "speed" for task in chosen.tasks)  # each engine and each form, by itself
    return Evaluation(
        model=model,
        suite=chosen.name,
        data=None if chosen.shipped else data,
        limit=wanted.limit,
        shots=wanted.shots,
        engine="auto" if timed else wanted.engine,
        quantisation=None if timed else wanted.quantisation,
        against=wanted.against if judged else None,
        judge=wanted.judge if judged else None,
    )


@contextmanager
def laid(paths: Sequence[str], *, together: bool) -> Generator[str | None]:
    """Where uploaded rows lie: one file as it is; several in a folder under their own names, as they would lie for the
    command line; None for none. together: one file lies in a folder, too, since several suites look there for theirs.

    Raises BadDataset for names that cannot lie beside each other.
    """
    if not paths:
        yield None
        return
    if len(paths) == 1 and not together:
        yield paths[0]
        return
    with tempfile.TemporaryDirectory(prefix="parley-rows-") as scratch:
        folder = Path(scratch) / "rows"
        folder.mkdir()
        for path in map(Path, paths):
            if not SAFE_NAME.fullmatch(path.name):
                hint = "Rename it: letters, digits, dots, dashes and spaces."
                raise BadDataset(f"A file cannot be called {path.name!r} here.", hint=hint)
            if (folder / path.name).exists():
                hint = "In a folder each has a name of its own: leave one out, or rename it."
                raise BadDataset(f"Two files are called {path.name}.", hint=hint)
            shutil.copyfile(path, folder / path.name)
        yield str(folder)
