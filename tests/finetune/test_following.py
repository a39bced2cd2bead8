"""What a trainer says becomes a run's figures."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from assistant.run_worker import Worker
from assistant.runs import Runs
from finetune.following import Following


def recorded(**logs: float) -> dict[str, Any]:
    """The line of metrics that a trainer's figures become."""
    worker = Worker(Runs().create("rlhf", "a", "finetune", {}).folder)
    state = SimpleNamespace(is_world_process_zero=True, global_step=1, max_steps=2)
    Following(worker).on_log(None, state, None, logs=logs)
    return worker.run.metrics()[-1]


def test_the_divergence_is_that_of_whole_answers(tmp_path: Path) -> None:
    """The trainers log a token's mean; what they penalise, and what a run shows, is an answer's sum."""
    line = recorded(**{"kl": 0.05, "completions/mean_length": 40.0, "reward": 1.0})
    assert line["kl"] == pytest.approx(2.0) and (line["length"], line["reward"]) == (40.0, 1.0)
    assert recorded(**{"eval_kl": 0.1, "eval_completions/mean_length": 10.0})["eval_kl"] == pytest.approx(1.0)
    assert recorded(kl=0.3)["kl"] == 0.3  # KTO's own, which is of whole answers already


def test_names_are_ours_and_what_is_no_number_is_left_out() -> None:
    line = recorded(loss=1.0, grad_norm=0.5, epoch=1.0, entropy=float("nan"))
    assert line["gradient_norm"] == 0.5 and not {"epoch", "entropy", "grad_norm"} & line.keys()


def test_every_step_is_told_not_only_those_that_have_figures() -> None:
    worker = Worker(Runs().create("sft", "a", "finetune", {}).folder)
    following = Following(worker)
    for step in (5, 6, 7, 8):
        state, control = SimpleNamespace(global_step=step, max_steps=8), SimpleNamespace()
        following.on_step_end(None, state, control)
        assert (worker.run.status().step, worker.run.status().steps) == (step, 8)
