"""Reward hacking: what a policy learns may please its reward model and nobody else (Gao et al. 2023, arXiv:2210.10760).

A second reward model, which nothing is learnt from, reads the same answers. Where the first likes them more and the
second less, a trick was learnt; so it was where one answer is given to everything, which both may like: the entropy of
what is said tells that. The run ends, and the weights that the second liked best, while answers still differed, are
what comes out.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from accelerate import PartialState
from transformers import TrainerCallback

from assistant.run_worker import Worker
from assistant.whole_files import beside
from finetune.following import WHOLE
from finetune.launching import agreed, world

PROXY, CHECK = "rewards/reward_0", "rewards/check_0"
"""As TRL logs the two: with /mean and /std."""
WINDOW = 4
"""Figures that are averaged, one a step: 128 answers where a step has 32."""
APART = 0.4
"""Standard deviations (of the rewards in the beginning) that one must have risen, and the other fallen."""
FIRST, LAST = 2, 3
"""Figures of the entropy that are averaged, in the beginning and now."""
ALIKE = 0.4
"""Of the entropy in the beginning: with less, answers have become one."""
DIFFERING = 0.6
"""Of the entropy in the beginning: with less, weights are not kept as the best."""
BEST = "best"
"""Folder of the run with the weights that the check liked best, until it ends."""

LEFT = shutil.ignore_patterns("optimizer*", "scheduler*", "rng*", WHOLE)

Lines = Sequence[Mapping[str, Any]]


def trick(lines: Lines) -> str:
    """What a run's figures say of a trick that was learnt; "" for nothing."""
    if entropy_left(lines) < ALIKE:
        return "the answers had become alike, whatever was asked"
    moved = {name: _moved(lines, name) for name in (PROXY, CHECK)}
    if moved[PROXY] >= APART and moved[CHECK] <= -APART:
        return "the answers pleased the reward model more and the check less"
    return ""


def entropy_left(lines: Lines) -> float:
    """Of the entropy in the beginning (a token's), as a share; 1 before there are enough figures."""
    values = [line["entropy"] for line in lines if "entropy" in line]
    if len(values) < FIRST + LAST or not (first := fmean(values[:FIRST])):
        return 1.0
    return fmean(values[-LAST:]) / first


def liked(lines: Lines) -> float:
    """What the check gives now, on the mean over the last figures; minus infinity before there are enough."""
    values = [line[f"{CHECK}/mean"] for line in lines if f"{CHECK}/mean" in line]
    return fmean(values[-WINDOW:]) if len(values) >= WINDOW else float("-inf")


def _moved(lines: Lines, name: str) -> float:
    """From the first figures to the last, in standard deviations of the first."""
    some = [line for line in lines if f"{name}/mean" in line]
    if len(some) < 2 * WINDOW:
        return 0.0
    first, last = (fmean(line[f"{name}/mean"] for line in part) for part in (some[:WINDOW], some[-WINDOW:]))
    spread = fmean(line.get(f"{name}/std", 0.0) for line in some[:WINDOW])
    return (last - first) / spread if spread else 0.0


class Alarm(TrainerCallback):
    """Looks at the figures as they come; keeps the weights that the check liked best."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._best = worker.run.folder / BEST
        self.rang_at: int | None = None
        self.kept: int | None = None
        """The step whose weights came out instead of the last, where that was so."""
        self._why = ""

    def on_log(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
        # One process writes the figures, and the others may read them a step later: it says what all do.
        if self.rang_at is None and (why := agreed(trick(self._worker.run.metrics()))):
            self.rang_at, self._why = state.global_step, why
            control.should_training_stop = True
        return control

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if not state.is_world_process_zero or self.rang_at is not None:
            return
        lines = [line for line in self._worker.run.metrics() if line["step"] <= state.global_step]
        known = liked([line for line in lines if line["step"] <= self.best_step])
        if liked(lines) > known and entropy_left(lines) >= DIFFERING:
            checkpoint = Path(args.output_dir) / f"checkpoint-{state.global_step}"
            kept = self._best / checkpoint.name
            self._best.mkdir(exist_ok=True)
            with beside(kept) as partial:  # killed in the middle, it is as if nothing had been copied
                shutil.copytree(checkpoint, partial, ignore=LEFT)
            for other in self._best.glob("checkpoint-*"):
                if other != kept:
                    shutil.rmtree(other)

    @property
    def best_step(self) -> int:
        """Of the weights that are kept; 0 where there are none."""
        return max((int(path.name.rpartition("-")[2]) for path in self._best.glob("checkpoint-*")), default=0)

    def settle(self, model: Any) -> str:
        """After the training: the best weights go into the model where the alarm rang; what is to be told of it."""
        step = int(agreed(str(self.best_step)))
        if self.rang_at is not None and step:
            load(model, self._best / f"checkpoint-{step}")
            self.kept = step
        PartialState().wait_for_everyone()  # each process has read them
        if not world()[0]:
            shutil.rmtree(self._best, ignore_errors=True)
        if self.rang_at is None:
            return ""
        left = f"the model of step {step} was kept" if step else "no earlier model was saved"
        return (
            f"By step {self.rang_at} {self._why}: a trick was being learnt. The run ended there, and {left}. A higher "
            "beta holds it nearer to where it began."
        )


def load(model: Any, checkpoint: Path) -> None:
    """Put a checkpoint's weights into a model: of its adapter where it has one."""
    from safetensors.torch import load_file

    adapter = checkpoint / "adapter_model.safetensors"
    if adapter.is_file():
        from peft import set_peft_model_state_dict

        set_peft_model_state_dict(model, load_file(adapter))
    else:
        model.load_state_dict(load_file(checkpoint / "model.safetensors"), strict=False)  # tied weights stand once
