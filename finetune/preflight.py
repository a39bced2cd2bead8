"""What a run will take, before a night is spent on it: three real steps, the longest rows first.

The first step has the longest rows of all, and shows the memory; the others show the pace.
"""

from __future__ import annotations

import math
import resource
import shutil
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from assistant.errors import DiskFull, EngineFailed
from assistant.placement import gb
from finetune.settings import Settings

STEPS = 3
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
    trainer.args.max_steps, trainer.args.save_strategy, trainer.args.eval_strategy = STEPS, "no", "no"
    watch = _Watch()
    trainer.add_callback(watch)
    trainer.train()
    seconds = sum(watch.seconds[1:]) / max(1, len(watch.seconds) - 1)
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


def disk_bytes(trainer: Any) -> int:
    """What checkpoints and the model that comes out will take."""
    trained = _trained(trainer)
    weights = sum(each.numel() * each.element_size() for each in trained)
    moments = sum(each.numel() for each in trained) * ADAM_BYTES
    return (trainer.args.save_total_limit or 1) * (weights + moments) + weights


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


def smaller(settings: Settings) -> str:
    """What to change where memory does not suffice, the least harmful first; pure."""
    offers: list[str] = []
    batch = settings.per_device_train_batch_size
    if batch > 1:
        halved = replace(
            settings,
            per_device_train_batch_size=batch // 2,
            gradient_accumulation_steps=settings.gradient_accumulation_steps * 2,
        )
        offers.append(
            f"per_device_train_batch_size={halved.per_device_train_batch_size} "
            f"gradient_accumulation_steps={halved.gradient_accumulation_steps}, which learns the same"
        )
    if not settings.gradient_checkpointing:
        offers.append("gradient_checkpointing=true, which is a third slower")
    if settings.finetuning_type == "full":
        offers.append("finetuning_type=lora")
    elif settings.finetuning_type != "qlora":
        offers.append("finetuning_type=qlora")
    if settings.max_length > 256:
        offers.append(f"max_length={settings.max_length // 2}")
    return f"Try {'; or '.join(offers)}; or a smaller model." if offers else "Take a smaller model."


class _Watch(TrainerCallback):
    """Times steps, and counts the tokens that they took."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.tokens = 0.0
        self._at = 0.0

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
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
