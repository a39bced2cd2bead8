"""What a run will take, and what is offered where it does not fit."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from assistant.errors import DiskFull
from assistant.run import State
from assistant.run_worker import Worker
from assistant.runs import Runs
from finetune import preflight
from finetune.memory import watched
from finetune.methods import create
from finetune.preflight import smaller
from finetune.settings import settings_from
from finetune.sft import SFTSettings
from tests.finetune.doing import do


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    made = [{"prompt": f"what is {n}", "completion": "blue " * n} for n in range(1, 30)]
    path.write_text("".join(json.dumps(row) + "\n" for row in made), "utf-8")
    return path


def test_three_steps_are_measured_and_nothing_is_kept(tiny_decoder: Path, rows: Path) -> None:
    given = {"model": str(tiny_decoder), "data": str(rows), "dry_run": True, "per_device_train_batch_size": 2}
    run = create(Runs(), "sft", settings_from(SFTSettings, {**given, "max_steps": 500}))
    do(run)
    assert run.status().state is State.FINISHED, run.status()
    found = run.status().figures
    assert found["steps"] == 500 and 0 < found["seconds_per_step"] < 5
    assert found["eta_seconds"] == pytest.approx(500 * found["seconds_per_step"])
    assert found["peak_bytes"] > 1e8 and found["disk_bytes"] > 1e4 and found["tokens_per_second"] > 0
    assert not list(run.folder.glob("checkpoint-*")) and not run.model.exists()


def test_a_full_disk_is_told_before_it_starts(tiny_decoder: Path, rows: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage:
        free = 1000

    monkeypatch.setattr(preflight.shutil, "disk_usage", lambda _: Usage)
    run = create(Runs(), "sft", SFTSettings(model=str(tiny_decoder), data=str(rows)))
    do(run)
    assert run.status().state is State.FAILED
    assert "are free on the disk" in run.status().message and "finetuning_type=lora" in run.status().hint
    assert issubclass(DiskFull, Exception)


def test_what_cannot_fit_is_refused_with_what_would(
    tiny_decoder: Path, rows: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("finetune.training.has_bytes", lambda *_: 1000)
    run = create(Runs(), "sft", SFTSettings(model=str(tiny_decoder), data=str(rows), finetuning_type="full"))
    do(run)
    status = run.status()
    assert status.state is State.FAILED and not run.metrics()
    assert status.message.startswith("Gradients and moments") and "finetuning_type=lora" in status.hint


def test_a_run_ends_before_the_system_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    worker, left = Worker(Runs().create("sft", "a", "finetune", {}).folder), threading.Event()
    monkeypatch.setattr("assistant.hardware.memory", lambda: (100, 50))
    with watched(worker, "Try less.", leave=lambda _: left.set()):
        assert not left.wait(0.5)
        monkeypatch.setattr("assistant.hardware.memory", lambda: (100, 1))
        assert left.wait(20)
    status = worker.run.status()
    assert (status.state, status.hint) == (State.FAILED, "Try less.") and "memory" in status.message


@pytest.mark.parametrize(
    ("changes", "first", "absent"),
    [
        ({}, "per_device_train_batch_size=4 gradient_accumulation_steps=2", "finetuning_type=lora"),
        ({"per_device_train_batch_size": 1}, "gradient_checkpointing=true", "per_device"),
        ({"finetuning_type": "full", "per_device_train_batch_size": 1}, "gradient_checkpointing=true", "qlora"),
        (
            {
                "finetuning_type": "qlora",
                "per_device_train_batch_size": 1,
                "gradient_checkpointing": True,
                "max_length": 512,
            },
            "max_length=256",
            "qlora",
        ),
        (
            {
                "finetuning_type": "qlora",
                "per_device_train_batch_size": 1,
                "gradient_checkpointing": True,
                "max_length": 64,
            },
            "a smaller model",
            "Try",
        ),
    ],
)
def test_what_is_offered_where_memory_does_not_suffice(changes: dict[str, object], first: str, absent: str) -> None:
    offer = smaller(SFTSettings(data="x", **changes))  # pyright: ignore[reportArgumentType]
    assert first in offer.split(";")[0] and absent not in offer
