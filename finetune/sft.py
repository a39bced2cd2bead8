"""Supervised fine-tuning: a decoder learns to answer as the rows do (Ouyang et al. 2022, arXiv:2203.02155, step 1).

settings → rows → tokens with the answers to be learnt marked (masks.py) → TRL's SFTTrainer → an adapter, or a model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from assistant.catalogue import Family
from assistant.errors import BadDataset
from assistant.run_worker import Worker
from finetune import data
from finetune.masks import masked
from finetune.settings import Settings
from finetune.training import Job

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

    job = Job.begin(settings, worker, "sft", Family.DECODER)
    model, tokenizer, adapter = job.decoder()
    learnt, tested = dataset(job.rows.train, tokenizer, settings), dataset(job.rows.test, tokenizer, settings)
    if not len(learnt):
        hint = f"Raise max_length, {settings.max_length} now: `parley data mask` shows what is cut off."
        raise BadDataset("Nothing would be learnt: every answer lies beyond max_length.", hint=hint)
    own = {"max_length": settings.max_length, "packing": settings.packing}
    trainer = SFTTrainer(
        model=model,
        args=job.arguments(SFTConfig, rows=len(learnt), rate=LEARNING_RATE, tested=len(tested) > 0, **own),
        train_dataset=learnt,
        eval_dataset=tested if len(tested) else None,
        processing_class=tokenizer,
        peft_config=adapter,
    )
    job.go(trainer, tokenizer)


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
