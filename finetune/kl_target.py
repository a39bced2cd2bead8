"""How far a policy goes from where it began, held to what is wanted: the price of divergence rises where answers are
further away, and falls where they are nearer (Ziegler et al. 2019, arXiv:1909.08593, section 2.2).

One fixed beta means another distance with every judge, seed and arithmetic: decision 017.
"""

from __future__ import annotations

from typing import Any

from transformers import TrainerCallback

from assistant.run_worker import Worker

MOST_ERROR = 0.2
"""As a share of the target, that counts; the paper's."""
GAIN = 0.5
"""Of the error: beta changes by a tenth a step at the most. The paper has 0.1, for thousands of steps."""
RAMP = 0.5
"""Of the run, in which what is wanted rises from 0 to the target."""


def wanted(target: float, step: int, steps: int) -> float:
    """Nats of a whole answer that a policy should be away after so many steps."""
    return target * min(1.0, step / max(1.0, RAMP * steps))


def next_beta(beta: float, kl: float, aim: float) -> float:
    """kl, aim: in nats, aim above 0."""
    error = min(MOST_ERROR, max(-MOST_ERROR, kl / aim - 1))
    return beta * (1 + GAIN * error)


class KLTarget(TrainerCallback):
    """Changes the beta of TRL's RLOO or GRPO trainer as figures come, and puts it among them."""

    def __init__(self, trainer: Any, target: float, worker: Worker) -> None:
        """trainer: has `beta`, above 0. target: nats of a whole answer."""
        self._trainer, self._target, self._worker = trainer, target, worker

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """A run that is gone on with goes on with the price that it had."""
        had = [line["beta"] for line in self._worker.run.metrics() if "beta" in line]
        if state.global_step and had:
            self._trainer.beta = had[-1]

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        if not logs or "kl" not in logs:
            return
        kl = logs["kl"] * logs["completions/mean_length"]  # the trainers log a token's mean
        self._trainer.beta = next_beta(self._trainer.beta, kl, wanted(self._target, state.global_step, state.max_steps))
        logs["beta"] = self._trainer.beta
