"""The parts of the RLHF loop: their settings, and how one of them is done and speaks through the loop's run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.errors import RunInterrupted
from assistant.run import Run, State
from assistant.run_worker import Worker
from assistant.runs import Runs
from finetune.methods import create, method
from finetune.settings import settings_from

if TYPE_CHECKING:
    from finetune.rlhf_loop import RLHFLoopSettings

PARTS = ("sft", "reward", "check", "rlhf")
"""In their order; `check` is the second reward model."""
USUAL: Mapping[str, Mapping[str, Any]] = {
    "sft": {"num_train_epochs": 0.5, "eval_steps": 50, "per_device_train_batch_size": 8, "max_length": 192},
    "reward": {
        "model": "all-minilm-l6-v2",
        "finetuning_type": "full",
        "num_train_epochs": 1,
        "learning_rate": 1e-4,
        "eval_steps": 33,
        "per_device_train_batch_size": 16,
        "max_length": 256,
    },
    "rlhf": {
        "max_steps": 45,
        "learning_rate": 2e-4,
        "num_generations": 4,
        "per_device_train_batch_size": 32,
        "max_completion_length": 48,
        "max_prompt_length": 96,
        "beta": 0.2,
    },
}
"""Settings of the parts where nothing else is said: half an hour to an hour for two thousand pairs on two cores
(docs/experiments.md)."""


def method_of(part: str) -> str:
    """Both reward models are of one method, with one group of settings."""
    return "reward" if part == "check" else part


def do_part(
    name: str,
    settings: RLHFLoopSettings,
    parts: Runs,
    files: Mapping[str, Path],
    made: Mapping[str, str | Path],
    loop: Worker,
) -> Run:
    """A part's run, as far as it comes; what is done is not done again. files: rows of each part. made: models of the
    parts before.

    Raises RunInterrupted where it fails.
    """
    run = next((each for each in parts if each.title == name), None)
    chosen = method(method_of(name))
    kind, train = chosen.settings_class(), chosen.trainer()
    if run is None:
        own = settings_from(kind, settings.given(name, files, made), settings.of(name))
        run = create(parts, chosen.name, own, title=name)
    if run.status().state is not State.FINISHED:
        part = Part(run.folder, loop, name)
        part.work(lambda: train(settings_from(kind, run.settings), part))
    if (status := run.status()).state is State.FAILED:
        message, hint = of_part(name, status.message, status.hint)
        raise RunInterrupted(message, hint=hint)
    return run


def of_part(name: str, message: str, hint: str) -> tuple[str, str]:
    """A failure of a part as the loop tells it."""
    return f"{name}: {message}", f"{hint} Settings of this part begin with `{method_of(name)}.`".strip()


class Part(Worker):
    """One part's own run inside the loop's: what it tells is told of the loop, what is asked of the loop it hears."""

    def __init__(self, folder: Path, loop: Worker, name: str) -> None:
        """name: of PARTS. Raises what Worker does."""
        super().__init__(folder)
        self._loop, self._name = loop, name
        self._place = f"{name} ({PARTS.index(name) + 1} of {len(PARTS)} parts)"

    def tell(self, *, step: int | None = None, steps: int | None = None, doing: str = "") -> None:
        super().tell(step=step, steps=steps, doing=doing)
        self._loop.tell(step=step, steps=steps, doing=f"{self._place}: {doing or 'training'}")

    def record(self, step: int, **figures: Any) -> None:
        super().record(step, **figures)
        self._loop.record(step, part=self._name, **figures)

    def sample(self, step: int, asked: str, answered: str, reward: float) -> None:
        super().sample(step, asked, answered, reward)
        self._loop.sample(step, asked, answered, reward)

    def forget_after(self, step: int) -> None:
        super().forget_after(step)
        samples = self._name == "rlhf"  # only this part has some
        self._loop.keep(lambda line: line.get("part", "rlhf" if samples else "") != self._name or line["step"] <= step)

    def end(
        self, state: State, *, message: str = "", hint: str = "", figures: Mapping[str, float] | None = None
    ) -> None:
        """A part that fails ends the loop as well: where memory runs out, this is the last word of the process."""
        super().end(state, message=message, hint=hint, figures=figures)
        if state is State.FAILED:
            message, hint = of_part(self._name, message, hint)
            self._loop.end(state, message=message, hint=hint)

    def asked(self) -> str:
        return self._loop.asked()
