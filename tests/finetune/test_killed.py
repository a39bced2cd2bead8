"""Killed ten times, between steps and within checkpoints, a run comes to the same end as one that was not."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest

from assistant.run import Run, State, read_run
from assistant.runs import Runs
from finetune.following import WHOLE, last_checkpoint
from finetune.methods import create, method
from finetune.settings import settings_from
from tests.finetune.doing import do

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["trl.trainer.sft_trainer", "peft", "finetune.sft", "transformers.models.llama"])
STEPS = 24
PATIENCE = 120.0


def work(folder: str, home: str) -> None:
    """A run's own process, which has imported its libraries already."""
    os.environ["PARLEY_HOME"] = home
    do(read_run(Path(folder)))


def begin(run: Run, home: Path) -> BaseProcess:
    process = SERVER.Process(target=work, args=(str(run.folder), str(home)))
    process.start()
    return process


def until(happened: Callable[[], bool], process: BaseProcess) -> None:
    end = time.monotonic() + PATIENCE
    while not happened() and process.is_alive() and time.monotonic() < end:
        time.sleep(0.0005)


def half(run: Run) -> bool:
    """Whether a checkpoint is being written."""
    return any(not (path / WHOLE).exists() for path in run.folder.glob("checkpoint-*"))


@pytest.mark.slow
def test_ten_kills_change_nothing(tiny_decoder: Path, tmp_path: Path, parley_home: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    some = [{"prompt": f"what colour is {n}", "completion": f"it is {'so ' * (n % 7)}red"} for n in range(32)]
    rows.write_text("".join(json.dumps(row) + "\n" for row in some))
    given: dict[str, Any] = {"model": str(tiny_decoder), "data": str(rows), "max_steps": STEPS, "logging_steps": 1}
    given |= {"per_device_train_batch_size": 4, "save_steps": 1, "lora_dropout": 0.1, "finetuning_type": "full"}
    whole, killed = (
        create(Runs(), "sft", settings_from(method("sft").settings_class(), given), title=name)
        for name in ("whole", "killed")
    )
    process = begin(whole, parley_home)
    process.join(PATIENCE)
    assert whole.status().state is State.FINISHED, whole.status()
    halves = 0
    for kill in range(10):
        process = begin(killed, parley_home)
        from_step = 2 * (kill + 1)
        until(lambda step=from_step: killed.status().step >= step, process)
        if kill % 2:
            until(lambda: half(killed), process)
        assert process.is_alive(), (kill, killed.status())
        os.kill(process.pid or 0, signal.SIGKILL)
        process.join(PATIENCE)
        halves += half(killed)
        assert killed.status().state is State.INTERRUPTED
        assert json.loads((killed.folder / "run.json").read_text())["kind"] == "sft"
        if (last := last_checkpoint(killed.folder)) is not None:
            assert (last / WHOLE).exists() and (last / "trainer_state.json").exists()
    assert halves >= 3, "none was killed in the middle of a checkpoint"
    begin(killed, parley_home).join(PATIENCE)
    assert killed.status().state is State.FINISHED, killed.status()
    kept = [[line for line in run.metrics() if "loss" in line] for run in (whole, killed)]
    assert [line["step"] for line in kept[1]] == list(range(1, STEPS + 1))
    assert [line["loss"] for line in kept[1]] == [line["loss"] for line in kept[0]]
    assert (killed.model / "model.safetensors").read_bytes() == (whole.model / "model.safetensors").read_bytes()
