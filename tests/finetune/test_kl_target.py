"""The price of divergence follows how far a policy is from where it began."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from assistant.run_worker import Worker
from assistant.runs import Runs
from finetune.kl_target import KLTarget, next_beta, wanted
from finetune.rlhf import RLHFSettings
from finetune.rlhf_loop import RLHFLoopSettings
from tests.finetune.test_preferences import PAIRS, done, judge  # noqa: F401 - a fixture


def test_it_is_dearer_further_away_and_cheaper_nearer() -> None:
    assert next_beta(0.2, kl=4.0, aim=4.0) == 0.2
    assert next_beta(0.2, kl=4.4, aim=4.0) == pytest.approx(0.2 * 1.05)
    assert next_beta(0.2, kl=400.0, aim=4.0) == pytest.approx(0.2 * 1.1)
    assert next_beta(0.2, kl=-1.0, aim=4.0) == pytest.approx(0.2 * 0.9)  # an estimate can be below nought


def test_what_is_wanted_rises_through_half_of_the_run() -> None:
    assert [wanted(4.0, step, 60) for step in (15, 30, 60)] == [2.0, 4.0, 4.0]
    assert wanted(4.0, 1, 1) == 4.0


@pytest.mark.parametrize("speed", [0.25, 1.0, 3.0])
def test_policies_that_move_at_unlike_speed_end_at_one_distance(speed: float) -> None:
    """Made policies: each step goes towards the distance at which a nat's price is what the reward still gives."""
    kl, beta = 0.0, 0.2
    for step in range(1, 61):
        kl += 0.15 * (speed * 0.4 / beta - kl)
        beta = next_beta(beta, kl, wanted(4.0, step, 60))
    assert 3.0 < kl < 5.5


def test_a_run_that_is_gone_on_with_has_the_price_that_it_had() -> None:
    worker = Worker(Runs().create("rlhf", "a", "finetune", {}).folder)
    worker.record(1, reward=1.0, beta=0.19)
    worker.record(2, reward=1.0, beta=0.17)
    trainer = SimpleNamespace(beta=0.2)
    target = KLTarget(trainer, 4.0, worker)
    target.on_train_begin(None, SimpleNamespace(global_step=0), None)
    assert trainer.beta == 0.2
    target.on_train_begin(None, SimpleNamespace(global_step=2), None)
    assert trainer.beta == 0.17


@pytest.mark.parametrize("algorithm", ["rloo", "grpo"])
def test_the_price_stands_among_the_figures(
    tiny_decoder: Path,
    judge: Path,  # noqa: F811
    tmp_path: Path,
    algorithm: str,
) -> None:
    given: dict[str, Any] = {"max_completion_length": 6, "per_device_train_batch_size": 8, "max_steps": 4}
    given |= {"reward_models": [str(judge)], "algorithm": algorithm, "kl_target": 2.0, "learning_rate": 1e-6}
    run = done("rlhf", PAIRS, tmp_path, tiny_decoder, **given)
    prices = [line["beta"] for line in run.metrics() if "beta" in line]
    assert prices == pytest.approx([0.2 * 0.9**step for step in (1, 2, 3, 4)])  # it hardly moves: cheaper


def test_a_target_without_a_price_is_refused() -> None:
    given = {"data": "x", "reward_models": ["y"]}
    assert "kl_target" in " ".join(RLHFSettings(**given, beta=0.0, kl_target=4.0).problems())
    assert "kl_target" in " ".join(RLHFSettings(**given, kl_target=0.0).problems())
    assert not RLHFSettings(**given, kl_target=4.0).problems()
    assert RLHFLoopSettings(data="x").of("rlhf")["kl_target"] == 4.0
