"""What the methods share: the trainer's arguments out of a run's settings, and a training that can be gone on with."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Callable
from typing import Any

from assistant import hardware
from assistant.errors import BadSettings, EngineFailed
from assistant.run_worker import Worker
from assistant.runs import State
from assistant.tuned import write_about
from finetune.bases import computes_in_bf16
from finetune.settings import Settings

PIECES = 10
"""Evaluations and checkpoints of a run, unless it says otherwise."""
KEPT = 2
"""Checkpoints: while one is written, the one before it is whole."""


def arguments(
    kind: type, settings: Settings, worker: Worker, machine: hardware.Machine, *, rows: int, rate: float, tested: bool,
    **own: Any,
) -> Any:  # fmt: skip
    """TRL's (or transformers') configuration `kind`. rows: to be trained on. rate: the method's own for an adapter.

    Raises BadSettings for a field under `trainer` that it does not have.
    """
    steps = total_steps(settings, rows)
    every = max(1, steps // PIECES)
    evaluating, saving = settings.eval_steps or every, settings.save_steps or every
    full = settings.finetuning_type == "full"
    given: dict[str, Any] = {
        "output_dir": str(worker.run.folder),
        "learning_rate": settings.learning_rate or (rate / 10 if full else rate),
        "num_train_epochs": settings.num_train_epochs,
        "max_steps": settings.max_steps,
        "per_device_train_batch_size": settings.per_device_train_batch_size,
        "per_device_eval_batch_size": settings.per_device_train_batch_size,
        "gradient_accumulation_steps": settings.gradient_accumulation_steps,
        "lr_scheduler_type": settings.lr_scheduler_type,
        "warmup_steps": settings.warmup_ratio,  # below 1 it is a share of all steps
        "weight_decay": settings.weight_decay,
        "max_grad_norm": settings.max_grad_norm,
        "gradient_checkpointing": settings.gradient_checkpointing,
        "bf16": computes_in_bf16(settings, machine),
        "use_cpu": not machine.gpus,
        "seed": settings.seed,
        "logging_steps": settings.logging_steps,
        "logging_first_step": True,
        "logging_nan_inf_filter": False,  # what diverges is to be seen
        "eval_strategy": "steps" if tested else "no",
        "eval_steps": evaluating,
        "save_strategy": "steps",
        "save_steps": saving,
        "save_total_limit": KEPT,
        "train_sampling_strategy": "group_by_length",
        "report_to": settings.report_to or "none",
        "disable_tqdm": True,
        "dataloader_pin_memory": bool(machine.gpus),
    }
    known = {each.name for each in dataclasses.fields(kind)}
    unknown = sorted(settings.trainer.keys() - known)
    if unknown:
        near = difflib.get_close_matches(unknown[0], known, n=1)
        hint = f"Did you mean {near[0]}?" if near else ""
        raise BadSettings(f"{kind.__name__} has no field {', '.join(map(repr, unknown))}.", hint=hint)
    return kind(**{**given, **own, **settings.trainer})


def total_steps(settings: Settings, rows: int) -> int:
    """Steps of the optimiser, on one process."""
    if settings.max_steps > 0:
        return settings.max_steps
    batch = settings.per_device_train_batch_size * settings.gradient_accumulation_steps
    return max(1, int(settings.num_train_epochs * -(-rows // batch)))


def go(
    trainer: Any,
    worker: Worker,
    settings: Settings,
    tokenizer: Any,
    base: str,
    figures: Callable[[], dict[str, float]] = dict,
) -> None:
    """Train to the end, or until a person asks for a pause or a stop; what comes out is in the run's model folder.

    base: the name of the model that an adapter is put on. figures: what is measured when it is done.
    Raises TrainingDiverged, DiskFull, EngineFailed where memory runs out.
    """
    import torch
    from transformers.trainer_callback import PrinterCallback

    from finetune.following import Following, last_checkpoint, step_of
    from finetune.preflight import measure, require_disk, smaller

    trainer.remove_callback(PrinterCallback)
    require_disk(trainer, worker.run.folder)
    try:
        if settings.dry_run:
            worker.tell(doing="measuring a few steps")
            worker.end(State.FINISHED, figures=dataclasses.asdict(measure(trainer)))
            return
        following = Following(worker)
        trainer.add_callback(following)
        begun = last_checkpoint(worker.run.folder)
        worker.forget_after(step_of(begun) if begun else 0)
        trainer.train(resume_from_checkpoint=str(begun) if begun else None)
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise EngineFailed("The memory does not hold this run.", hint=smaller(settings)) from error
    if following.request == "pause" and trainer.state.global_step < trainer.state.max_steps:
        worker.end(State.PAUSED)
        return
    worker.tell(doing="writing the model")
    trainer.save_model(str(worker.run.model))
    tokenizer.save_pretrained(worker.run.model)
    if (worker.run.model / "adapter_config.json").exists():
        write_about(worker.run.model, base)
    worker.end(State.STOPPED if following.request == "stop" else State.FINISHED, figures=figures())
