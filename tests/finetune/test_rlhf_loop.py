"""The loop from pairs to a comparison, on a tiny model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assistant.errors import UnknownModel
from assistant.models import Models
from assistant.run import Run, State
from assistant.run_worker import Worker
from assistant.runs import Runs
from finetune.comparison import rise
from finetune.loop_parts import Part
from finetune.methods import create
from finetune.rlhf_loop import RLHFLoopSettings
from finetune.settings import settings_from
from tests.finetune.doing import do
from tests.finetune.test_preferences import PAIRS as SOME
from ui.outcomes import lasting

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


@pytest.mark.parametrize(
    ("name", "furthest", "told"),
    [
        pytest.param("sft", "sft", "in its first part", marks=pytest.mark.slow),
        ("check", "sft", "before it learnt"),
        pytest.param("rlhf", "rlhf", "not compared", marks=pytest.mark.slow),
    ],
)
def test_a_stop_leaves_the_model_of_the_furthest_part(
    tiny_decoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, furthest: str, told: str
) -> None:
    run = new(tiny_decoder, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(Part, "asked", lambda self: "stop" if self._name == name else "")
        do(run)
    status = run.status()
    assert status.state is State.STOPPED and told in status.message, status
    part = next(each for each in Runs(run.folder / "parts") if each.title == furthest)
    weights = "adapter_model.safetensors"
    assert (run.model / weights).read_bytes() == (part.model / weights).read_bytes()
    assert Models().find(run.id).base == str(tiny_decoder) and (run.model / "README.md").is_file()
    do(run)
    assert run.status().state is State.FINISHED, run.status()


def test_a_dry_run_measures_every_part(tiny_decoder: Path, tmp_path: Path) -> None:
    run = new(tiny_decoder, tmp_path, dry_run=True)
    do(run)
    assert run.status().state is State.FINISHED, run.status()
    found = run.status().figures
    assert found["steps"] == 20 + 2 * 20 + 12
    each = {name: found[f"{name}_seconds"] for name in ("sft", "reward", "rlhf", "comparison")}
    assert min(each.values()) > 0 and found["eta_seconds"] == pytest.approx(sum(each.values()))
    parts = {part.title: part.status().figures for part in Runs(run.folder / "parts")}
    assert parts.keys() == {"sft", "reward", "rlhf"}
    assert each["reward"] == pytest.approx(2 * parts["reward"]["eta_seconds"])
    assert found["peak_bytes"] == max(part["peak_bytes"] for part in parts.values())
    assert "whose settings begin with `" in run.status().hint and "gradient_checkpointing=true" in run.status().hint
    assert not run.model.exists() and not list(run.folder.rglob("checkpoint-*"))
    assert len(lasting(found)) == 4


def test_what_a_part_cannot_begin_from_is_said_before_the_loop_begins(tiny_decoder: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownModel, match="nobody-knows"):
        new(tiny_decoder, tmp_path, reward={"model": "nobody-knows"})
    assert list(Runs()) == []


def test_a_part_that_memory_does_not_hold_ends_the_loop_with_its_word(tmp_path: Path) -> None:
    """The process has no time for more."""
    loop = Worker(Runs().create("rlhf-loop", "a", "finetune", {}).folder)
    part = Part(Runs(loop.run.folder / "parts").create("reward", "check", "finetune", {}).folder, loop, "check")
    part.end(State.FAILED, message="The memory does not hold this run.", hint="Try max_length=128.")
    assert loop.run.status().message == "check: The memory does not hold this run."
    assert loop.run.status().hint == "Try max_length=128. Settings of this part begin with `reward.`"


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
