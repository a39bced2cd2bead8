"""The one loop that trains every lesson: seeded, watched, paused, and gone on with exactly where it was."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from demos.errors import Diverged, NoData
from demos.lesson import Config, Lesson, channels_last

CHECKPOINT = "checkpoint.pt"
SHOWN = 24
"""Times that a training shows what it makes, more densely at its beginning."""
LOG_SECONDS = 1.0
SAVE_SECONDS = 60.0


class Watcher(Protocol):
    """Who looks on: hears figures and sees what is made, and says whether to go on."""

    def begin(self, step: int) -> None:
        """What was told of later steps does not count: they are done again."""
        ...

    def tell(self, step: int, steps: int) -> None: ...

    def record(self, step: int, figures: Mapping[str, float]) -> None: ...

    def made(self, step: int, what: Tensor | str) -> None: ...

    def asked(self) -> str:
        """ "pause", "stop" or ""."""
        ...


class Unwatched:
    """Nobody looks on."""

    def begin(self, step: int) -> None: ...

    def tell(self, step: int, steps: int) -> None: ...

    def record(self, step: int, figures: Mapping[str, float]) -> None: ...

    def made(self, step: int, what: Tensor | str) -> None: ...

    def asked(self) -> str:
        return ""


def train(
    make: Callable[[], Lesson], config: Config, folder: Path, watcher: Watcher | None = None
) -> tuple[Lesson, str, dict[str, Any]]:
    """Train a lesson up to config.steps, from the folder's checkpoint if it has one.

    Gives the lesson, "finished", "pause" or "stop", and {"steps", "seconds"}: how far it is and what that took.
    make: builds the lesson; the generator is seeded before. Raises Diverged, and NoData for a checkpoint of another.
    """
    watcher = watcher or Unwatched()
    torch.manual_seed(config.seed)
    lesson = make()
    for network in lesson.networks.values():
        channels_last(network)
    step, before = resume(lesson, folder)
    watcher.begin(step)
    begun = logged = saved = time.monotonic()
    mean: dict[str, list[float]] = {}
    wanted = _shown(config.steps)
    if not step:
        _show(lesson, watcher, 0)
    ended = ""
    while step < config.steps and not (ended := watcher.asked()):
        figures = lesson.learn(step)
        step += 1
        if wrong := [name for name, value in figures.items() if not math.isfinite(value)]:
            watcher.tell(step, config.steps)
            raise _diverged(step, wrong)
        watched = _show(lesson, watcher, step) if step in wanted else {}
        for name, value in (figures | watched).items():
            mean.setdefault(name, []).append(value)
        now = time.monotonic()
        if now - logged > LOG_SECONDS or watched or step == config.steps or step == 1:
            watcher.tell(step, config.steps)
            watcher.record(step, {name: sum(values) / len(values) for name, values in mean.items()})
            mean, logged = {}, now
        if now - saved > SAVE_SECONDS:
            _save(lesson, folder, step, before + now - begun)
            saved = now
    seconds = before + time.monotonic() - begun
    _save(lesson, folder, step, seconds)
    return lesson, ended or "finished", {"steps": step, "seconds": round(seconds, 1)}


def _shown(steps: int) -> set[int]:
    """The steps after which to show what is made: evenly on a curved scale, so that the first learning is seen."""
    return {max(1, round(steps * (part / SHOWN) ** 1.7)) for part in range(1, SHOWN + 1)}


def _show(lesson: Lesson, watcher: Watcher, step: int) -> dict[str, float]:
    """Show without a trace in the training's own random numbers. Gives the figures that are taken there."""
    state = torch.get_rng_state()
    modes = {name: network.training for name, network in lesson.networks.items()}
    for network in lesson.networks.values():
        network.eval()
    with torch.no_grad():
        watcher.made(step, lesson.show())
        watched = lesson.watch()
    for name, network in lesson.networks.items():
        network.train(modes[name])
    torch.set_rng_state(state)
    return watched


def _diverged(step: int, wrong: Iterable[str]) -> Diverged:
    said = f"The training has diverged at step {step}: {', '.join(wrong)} is no number any more."
    return Diverged(said, hint="Try a smaller learning_rate.")


def _save(lesson: Lesson, folder: Path, step: int, seconds: float) -> None:
    """Write a checkpoint, but none that every training from there on would diverge of. Raises Diverged, OSError."""
    for name, network in lesson.networks.items():
        if not all(bool(value.isfinite().all()) for value in network.state_dict().values()):
            raise _diverged(step, [f"a weight of the {name}"])
    save_checkpoint(lesson, folder, step, seconds)


def save_checkpoint(lesson: Lesson, folder: Path, step: int, seconds: float) -> None:
    """Write all that the next step depends on, whole or not at all. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    packed = {
        "step": step,
        "seconds": seconds,
        "random": torch.get_rng_state(),
        "devices": torch.cuda.get_rng_state_all(),  # none without a GPU
        "networks": {name: each.state_dict() for name, each in lesson.networks.items()},
        "optimisers": {name: each.state_dict() for name, each in lesson.optimisers.items()},
    }
    part = folder / f"{CHECKPOINT}.part"
    try:
        torch.save(packed, part)
        part.replace(folder / CHECKPOINT)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise


def resume(lesson: Lesson, folder: Path) -> tuple[int, float]:
    """(step, seconds) of the folder's checkpoint, which is put into the lesson; zeros without one. Raises NoData."""
    path = folder / CHECKPOINT
    if not path.is_file():
        return 0, 0.0
    try:
        packed: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
        for name, network in lesson.networks.items():
            network.load_state_dict(packed["networks"][name])
        for name, optimiser in lesson.optimisers.items():
            asked = [{key: value for key, value in each.items() if key != "params"} for each in optimiser.param_groups]
            optimiser.load_state_dict(packed["optimisers"][name])
            for group, options in zip(optimiser.param_groups, asked, strict=True):
                group.update(options)  # its rate of learning and betas are what is asked for now
        torch.set_rng_state(packed["random"])
        if torch.cuda.device_count() == len(packed["devices"]):
            torch.cuda.set_rng_state_all(packed["devices"])
    except Exception as error:
        raise NoData(f"The checkpoint {path} cannot be gone on with: {error}.", hint="Start a new training.") from error
    return int(packed["step"]), float(packed["seconds"])
