"""Every method goes on after a pause as if there had been none: the same figures on a CPU, and the same weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from assistant.run import Run, State
from assistant.runs import Runs
from finetune.methods import create, method
from finetune.settings import settings_from
from tests.assistant.engines.test_encoder import make as make_encoder
from tests.finetune.doing import do, do_with_a_pause
from tests.finetune.test_classifier import ROWS as LABELLED
from tests.finetune.test_preferences import PAIRS, VERDICTS, done

STEPS, PAUSE = 7, 5
"""An epoch has three steps: the pause is in the middle of the second."""
QUICK: dict[str, Any] = {"max_steps": STEPS, "per_device_train_batch_size": 8, "logging_steps": 1, "max_length": 32}
QUICK |= {"lora_dropout": 0.1, "learning_rate": 5e-3, "bf16": False}
RLHF: dict[str, Any] = {"max_rows": 6, "max_completion_length": 6, "num_generations": 4, "beta": 0.1}
TIMES = ("time", "_per_second")
"""Figures that no two runs have alike."""


def new(name: str, kind: str, rows: list[dict[str, Any]], folder: Path, **given: Any) -> Run:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return create(Runs(), kind, settings_from(method(kind).settings_class(), {"data": str(path), **given}), title=name)


def figures(run: Run) -> list[dict[str, Any]]:
    """What was learnt by, and what was measured on the way."""
    lines = [{name: value for name, value in line.items() if not name.endswith(TIMES)} for line in run.metrics()]
    return sorted((line for line in lines if line["step"] <= STEPS), key=lambda line: (line["step"], "loss" in line))


SLOW = [pytest.param(kind, marks=pytest.mark.slow) for kind in ("kto", "reward", "classifier", "grpo")]


@pytest.mark.parametrize("kind", ["dpo", "rloo", *SLOW])
def test_a_pause_changes_no_figure(kind: str, tiny_decoder: Path, tmp_path: Path) -> None:
    rows, given = PAIRS, {**QUICK, "model": str(tiny_decoder)}
    name = "rlhf" if kind in ("rloo", "grpo") else kind
    if kind == "kto":
        rows = VERDICTS
    elif kind == "classifier":
        rows, given = LABELLED, {**QUICK, "model": str(make_encoder(tmp_path / "encoder", spread=0.1))}
    elif name == "rlhf":
        judge = done("reward", PAIRS, tmp_path, tiny_decoder)
        given |= {**RLHF, "algorithm": kind, "reward_models": [judge.id]}
    whole, paused = (new(title, name, rows, tmp_path, **given) for title in ("whole", "paused"))
    do(whole)
    do_with_a_pause(paused, PAUSE)
    for run in (whole, paused):
        assert run.status().state is State.FINISHED, f"{run.title}: {run.status()}\n{run.log()}"
    assert [line["step"] for line in figures(whole) if "loss" in line] == list(range(1, STEPS + 1))
    assert figures(paused) == figures(whole)
    for path in whole.model.glob("*.safetensors"):
        assert (paused.model / path.name).read_bytes() == path.read_bytes(), path.name
