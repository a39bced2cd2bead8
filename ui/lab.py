"""The lab's trainings as runs: beside the fine-tunings and evaluations, in a process of their own.

python -m ui.lab RUN_FOLDER
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant import first_import, paths
from assistant.errors import (
    BadDataset,
    BadSettings,
    ModelNotAvailable,
    ParleyError,
    RunNotFound,
    TrainingDiverged,
    UserError,
)
from assistant.run import Run, State, read_run
from assistant.run_worker import Worker
from assistant.runs import Runs
from assistant.whole_files import beside, write_whole
from demos import errors, importing
from demos.architectures import ABOUT, ARCHITECTURES, BUILT_IN, Architecture, architecture
from finetune.settings import settings_from

if TYPE_CHECKING:
    from torch import Tensor

KIND, PROGRAM = "lab", "ui.lab"
SAMPLES = "samples"
"""A run's folder of what was made: a PNG or a text for each step that shows some."""
importing.alone = first_import.alone
LONGEST_SHOWN = 60
"""Characters of a name that an error repeats."""
OURS: dict[type[errors.LabError], type[ParleyError]] = {
    errors.BadPicture: BadDataset,
    errors.BadText: BadDataset,
    errors.NoData: ModelNotAvailable,
    errors.BadConfig: BadSettings,
    errors.Diverged: TrainingDiverged,
}


@contextmanager
def mapped() -> Generator[None]:
    """The lab's errors as ours."""
    try:
        yield
    except errors.LabError as error:
        raise OURS.get(type(error), UserError)(error.message, hint=error.hint) from error


def data_folder() -> Path:
    """Where Fashion-MNIST is kept once it is fetched."""
    return paths.datasets_folder() / "fashion-mnist"


def create(runs: Runs, name: str, given: Mapping[str, Any], *, keep: bool = False) -> Run:
    """A training that is ready to start. name: an architecture, or a training's id: then one that begins where that
    one has ended, with its settings but for those given. keep: the data, a file or a folder, is copied into the run's
    folder. Raises BadSettings, ModelNotAvailable, RunError."""
    if name not in ARCHITECTURES and (before := _before(runs, name)) is not None:
        return _further(runs, before, given)
    data = given.get("data", BUILT_IN[0])
    if data is None or (isinstance(data, str) and data not in BUILT_IN):
        given = {**given, "data": _placed(data or "")}
    with mapped():
        chosen = architecture(name)
        settings_from(chosen.config_class(), given)
    title = f"{chosen.title} on {Path(str(given.get('data') or chosen.config_class()().data)).name}"
    files = {"data": Path(str(given["data"]))} if keep else {}
    return runs.create(KIND, title, PROGRAM, {"architecture": name, **given}, files)


def _placed(data: str) -> str:
    """A path that is there in full: it may be gone on with from elsewhere. Others as they are. Raises BadSettings."""
    if not data.strip():
        raise BadSettings("data is empty.", hint=f"There are {', '.join(BUILT_IN)}; or name a file or a folder.")
    try:
        path = Path(data).expanduser()
        return str(path.resolve()) if path.exists() else data
    except (OSError, RuntimeError, ValueError) as error:  # a name that is too long, a person that there is not
        said = (error.strerror if isinstance(error, OSError) else "") or str(error)
        shown = data if len(data) <= LONGEST_SHOWN else f"{data[:LONGEST_SHOWN]}…"
        raise BadSettings(f"data cannot be {shown!r}: {said}", hint="Name a file or a folder.") from error


def _further(runs: Runs, before: Run, given: Mapping[str, Any]) -> Run:
    """A training that goes on from the last step of another one."""
    from demos.training import CHECKPOINT

    merged = {**before.settings, **given}
    name = str(merged.pop("architecture"))
    with mapped():
        config: Any = settings_from(architecture(name).config_class(), merged)
    done = before.status().step
    if config.steps <= done:
        raise BadSettings(f"{before.id} has made {done:,} steps.", hint=f"Ask for more: steps={2 * done}.")
    kept = Path(str(merged.get("data", ""))).is_relative_to(before.folder)  # which may be deleted
    run = create(runs, name, merged, keep=kept)
    try:
        shutil.copyfile(before.folder / CHECKPOINT, run.folder / CHECKPOINT)
    except OSError as error:
        runs.delete(run)
        raise ModelNotAvailable(f"{before.id} cannot be gone on with: {error.strerror}.") from error
    return run


