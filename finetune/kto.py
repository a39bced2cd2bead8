"""Learning from single verdicts: a decoder is told of each answer whether it was good (Ethayarajh et al. 2024,
arXiv:2402.01306). Votes in the chat are such verdicts."""

from __future__ import annotations

from dataclasses import dataclass

from assistant.catalogue import Family
from assistant.errors import BadDataset
from assistant.run_worker import Worker
from finetune.settings import Settings
from finetune.training import Job
from finetune.turns import datasets

LEARNING_RATE = 2e-5
"""Of an adapter."""


@dataclass(frozen=True, kw_only=True)
class KTOSettings(Settings):
    """What KTO has besides."""

    beta: float = 0.1
    """How much it is held to the model that it begins from."""
    desirable_weight: float | None = None
    """Of good answers; None weighs them so that good and bad ones count for the same in all."""

    def problems(self) -> list[str]:
        alone = ["per_device_train_batch_size must be 2 or more: KTO compares rows with each other"]
        return super().problems() + (alone if self.per_device_train_batch_size < 2 else [])


def train(settings: KTOSettings, worker: Worker) -> None:
    """Do a run. Raises BadDataset, BadSettings, ModelNotAvailable, TrainingDiverged."""
    from trl.trainer.kto_config import KTOConfig
    from trl.trainer.kto_trainer import KTOTrainer

    job = Job.begin(settings, worker, "kto", Family.DECODER)
    good = sum(row["label"] for row in job.rows.train)
    bad = len(job.rows.train) - good
    if not good or not bad:
        raise BadDataset(
            "All verdicts are the same: nothing is learnt from that.", hint="It needs good and bad answers."
        )
    model, tokenizer, adapter = job.decoder()
    learnt, tested = datasets(job.rows, tokenizer)
    own = {
        "max_length": settings.max_length,
        "beta": settings.beta,
        "desirable_weight": bad / good if settings.desirable_weight is None else settings.desirable_weight,
        "train_sampling_strategy": "sequential",  # neighbours are each other's measure of divergence
    }
    trainer = KTOTrainer(
        model=model,
        args=job.arguments(KTOConfig, rows=len(learnt), rate=LEARNING_RATE, tested=tested is not None, **own),
        train_dataset=learnt,
        eval_dataset=tested,
        processing_class=tokenizer,
        peft_config=adapter,
    )
    job.go(trainer, tokenizer)
