"""What the methods share: the trainer's arguments out of a run's settings, and a training that can be gone on with."""

from __future__ import annotations

import dataclasses
import difflib
import logging
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from assistant import hardware
from assistant.catalogue import Family, ModelEntry
from assistant.errors import BadSettings, EngineFailed
from assistant.models import Models
from assistant.placement import has_bytes
from assistant.run import State
from assistant.run_worker import Worker
from assistant.tuned import ADAPTER_GGUF, write_about
from finetune import bases, data
from finetune.bases import computes_in_bf16
from finetune.card import last_evaluation, write_card
from finetune.export import give_adapter, unlike
from finetune.launching import world
from finetune.parity import first_words
from finetune.settings import Settings

_log = logging.getLogger("parley")
PIECES = 10
"""Evaluations and checkpoints of a run, unless it says otherwise."""
KEPT = 2
"""Checkpoints: while one is written, the one before it is whole."""


@dataclass(frozen=True)
class Job:
    """One run as it is done: what it was asked for, the model that it begins from, its rows."""

    settings: Settings
    worker: Worker
    machine: hardware.Machine
    entry: ModelEntry
    whole: ModelEntry
    """The same, but of an adapter what it is put on."""
    rows: data.Rows
    together: Any = None
    """What holds several processes together, from before the model is loaded."""

    @classmethod
    def begin(cls, settings: Settings, worker: Worker, method: str, *families: Family) -> Job:
        """Find the model and read the rows. Raises BadDataset, BadSettings, UnknownModel."""
        models = Models()
        entry = bases.find(models, settings.model, *families)
        together = _together(worker, models.machine) if world()[1] > 1 else None
        worker.tell(doing="reading the data")
        rows = data.read(settings, method)
        _log.info(rows.said)
        worker.tell(doing=f"loading {entry.title}")
        return cls(settings, worker, models.machine, entry, bases.whole(models, entry), rows, together)

    def decoder(self) -> tuple[Any, Any, Any]:
        """(model, tokeniser, PEFT's settings of the adapter to put on it or None).

        Of a model that is an adapter already, this is trained further; the trainers keep a copy to compare with.
        """
        return self._begun("AutoModelForCausalLM", "CAUSAL_LM")

    def seq2seq(self) -> tuple[Any, Any, Any]:
        """The same of an encoder-decoder."""
        return self._begun("AutoModelForSeq2SeqLM", "SEQ_2_SEQ_LM")

    def _begun(self, auto: str, task: str) -> tuple[Any, Any, Any]:
        model, tokenizer = bases.generator(self.entry, self.settings, self.machine, auto)
        further = self.entry.format == "adapter"
        return model, tokenizer, None if further else bases.adapter(self.settings, self.entry, task, model)

    def arguments(self, kind: type, *, rows: int, rate: float, tested: bool, **own: Any) -> Any:
        """TRL's (or transformers') configuration `kind`. rows: to be trained on. rate: the method's own for an adapter.

        Raises BadSettings for a field under `trainer` that it does not have.
        """
        steps = total_steps(self.settings, rows)
        every = max(1, steps // PIECES)
        evaluating, saving = self.settings.eval_steps or every, self.settings.save_steps or every
        full = self.settings.finetuning_type == "full"
        given: dict[str, Any] = {
            "output_dir": str(self.worker.run.folder),
            "learning_rate": self.settings.learning_rate or (rate / 10 if full else rate),
            "num_train_epochs": self.settings.num_train_epochs,
            "max_steps": self.settings.max_steps,
            "per_device_train_batch_size": self.settings.per_device_train_batch_size,
            "per_device_eval_batch_size": self.settings.per_device_train_batch_size,
            "gradient_accumulation_steps": self.settings.gradient_accumulation_steps,
            "lr_scheduler_type": self.settings.lr_scheduler_type,
            "warmup_steps": self.settings.warmup_ratio,  # below 1 it is a share of all steps
            "weight_decay": self.settings.weight_decay,
            "max_grad_norm": self.settings.max_grad_norm,
            "gradient_checkpointing": self.settings.gradient_checkpointing,
            "bf16": computes_in_bf16(self.settings, self.machine),
            "use_cpu": not self.machine.gpus,
            "seed": self.settings.seed,
            "logging_steps": self.settings.logging_steps,
            "logging_first_step": True,
            "logging_nan_inf_filter": False,  # what diverges is to be seen
            "eval_strategy": "steps" if tested else "no",
            "eval_steps": evaluating,
            "save_strategy": "steps",
            "save_steps": saving,
            "save_total_limit": KEPT,
            "train_sampling_strategy": "group_by_length",
            "report_to": self.settings.report_to or "none",
            "disable_tqdm": True,
            "dataloader_pin_memory": bool(self.machine.gpus),
        }
        known = {each.name for each in dataclasses.fields(kind)}
        unknown = sorted(self.settings.trainer.keys() - known)
        if unknown:
            near = difflib.get_close_matches(unknown[0], known, n=1)
            hint = f"Did you mean {near[0]}?" if near else ""
            raise BadSettings(f"{kind.__name__} has no field {', '.join(map(repr, unknown))}.", hint=hint)
        return kind(**{**given, **own, **self.settings.trainer})

    def go(
        self,
        trainer: Any,
        tokenizer: Any,
        figures: Callable[[], dict[str, float]] = dict,
        *,
        settle: Callable[[], str | None] = lambda: None,
        prompts: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Train to the end, or until a person asks for a pause or a stop; what comes out is in the run's model folder.

        settle: done when the training is over, before the model is written; what it gives is told of the run.
        figures: what is measured after that.
        prompts: how the model is asked for what it has learnt, as in the catalogue.
        Raises TrainingDiverged, DiskFull, EngineFailed where memory runs out.
        """
        import torch
        from peft.helpers import disable_input_dtype_casting
        from transformers.trainer_callback import PrinterCallback

        from finetune.following import Following, last_checkpoint, step_of
        from finetune.memory import freed_blocks_kept, watched
        from finetune.preflight import FirstSteps, measure, require_disk, require_memory, smaller

        trainer.remove_callback(PrinterCallback)
        require_disk(trainer, self.worker.run.folder)
        free: int | None = None
        if world()[1] == 1:
            now = hardware.detect()
            free = has_bytes(now, now.device)
            require_memory(trainer, self.settings, free)
        kept = nullcontext() if self.machine.gpus else freed_blocks_kept()
        try:
            with (
                watched(self.worker, smaller(self.settings)),
                # Autocast casts an adapter's inputs itself: they would go to 32 bits and back.
                disable_input_dtype_casting(trainer.model, trainer.args.bf16),
                kept,
            ):
                if self.settings.dry_run:
                    self.worker.tell(doing="measuring a few steps")
                    found = dataclasses.asdict(measure(trainer))
                    self.worker.end(State.FINISHED, figures=found, hint=smaller(self.settings))
                    return
                following = Following(self.worker)
                trainer.add_callback(following)
                if free is not None:
                    trainer.add_callback(FirstSteps(self.settings, free))
                begun = last_checkpoint(self.worker.run.folder)
                self.worker.forget_after(step_of(begun) if begun else 0)
                trainer.train(resume_from_checkpoint=str(begun) if begun else None)
        except (torch.OutOfMemoryError, MemoryError) as error:
            raise EngineFailed("The memory does not hold this run.", hint=smaller(self.settings)) from error
        if following.request == "pause" and trainer.state.global_step < trainer.state.max_steps:
            self.worker.end(State.PAUSED)
            return
        told = settle() or ""
        self.worker.tell(doing="writing the model")
        trainer.save_model(str(self.worker.run.model))
        if world()[0]:
            return
        tokenizer.save_pretrained(self.worker.run.model)
        write_about(self.worker.run.model, bases.named(self.whole), prompts)
        if (self.worker.run.model / "adapter_config.json").exists() and self.entry.family is Family.DECODER:
            told = f"{told} {self._give_adapter(trainer.model, tokenizer)}".strip()
        found = figures() or last_evaluation(self.worker.run)
        write_card(self.worker.run, self.whole, self.rows, found)
        state = State.STOPPED if following.request == "stop" else State.FINISHED
        self.worker.end(state, figures=found, message=told)

    def _give_adapter(self, model: Any, tokenizer: Any) -> str:
        """Write the adapter for llama.cpp, by which the chat will answer, if its first words are those of the model in
        memory; what is to be told where they are not.

        A model that is spread over processes is not asked, nor one that lies here in other 4 bits than in the GGUF.
        """
        folder = self.worker.run.model
        give_adapter(folder, self.whole)
        alone = world()[1] == 1 and self.settings.finetuning_type != "qlora"
        if not (folder / ADAPTER_GGUF).is_file() or not alone:
            return ""
        self.worker.tell(doing="comparing answers")
        wrong = unlike(folder, self.whole, first_words(model.eval(), tokenizer))
        if not wrong:
            return ""
        (folder / ADAPTER_GGUF).unlink()
        wrong = wrong.rstrip(".")
        return f"The adapter for llama.cpp was left out: {wrong}. The chat answers through transformers, slower."


def total_steps(settings: Settings, rows: int) -> int:
    """Steps of the optimiser."""
    if settings.max_steps > 0:
        return settings.max_steps
    batch = settings.per_device_train_batch_size * settings.gradient_accumulation_steps * world()[1]
    return max(1, int(settings.num_train_epochs * -(-rows // batch)))


def _together(worker: Worker, machine: hardware.Machine) -> Any:
    """Join the other processes: FSDP and ZeRO-3 load each its own part of a model, if they are told before."""
    from transformers import TrainingArguments

    return TrainingArguments(str(worker.run.folder), use_cpu=not machine.gpus, report_to="none")