def _before(runs: Runs, name: str) -> Run | None:
    """The training of that id; None where it is no id either: the architectures' own error says which there are."""
    try:
        return _training(runs, name)
    except RunNotFound:
        return None


def _training(runs: Runs, name: str) -> Run:
    """The lab's training of that id, with "last" the newest of them. Raises RunNotFound, ModelNotAvailable."""
    newest = next((each for each in runs if each.kind == KIND), None) if name == "last" else None
    run = newest or runs.find(name)
    if run.kind != KIND:
        raise ModelNotAvailable(f"{run.id} is no training of the lab.", hint="`parley runs list` shows what each is.")
    return run


def has_weights(run: Run) -> bool:
    """Whether a training's weights are written whole: one that is measuring, or was killed there, has a folder, too."""
    return (run.model / ABOUT).is_file()


def weights(runs: Runs, name: str) -> tuple[Architecture, Path]:
    """An architecture's own weights, or those of a training by the run's id. Raises ModelNotAvailable, RunNotFound."""
    if name in ARCHITECTURES:
        chosen = ARCHITECTURES[name]
        if not chosen.shipped.is_dir():
            raise ModelNotAvailable(
                f"There are no weights of the {chosen.title} here.", hint=f"Train some: parley lab train {name}"
            )
        return chosen, chosen.shipped
    run = _training(runs, name)
    if not has_weights(run):
        raise ModelNotAvailable(f"{run.id} has no weights yet.", hint="They come when it is done or stopped.")
    with mapped():
        return architecture(str(run.settings.get("architecture"))), run.model


def refuse_folder(path: Path) -> None:
    """Raises BadSettings for a place where no file can be."""
    if path.is_dir() or not path.name:
        raise BadSettings(f"{path} is a folder.", hint="Name a file in it.")
    if not path.parent.is_dir():
        raise BadSettings(f"There is no folder {path.parent}.", hint="Make it first, or name another.")


def write_bytes(path: Path, data: bytes) -> None:
    """Raises BadSettings for a place where no file can be, UserError where it cannot be written."""
    refuse_folder(path)
    try:
        with beside(path) as file:
            file.write_bytes(data)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}.", hint="Name another file.") from error


class Told:
    """What a lesson's loop tells, told of a run."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._folder = worker.run.folder / SAMPLES

    def begin(self, step: int) -> None:
        self._worker.forget_after(step)

    def tell(self, step: int, steps: int) -> None:
        self._worker.tell(step=step, steps=steps)

    def record(self, step: int, figures: Mapping[str, float]) -> None:
        self._worker.record(step, **{name.replace(" ", "_"): value for name, value in figures.items()})

    def made(self, step: int, what: Tensor | str) -> None:
        from demos.grids import grid, png

        self._folder.mkdir(exist_ok=True)
        if isinstance(what, str):
            write_whole(self._folder / f"{step:07}.txt", [what])
            return
        with beside(self._folder / f"{step:07}.png") as file:
            file.write_bytes(png(grid(what)))

    def asked(self) -> str:
        return self._worker.asked()


def main() -> None:
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(name)s: %(message)s")
    worker = Worker(read_run(Path(sys.argv[1])).folder)
    worker.work(lambda: _train(worker))


def _train(worker: Worker) -> None:
    from demos import training
    from demos.lesson import save

    given = dict(worker.run.settings)
    with mapped():
        chosen = architecture(str(given.pop("architecture")))
        config: Any = settings_from(chosen.config_class(), given)
        worker.tell(steps=config.steps, doing="reading the data")
        make = chosen.lesson(config, data_folder())
        lesson, ended, facts = training.train(make, config, worker.run.folder, Told(worker))
        if ended == "pause":
            worker.end(State.PAUSED)
            return
        worker.tell(doing="measuring")
        told = save(worker.run.model, lesson, chosen.name, config, facts)
    figures = {name: value for name, value in told.items() if isinstance(value, float) and name not in facts}
    worker.end(State.FINISHED if ended == "finished" else State.STOPPED, figures=figures)


if __name__ == "__main__":
    main()
