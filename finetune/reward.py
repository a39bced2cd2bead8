"""A reward model: it says how good an answer is, learnt from pairs of which one is better (Bradley–Terry, as in Ouyang
et al. 2022, arXiv:2203.02155, step 2). Its base is a GPT- or a BERT-style model with a head of one number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from assistant.catalogue import Family
from assistant.run_worker import Worker
from finetune import bases
from finetune.reward_model import encoded, rewards_of, sequence_classifier, standardise, write_length
from finetune.settings import Settings
from finetune.training import Job

LEARNING_RATE = 1e-4
"""Of an adapter."""
SCALED_BY = 200
"""Pairs by whose answers the scale of rewards is set, those first that were set apart."""


@dataclass(frozen=True, kw_only=True)
class RewardSettings(Settings):
    """What a reward model has besides."""

    tunings: ClassVar[tuple[str, ...]] = ("lora", "dora", "full")
    model: str = "all-minilm-l6-v2"
    max_length: int = 256
    """Tokens of question and answer; of a longer text the beginning is lost, since the answer is judged."""
    center_rewards_coefficient: float | None = 0.01
    """Holds rewards about zero (Eisenstein et al. 2023, arXiv:2312.09244)."""


def train(settings: RewardSettings, worker: Worker) -> None:
    """Do a run. Raises BadDataset, BadSettings, ModelNotAvailable, TrainingDiverged."""
    from datasets import Dataset
    from trl.trainer.reward_config import RewardConfig
    from trl.trainer.reward_trainer import RewardTrainer

    job = Job.begin(settings, worker, "reward", Family.DECODER, Family.ENCODER)
    model, tokenizer = sequence_classifier(job.entry, settings.seed)

    def pair(row: Mapping[str, Any]) -> dict[str, list[int]]:
        sides = {side: [*row["prompt"], *row[side]] for side in ("chosen", "rejected")}
        return {f"{side}_ids": encoded(turns, tokenizer, settings.max_length) for side, turns in sides.items()}

    learnt, tested = ([pair(row) for row in rows] for rows in (job.rows.train, job.rows.test))
    own = {
        "max_length": settings.max_length,
        "center_rewards_coefficient": settings.center_rewards_coefficient,
        "train_sampling_strategy": "random",  # rows have two lengths
    }
    trainer = RewardTrainer(
        model=model,
        args=job.arguments(RewardConfig, rows=len(learnt), rate=LEARNING_RATE, tested=bool(tested), **own),
        train_dataset=Dataset.from_list(learnt),
        eval_dataset=Dataset.from_list(tested) if tested else None,
        processing_class=tokenizer,
        peft_config=bases.adapter(settings, job.entry, "SEQ_CLS", model),
    )

    def settle() -> None:
        """Rewards on one scale: what `beta` prices is divergence in rewards, and a penalty is a number of them."""
        worker.tell(doing="setting the scale of its rewards")
        judge = trainer.accelerator.unwrap_model(trainer.model, keep_fp32_wrapper=False).eval()
        some = [row[side] for row in [*tested, *learnt][:SCALED_BY] for side in ("chosen_ids", "rejected_ids")]
        standardise(judge, rewards_of(some, judge, tokenizer.pad_token_id))
        write_length(worker.run.model, settings.max_length)

    job.go(trainer, tokenizer, settle=settle)
