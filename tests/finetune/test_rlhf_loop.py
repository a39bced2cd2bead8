"""The loop from pairs to a comparison, on a tiny model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assistant.run import Run, State
from assistant.runs import Runs
from finetune.comparison import rise
from finetune.methods import create
from finetune.rlhf_loop import RLHFLoopSettings
from finetune.settings import settings_from
from tests.finetune.doing import do
from tests.finetune.test_preferences import PAIRS as SOME

PAIRS = [*SOME, *({**row, "prompt": f"{row['prompt']} and black"} for row in SOME[:15])]
SMALL = {"logging_steps": 1, "max_length": 64, "per_device_train_batch_size": 8}


def new(model: Path, folder: Path, **changes: Any) -> Run:
    path = folder / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in PAIRS), "utf-8")
    given = {
        "model": str(model),
        "data": str(path),
        "test_share": 0.2,
        "sft": {**SMALL, "max_steps": 20, "learning_rate": 1e-2},
        "reward": {**SMALL, "model": str(model), "max_steps": 20, "learning_rate": 1e-2},
        "rlhf": {**SMALL, "max_steps": 12, "learning_rate": 2e-2, "max_completion_length": 6},
    }
    return create(Runs(), "rlhf-loop", settings_from(RLHFLoopSettings, {**given, **changes}))


def test_from_pairs_to_a_comparison(tiny_decoder: Path, tmp_path: Path) -> None:
    run = new(tiny_decoder, tmp_path)
    do(run)
    status = run.status()
    assert status.state is State.FINISHED, f"{status}\n{[part.status() for part in Runs(run.folder / 'parts')]}"
    found = status.figures
    assert found["prompts"] == 8 and found["effect_low"] <= found["effect"] <= found["effect_high"]
    assert found["effect"] == pytest.approx(_effect(run, ""), abs=0.01)
    assert found["check_effect"] == pytest.approx(_effect(run, "check_"), abs=0.01)
    assert found["kl"] > 0
    assert (run.model / "adapter_model.safetensors").exists() and run.samples()
    assert list(dict.fromkeys(line["part"] for line in run.metrics())) == [
        "sft",
        "reward",
        "check",
        "rlhf",
    ]
    rows = {
        name: (run.folder / "data" / f"{name}.jsonl").read_text("utf-8").splitlines() for name in ("reward", "check")
    }
    assert set(rows["reward"]).isdisjoint(rows["check"]) and len(rows["reward"]) == len(rows["check"]) == 16


def test_a_pause_in_the_middle_is_gone_on_from(tiny_decoder: Path, tmp_path: Path) -> None:
    run = new(tiny_decoder, tmp_path)
    (run.folder / "request").write_text("pause")
    do(run)
    assert run.status().state is State.PAUSED
    assert [line["step"] for line in run.metrics() if "loss" in line] == [1]
    (run.folder / "request").unlink()
    do(run)
    assert run.status().state is State.FINISHED, run.status()
    steps = [line["step"] for line in run.metrics() if line["part"] == "sft" and "loss" in line]
    assert steps == list(range(1, 21))


def test_a_part_that_fails_is_named(tiny_decoder: Path, tmp_path: Path) -> None:
    run = new(tiny_decoder, tmp_path, reward={**SMALL, "model": str(tiny_decoder), "trainer": {"no_such": 1}})
    do(run)
    assert run.status().state is State.FAILED
    assert run.status().message.startswith("reward: RewardConfig has no field 'no_such'")


def test_the_rise_is_that_of_the_formula() -> None:
    before = np.random.default_rng(0).normal(0, 2, 4000)
    after = before + np.random.default_rng(1).normal(1, 1, 4000)
    effect, low, high = rise(before.tolist(), after.tolist())
    assert effect == pytest.approx(0.5, abs=0.03)
    spread = 1.96 * np.std(after - before) / np.sqrt(4000) / np.std(before)
    assert (low, high) == pytest.approx((effect - spread, effect + spread), abs=0.003)


def _effect(run: Run, prefix: str) -> float:
    lines = [json.loads(line) for line in (run.folder / "comparison.jsonl").read_text("utf-8").splitlines()]
    before, after = (np.array([line[f"{prefix}reward_{name}"] for line in lines]) for name in ("before", "after"))
    return float((after - before).mean() / before.std(ddof=1))
