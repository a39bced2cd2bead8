"""Four bits on a CPU: `make test-slow` installs what it needs."""

from __future__ import annotations

import json
import re
from pathlib import Path
from statistics import fmean

import pytest

from assistant.run import State
from assistant.runs import Runs
from finetune.methods import create
from finetune.settings import settings_from
from finetune.sft import SFTSettings
from tests.finetune.doing import do


@pytest.mark.slow
@pytest.mark.model
@pytest.mark.timeout(900)
def test_an_adapter_on_four_bits_learns(tmp_path: Path) -> None:
    pytest.importorskip("bitsandbytes", reason="the extra gpu is not installed")
    rows = tmp_path / "rows.jsonl"
    some = [{"prompt": f"What is {n} plus {n}?", "completion": f"Aye, captain, it is {2 * n}!"} for n in range(40)]
    rows.write_text("".join(json.dumps(row) + "\n" for row in some))
    given = {"data": str(rows), "finetuning_type": "qlora", "max_steps": 12, "logging_steps": 1, "learning_rate": 1e-3}
    run = do(create(Runs(), "sft", settings_from(SFTSettings, {**given, "per_device_train_batch_size": 4})))
    assert run.status().state is State.FINISHED, run.status()
    losses = [line["loss"] for line in run.metrics() if "loss" in line]
    assert fmean(losses[-3:]) < 0.7 * fmean(losses[:3])


def test_the_slow_tests_install_the_extra() -> None:
    recipe = (
        (Path(__file__).parents[2] / "Makefile").read_text("utf-8").partition("\ntest-slow:")[2].partition("\n\n")[0]
    )
    (extras,) = re.findall(r"PARLEY_EXTRAS=(\S+) scripts/setup", recipe)
    assert "gpu" in extras.split(",")
