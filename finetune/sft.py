"""Supervised fine-tuning: a decoder learns to answer as the rows do (Ouyang et al. 2022, arXiv:2203.02155, step 1).

settings → rows → tokens with the answers to be learnt marked (masks.py) → TRL's SFTTrainer → an adapter, or a model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from assistant.catalogue import Family
from assistant.errors import BadDataset
from assistant.models import Models
from assistant.run_worker import Worker
from finetune import bases, data
from finetune.masks import masked
from finetune.settings import Settings
from finetune.training import arguments, go

LEARNING_RATE = 2e-4
"""Of an adapter."""


@dataclass(frozen=True, kw_only=True)
class SFTSettings(Settings):
    """What supervised fine-tuning has besides."""

    packing: bool = False
    """Several rows in one sequence of max_length: no padding, for many short rows."""
    train_on_prompts: bool = False
    """Learn what is asked as well as what is answered."""


def train(settings: SFTSettings, worker: Worker) -> None:
    """Do a run. Raises BadDataset, BadSettings, ModelNotAvailable, TrainingDiverged."""
    from trl.trainer.sft_config import SFTConfig
    from trl.trainer.sft_trainer import SFTTrainer

    models = Models()
    machine = models.machine
    entry = bases.find(models, settings.model, Family.DECODER)
    worker.tell(doing="reading the data")
    rows = data.read(settings, "sft")
    worker.tell(doing=f"loading {entry.title}")
    model, tokenizer = bases.decoder(bases.folder(entry), settings, machine)
    train_set, test_set = dataset(rows.train, tokenizer, settings), dataset(rows.test, tokenizer, settings)
    if not len(train_set):
        hint = f"Raise max_length, {settings.max_length} now: `parley data mask` shows what is cut off."
        raise BadDataset("Nothing would be learnt: every answer lies beyond max_length.", hint=hint)
    trainer = SFTTrainer(
        model=model,
        args=arguments(
            SFTConfig,
            settings,
            worker,
            machine,
            rows=len(train_set),
            rate=LEARNING_RATE,
            tested=len(test_set) > 0,
            max_length=settings.max_length,
            packing=settings.packing,
        ),
        train_dataset=train_set,
        eval_dataset=test_set if len(test_set) else None,
        processing_class=tokenizer,
        peft_config=bases.adapter(settings, entry, "CAUSAL_LM"),
    )
    go(trainer, worker, settings, tokenizer, entry.key if entry.local_path is None else str(entry.local_path))


def dataset(rows: Sequence[data.Row], tokenizer: Any, settings: SFTSettings) -> Any:
    """input_ids and labels, as SFTTrainer takes them ready made; rows of which nothing would be learnt are left out."""
    from datasets import Dataset

    found: dict[str, list[list[int]]] = {"input_ids": [], "labels": []}
    for row in rows:
        tokens = masked(row, tokenizer, everything=settings.train_on_prompts)
        labels = tokens.labels(settings.max_length)
        if any(learnt for learnt in tokens.trained[: settings.max_length]):
            found["input_ids"].append(list(tokens.ids[: settings.max_length]))
            found["labels"].append(labels)
    return Dataset.from_dict(found)
