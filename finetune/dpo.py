"""Direct preference optimisation: a decoder learns which of two answers is better, with no reward model (Rafailov et
al. 2023, arXiv:2305.18290)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from assistant.catalogue import Family
from assistant.run_worker import Worker
from finetune.settings import Settings
from finetune.training import Job
from finetune.turns import datasets

LEARNING_RATE = 2e-5
"""Of an adapter."""
Loss = Literal[
    "sigmoid",
    "sigmoid_norm",
    "hinge",
    "ipo",
    "exo_pair",
    "nca_pair",
    "robust",
    "bco_pair",
    "sppo_hard",
    "aot",
    "aot_unpaired",
    "apo_zero",
    "apo_down",
    "discopop",
    "sft",
]
"""By their names in TRL."""


@dataclass(frozen=True, kw_only=True)
class DPOSettings(Settings):
    """What DPO has besides."""

    beta: float = 0.1
    """How much it is held to the model that it begins from."""
    loss_type: Loss = "sigmoid"

    def problems(self) -> list[str]:
        found = super().problems()
        if self.loss_type == "exo_pair" and not self.trainer.get("label_smoothing"):
            found.append("loss_type exo_pair needs trainer.label_smoothing above 0, as 0.001")
        return found


def train(settings: DPOSettings, worker: Worker) -> None:
    """Do a run. Raises BadDataset, BadSettings, ModelNotAvailable, TrainingDiverged."""
    from trl.trainer.dpo_config import DPOConfig
    from trl.trainer.dpo_trainer import DPOTrainer

    job = Job.begin(settings, worker, "dpo", Family.DECODER)
    model, tokenizer, adapter = job.decoder()
    learnt, tested = datasets(job.rows, tokenizer)
    own: dict[str, Any] = {"max_length": settings.max_length, "beta": settings.beta, "loss_type": [settings.loss_type]}
    own["train_sampling_strategy"] = "random"  # the trainer makes the tokens, and with them the lengths, itself
    trainer = DPOTrainer(
        model=model,
        args=job.arguments(DPOConfig, rows=len(learnt), rate=LEARNING_RATE, tested=tested is not None, **own),
        train_dataset=learnt,
        eval_dataset=tested,
        processing_class=tokenizer,
        peft_config=adapter,
    )
    job.go(trainer, tokenizer)
