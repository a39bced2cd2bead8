"""A training that ends in an evaluation."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from assistant.errors import UnknownTask
from assistant.run import State
from assistant.runs import Runs
from finetune.settings import settings_from
from finetune.sft import SFTSettings
from ui.training import create

pytestmark = pytest.mark.skipif(find_spec("lm_eval") is None, reason="lm-eval is not installed: the eval extra")


def settings(model: Path, folder: Path, **more: object) -> SFTSettings:
    rows = folder / "rows.jsonl"
    words = ("blue", "red", "green", "white", "black")
    asked = [{"prompt": f"what is {word}", "completion": f"{word} it is"} for word in words]
    rows.write_text("".join(json.dumps(row) + "\n" for row in asked * 2), "utf-8")
    given = {"model": str(model), "data": str(rows), "max_steps": 2, "max_length": 64, "evaluate": "mini", **more}
    return settings_from(SFTSettings, given)


def test_base_and_result_are_measured_and_the_card_says_so(tiny_decoder: Path, tmp_path: Path) -> None:
    runs = Runs()
    run = create(runs, "sft", settings(tiny_decoder, tmp_path))
    assert run.program == "ui.training"
    subprocess.run([sys.executable, "-P", "-m", run.program, str(run.folder)], check=True, timeout=200)
    status = run.status()
    assert status.state is State.FINISHED, status.message
    assert len(status.figures) == 8 and "mini arithmetic" in status.figures
    assert [line.partition(":")[0] for line in run.report()["evaluation"]][:2] == ["knowledge and sense", "grammar"]
    card = ModelCard.load(run.model / "README.md")
    named = {result.dataset_name: result.metric_value for result in card.data.eval_results or []}
    assert named["mini grammar"] == round(status.figures["mini grammar"], 4)
    assert "## Measured on Mini, before and after" in card.text and "## Settings" in card.text
    assert len(list(Runs(run.folder / "evaluations"))) == 2
    gate = run.report()["evaluation"][-1]
    assert gate.startswith(("Gate: passed, nothing is worse", "Gate: failed, mini_")) and gate in card.text


def test_a_suite_that_is_not_there_is_said_before_it_begins(tiny_decoder: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownTask, match="no suite 'maxi'"):
        create(Runs(), "sft", settings(tiny_decoder, tmp_path, evaluate="maxi"))


def test_what_cannot_be_measured_is_said_and_the_run_is_done(tiny_decoder: Path, tmp_path: Path) -> None:
    run = create(Runs(), "sft", settings(tiny_decoder, tmp_path, evaluate="hellaswag"))
    subprocess.run([sys.executable, "-P", "-m", run.program, str(run.folder)], check=True, timeout=200)
    status = run.status()
    assert status.state is State.FINISHED
    assert "It was not measured: The rows of hellaswag are on the Hub" in status.message
    assert (run.model / "adapter_config.json").is_file()
