"""What a run will take, before a night is spent on it: three real steps, the second with the longest rows of all.

The first makes the optimiser's moments, the second, beside them, shows the memory, and the third the pace. A run itself
is weighed before its first step, and by its own first two.
"""

from __future__ import annotations

import math
import resource
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil
from transformers import TrainerCallback

from assistant.errors import DiskFull, EngineFailed
from assistant.placement import gb
from finetune.settings import Settings

STEPS = 3
LOOKED_AT = 2
"""Steps of a run by which it is known whether memory holds it: the second has all that there is."""
ADAM_BYTES = 8
"""Of a parameter, in a checkpoint, beside the parameter itself: AdamW's two moments."""


@dataclass(frozen=True)
class Preflight:
    """What was measured. Bytes and seconds."""

    peak_bytes: float
    seconds_per_step: float
    tokens_per_second: float
    steps: float
    eta_seconds: float
    disk_bytes: float


def measure(trainer: Any) -> Preflight:
    """Make STEPS steps and look. The trainer is of no use afterwards."""
    steps = _planned(trainer)
    disk = disk_bytes(trainer)
    arranged = _arrange(trainer)
    trainer.args.max_steps, trainer.args.save_strategy, trainer.args.eval_strategy = STEPS, "no", "no"
    watch = _Watch(getattr(trainer, "generation_config", None))
    trainer.add_callback(watch)
    trainer.train()
    seconds = watch.seconds[-1] if arranged else sum(watch.seconds[1:]) / max(1, len(watch.seconds) - 1)
    rows = trainer.args.per_device_train_batch_size * trainer.args.gradient_accumulation_steps
    lengths = _lengths(trainer)
    # The longest rows come first: at their pace in tokens, the average step is shorter.
    pace = watch.tokens / sum(watch.seconds) if lengths and sum(watch.seconds) else 0.0
    mean_seconds = rows * sum(lengths) / len(lengths) / pace if pace else seconds
    return Preflight(peak_bytes(), mean_seconds, pace, steps, steps * mean_seconds, disk)


def peak_bytes() -> int:
    """Memory that this process has taken at the most: of the GPU where there is one, else its resident set."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def taken_bytes() -> int:
    """The same of now."""
    import torch

    return torch.cuda.memory_allocated() if torch.cuda.is_available() else psutil.Process().memory_info().rss


def disk_bytes(trainer: Any) -> int:
    """What checkpoints will take, or those that stay and the model: a new one is written before the oldest goes."""
    trained = _trained(trainer)
    weights = sum(each.numel() * each.element_size() for each in trained)
    moments = sum(each.numel() for each in trained) * ADAM_BYTES
    return ((trainer.args.save_total_limit or 1) + 1) * (weights + moments)


def _trained(trainer: Any) -> list[Any]:
    """The weights that are learnt."""
    return [each for each in trainer.model.parameters() if each.requires_grad]


def require_disk(trainer: Any, folder: Path) -> None:
    """Raises DiskFull where checkpoints would not fit."""
    needed, free = disk_bytes(trainer), shutil.disk_usage(folder).free
    if needed > free:
        raise DiskFull(
            f"Its checkpoints take {gb(needed)}, and {gb(free)} are free on the disk of {folder}.",
            hint="Free some space, move PARLEY_HOME, or train an adapter: finetuning_type=lora.",
        )


def require_memory(trainer: Any, settings: Settings, free: int) -> None:
    """Raises EngineFailed where gradients and moments of what is trained alone would not fit into `free` bytes."""
    moments = ADAM_BYTES if "adamw_torch" in str(trainer.args.optim) else 0
    needed = sum(each.numel() * (each.element_size() + moments) for each in _trained(trainer))
    if needed > free:
        raise EngineFailed(
            f"Gradients and moments of its weights take {gb(needed)}, and {gb(free)} of memory are free.",
            hint=smaller(settings),
        )


class FirstSteps(TrainerCallback):
    """Ends a run whose first steps took more memory than was free: what came after would be swapped, or killed."""

    def __init__(self, settings: Settings, free: int) -> None:
        """free: bytes, before the first step."""
        self._settings, self._free = settings, free
        self._from = self._taken = self._peak = 0

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._from, self._taken, self._peak = state.global_step, taken_bytes(), peak_bytes()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Raises EngineFailed."""
        if state.global_step - self._from != LOOKED_AT:
            return
        peak = peak_bytes()  # of the whole process: where it is an earlier one, what is taken now is what is known
        needed = (peak if peak > self._peak else taken_bytes()) - self._taken
        if needed > self._free:
            raise EngineFailed(
                f"Its first {LOOKED_AT} steps took {gb(needed)} of memory, and {gb(self._free)} were free.",
                hint=smaller(self._settings),
            )


