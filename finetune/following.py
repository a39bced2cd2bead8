"""What every trainer tells its run, and hears from it: figures, checkpoints that are whole, pause, stop, divergence."""

from __future__ import annotations

import json
import math
import re
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from accelerate import PartialState
from transformers import TrainerCallback
from transformers.trainer_pt_utils import LengthGroupedSampler

from assistant.errors import TrainingDiverged
from assistant.run_worker import Worker
from finetune.launching import agreed

WHOLE = "whole"
"""A file in a checkpoint's folder, written when all else is: without it a checkpoint is half, and not gone on from."""
EXPLODED = 2.0
"""So many times its first figure may the loss become."""
LEAST = 1.0
"""A loss below this has not exploded."""
WINDOW = 5
"""Figures that the loss is averaged over for that."""
NAMES = {
    "grad_norm": "gradient_norm",
    "num_input_tokens_seen": "num_tokens",
    "mean_token_accuracy": "accuracy",
    "rewards/accuracies": "accuracy",
    "rewards/margins": "margin",
    "completions/mean_length": "length",
    "completions/clipped_ratio": "cut_off",
}
"""What the trainers call a figure → what it is called in a run."""
_LEFT_OUT = (
    "epoch",
    "train_tokens_per_second",
    "total_flos",
    "train_runtime",
    "train_loss",
    "train_samples_per_second",
    "train_steps_per_second",
)


class Following(TrainerCallback):
    """Between one trainer and its run."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.request = ""
        """What a person asked for: "pause", "stop" or "" where the training came to its end."""
        self._divergence = Divergence()
        self._tokens, self._at = 0.0, 0.0

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._at = time.monotonic()
        self.worker.tell(step=state.global_step, steps=state.max_steps)

    def on_epoch_begin(self, args: Any, state: Any, control: Any, train_dataloader: Any = None, **_: Any) -> None:
        """Rows come in an order that depends on the epoch alone, so that a run that is gone on with has the same one.

        Grouped by length, transformers would draw it from the generator that dropout draws from; the reinforcement
        trainers' generator goes on from epoch to epoch, and would begin anew after a pause.
        """
        batches = getattr(train_dataloader, "batch_sampler", None)
        sampler: Any = getattr(getattr(batches, "batch_sampler", batches), "sampler", None)
        own = getattr(sampler, "generator", None)
        if isinstance(sampler, LengthGroupedSampler) or isinstance(own, torch.Generator):
            sampler.generator = torch.Generator().manual_seed(args.seed + int(state.epoch or 0))

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
        self.worker.tell(step=state.global_step, steps=state.max_steps)
        self.request = agreed(self.worker.asked())
        if self.request:
            control.should_training_stop = True
            control.should_save = self.request == "pause"
        return control

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        PartialState().wait_for_everyone()
        if state.is_world_process_zero:
            (Path(args.output_dir) / f"checkpoint-{state.global_step}" / WHOLE).touch()

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        if not state.is_world_process_zero or not logs or "train_loss" in logs:
            return
        found: dict[str, Any] = {_name(name): value for name, value in logs.items() if name not in _LEFT_OUT}
        if "num_tokens" in found and "loss" in found:
            now, tokens = time.monotonic(), found.pop("num_tokens")
            found["tokens_per_second"] = (tokens - self._tokens) / max(now - self._at, 1e-9)
            self._tokens, self._at = tokens, now
        for measured in ("", "eval_"):  # the trainers log a token's mean; what they penalise is an answer's sum
            if f"{measured}kl" in found and f"{measured}length" in found:
                found[f"{measured}kl"] *= found[f"{measured}length"]
        found.pop("eval_num_tokens", None)
        finite = {
            name: value for name, value in found.items() if isinstance(value, (int, float)) and math.isfinite(value)
        }
        self.worker.record(state.global_step, **finite)
        self._divergence.look(found, state.global_step)


def _name(name: str) -> str:
    """What a trainer's figure is called in a run."""
    measured = "eval_" if name.startswith("eval_") else ""
    bare = name.removeprefix("eval_")
    return measured + NAMES.get(bare, bare)


class Divergence:
    """Looks at figures as they come for signs that nothing good can follow."""

    def __init__(self) -> None:
        self._losses: list[float] = []
        self._first: float | None = None
        self._still = 0

    def look(self, figures: Mapping[str, Any], step: int) -> None:
        """Raises TrainingDiverged where a figure is no number, the loss has exploded, or every gradient is nothing."""
        hint = "Try a lower learning_rate, a longer warm-up, or look for odd rows with `parley data lint`."
        for name in ("loss", "gradient_norm", "eval_loss"):
            if not math.isfinite(figures.get(name, 0.0)):
                raise TrainingDiverged(
                    f"At step {step} the {name.replace('_', ' ')} is not a number any more.", hint=hint
                )
        self._still = self._still + 1 if figures.get("gradient_norm", 1.0) == 0.0 else 0
        if self._still == WINDOW:
            raise TrainingDiverged(f"By step {step} nothing is learnt any more: every gradient is zero.", hint=hint)
        if "loss" not in figures:
            return
        self._losses = [*self._losses[-WINDOW + 1 :], figures["loss"]]
        now = fmean(self._losses)
        if self._first is None and len(self._losses) == WINDOW:
            self._first = now
        if self._first is not None and now > max(EXPLODED * self._first, LEAST):
            raise TrainingDiverged(f"The loss rose from {self._first:.2f} to {now:.2f} by step {step}.", hint=hint)


def last_checkpoint(folder: Path) -> Path | None:
    """The newest whole checkpoint; what a killed process left half written is deleted."""
    found: dict[int, Path] = {}
    for path in folder.glob("checkpoint-*"):
        number = re.fullmatch(r"checkpoint-(\d+)", path.name)
        if number and (path / WHOLE).exists():
            found[int(number[1])] = path
        else:
            shutil.rmtree(path, ignore_errors=True)
    return found[max(found)] if found else None


def step_of(checkpoint: Path) -> int:
    """How far a checkpoint is."""
    return int(json.loads((checkpoint / "trainer_state.json").read_text("utf-8"))["global_step"])
