"""Reinforcement learning from a reward model: a decoder tries several answers and learns from those that are rewarded
more than their siblings, held to the model that it begins from. RLOO (Ahmadian et al. 2024, arXiv:2402.14740) or GRPO
(Shao et al. 2024, arXiv:2402.03300); TRL has no PPO any more.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from assistant.catalogue import Family
from assistant.errors import BadDataset
from assistant.run_worker import Worker
from finetune.card import last_evaluation, last_steps
from finetune.hacking import Alarm
from finetune.rewards import rewards
from finetune.settings import Settings
from finetune.training import Job
from finetune.turns import prompts, too_long

LEARNING_RATE = 2e-4
"""Of an adapter: at the 1e-5 that the papers take for large models a small one hardly moves (docs/experiments.md)."""
FIGURES = ("reward", "kl", "length", "entropy")
"""Of the last steps, that stand in the card."""


@dataclass(frozen=True, kw_only=True)
class RLHFSettings(Settings):
    """What reinforcement learning has besides."""

    num_train_epochs: float = 1.0
    logging_steps: int = 1
    """A step takes seconds, and the alarm (hacking.py) looks at figures: it hears no trick before there are eight."""
    algorithm: Literal["rloo", "grpo"] = "rloo"
    reward_models: list[str] = field(default_factory=list[str])
    """Runs of `reward`, or folders of such models; their rewards are added."""
    reward_weights: list[float] | None = None
    """Of each reward model; None: 1 each."""
    check_models: list[str] = field(default_factory=list[str])
    """Reward models that nothing is learnt from: where the first of them falls while the reward rises, the run ends
    (hacking.py)."""
    length_penalty: float = 0.0
    """For each token beyond length_wanted, of rewards whose deviation is 1."""
    length_wanted: int = 64
    repetition_penalty: float = 0.0
    """For an answer that repeats itself throughout; in part for one that does in part."""
    beta: float = 0.2
    """What a nat of divergence (KL) from the model that it begins from costs, of rewards whose deviation is 1."""
    num_generations: int = 4
    """Answers to each prompt."""
    max_completion_length: int = 64
    """Tokens of an answer."""
    max_prompt_length: int = 192
    """Tokens of a prompt; rows with longer ones are left out."""
    temperature: float = 1.0

    def problems(self) -> list[str]:
        found = super().problems()
        if not (self.reward_models or self.length_penalty or self.repetition_penalty):
            found.append("reward_models names no run of `reward`")
        if self.reward_weights is not None and len(self.reward_weights) != len(self.reward_models):
            found.append("reward_weights needs one weight for each of reward_models")
        if self.num_generations < 2:
            found.append("num_generations must be 2 or more: answers are compared with each other")
        elif self.per_device_train_batch_size * self.gradient_accumulation_steps % self.num_generations:
            found.append(
                "per_device_train_batch_size × gradient_accumulation_steps must be a multiple of num_generations"
            )
        return found


def train(settings: RLHFSettings, worker: Worker) -> None:
    """Do a run. Raises BadDataset, BadSettings, ModelNotAvailable, TrainingDiverged."""
    from datasets import Dataset

    job = Job.begin(settings, worker, "rlhf", Family.DECODER)
    model, tokenizer, adapter = job.decoder()
    tokenizer.padding_side = "left"
    functions, weights = rewards(settings, worker)
    learnt, left = prompts(job.rows.train, tokenizer, settings.max_prompt_length)
    tested, _ = prompts(job.rows.test, tokenizer, settings.max_prompt_length)
    if not learnt:
        raise BadDataset(
            f"Every question is longer than max_prompt_length, {settings.max_prompt_length} tokens: none is left.",
            hint=f"The shortest has {min(left)} tokens: raise max_prompt_length.",
        )
    trainer_class, config_class = _classes(settings.algorithm)
    own = {
        "beta": settings.beta,
        "num_generations": settings.num_generations,
        "max_completion_length": settings.max_completion_length,
        "temperature": settings.temperature,
        "reward_weights": weights,
        "train_sampling_strategy": "random",
        "gradient_checkpointing": settings.gradient_checkpointing,
    }
    trainer = trainer_class(
        model=model,
        reward_funcs=functions,
        args=job.arguments(
            config_class,
            rows=len(learnt) * settings.num_generations,
            rate=LEARNING_RATE,
            tested=bool(settings.eval_steps and tested),
            **own,
        ),
        train_dataset=Dataset.from_list(learnt),
        eval_dataset=Dataset.from_list(tested) if tested else None,
        processing_class=tokenizer,
        peft_config=adapter,
    )
    alarm = Alarm(worker) if settings.check_models else None
    if alarm is not None:
        trainer.add_callback(alarm)

    def settle() -> str:
        told = alarm.settle(trainer.accelerator.unwrap_model(trainer.model)) if alarm is not None else ""
        return " ".join(filter(None, (told, too_long(len(left), len(learnt), settings.max_prompt_length))))

    def figures() -> dict[str, float]:
        """Of rows that were set apart where there was an evaluation; of the last steps of what came out in any case."""
        return last_evaluation(worker.run) | last_steps(worker.run, FIGURES, alarm.kept if alarm is not None else None)

    job.go(trainer, tokenizer, figures, settle=settle)


def _classes(algorithm: str) -> tuple[Any, Any]:
    """(trainer, configuration), the trainer with prompts that are read once."""
    if algorithm == "grpo":
        from trl.trainer.grpo_config import GRPOConfig as Config
        from trl.trainer.grpo_trainer import GRPOTrainer as Trainer
    else:
        from trl.trainer.rloo_config import RLOOConfig as Config
        from trl.trainer.rloo_trainer import RLOOTrainer as Trainer
    from finetune.prompts_once import PromptsOnce

    return type(f"PromptsOnce{Trainer.__name__}", (PromptsOnce, Trainer), {}), Config