def smaller(settings: Settings) -> str:
    """What to change where memory does not suffice, the least harmful first; pure."""
    *_, (part, settings) = [("", settings), *settings.parts().items()]  # of the loop: the last part holds most
    offers: list[str] = []

    def offer(more: str = "", **changes: Any) -> None:
        if not replace(settings, **changes).problems():
            prefix = f"{part}." if part else ""
            said = " ".join(f"{prefix}{name}={_shown(value)}" for name, value in changes.items())
            offers.append(f"{said}{more}")

    batch, accumulated = settings.per_device_train_batch_size, settings.gradient_accumulation_steps
    if batch > 1:
        halved = {"per_device_train_batch_size": batch // 2, "gradient_accumulation_steps": accumulated * 2}
        offer(", which learns the same", **halved)
    if not settings.gradient_checkpointing:
        offer(", which is a third slower", gradient_checkpointing=True)
    if settings.finetuning_type != "qlora":
        offer(finetuning_type="lora" if settings.finetuning_type == "full" else "qlora")
    tokens = "max_completion_length" if hasattr(settings, "max_completion_length") else "max_length"
    if (most := getattr(settings, tokens)) > 256:
        offer(**{tokens: most // 2})
    return f"Try {'; or '.join(offers)}; or a smaller model." if offers else "Take a smaller model."


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


class _Watch(TrainerCallback):
    """Times steps, and counts the tokens that they took."""

    def __init__(self, generation: Any = None) -> None:
        """generation: settings by which the trainer has answers generated; those of the second step are as long as any
        may be."""
        self.seconds: list[float] = []
        self.tokens = 0.0
        self._generation = generation
        self._at = 0.0

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if self._generation is not None:
            self._generation.min_new_tokens = self._generation.max_new_tokens if len(self.seconds) == 1 else None
        self._at = time.perf_counter()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.seconds.append(time.perf_counter() - self._at)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        for name in ("num_tokens", "num_input_tokens_seen"):
            self.tokens = float((logs or {}).get(name, self.tokens))


def _planned(trainer: Any) -> int:
    """The steps of the whole run, as the trainer itself will count them."""
    args = trainer.args
    if args.max_steps > 0:
        return args.max_steps
    batches = len(trainer.get_train_dataloader())  # of reinforcement learning a prompt makes several
    return math.ceil(args.num_train_epochs * max(1, -(-batches // args.gradient_accumulation_steps)))


def _lengths(trainer: Any) -> list[int]:
    names = getattr(trainer.train_dataset, "column_names", None) or []
    return [len(row) for row in trainer.train_dataset["input_ids"]] if "input_ids" in names else []


def _arrange(trainer: Any) -> bool:
    """Have rows of usual lengths in the first step and the third, and the longest in the second; whether it was done.

    Rows with `input_ids` the sampler sorts itself, the longest first.
    """
    rows, args = trainer.train_dataset, trainer.args
    if not hasattr(rows, "select") or "input_ids" in rows.column_names:
        return False
    step = args.per_device_train_batch_size * args.gradient_accumulation_steps
    chosen = in_turn([_length(row) for row in rows], max(1, step // getattr(trainer, "num_generations", 1)))
    trainer.train_dataset = rows.select(chosen)
    args.train_sampling_strategy = "sequential"
    trainer.shuffle_dataset = False  # the name that reinforcement learning has for it
    return True


def in_turn(lengths: Sequence[int], step: int) -> list[int]:
    """Places of the rows of three steps of `step` rows each: from all lengths, the longest, from all lengths; pure."""
    order = sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True)
    usual = [order[(2 * place + 1) * len(order) // (2 * step)] for place in range(step)]
    return [*usual, *(order[place % len(order)] for place in range(step)), *usual]


def _length(row: Mapping[str, Any]) -> int:
    """Of a row as a trainer has prepared it: tokens of a prompt and the longer of its answers, letters of a prompt
    alone."""
    tokens = {name: len(value) for name, value in row.items() if name.endswith("_ids") and isinstance(value, list)}
    return tokens.pop("prompt_ids", 0) + max(tokens.values()) if tokens else len(str(row.get("prompt", "")))
