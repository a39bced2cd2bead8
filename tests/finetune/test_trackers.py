"""What other programs hear of a run, where they are installed (`report_to`)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from assistant.run import Run, State
from assistant.runs import Runs
from finetune.methods import create
from finetune.settings import settings_from
from finetune.sft import SFTSettings
from tests.finetune.doing import do


def told(tracker: str, model: Path, folder: Path, **trainer: Any) -> Run:
    rows = folder / "rows.jsonl"
    rows.write_text("".join(json.dumps({"prompt": f"what is {n}", "completion": "so"}) + "\n" for n in range(8)))
    given = {"model": str(model), "data": str(rows), "max_steps": 3, "logging_steps": 1, "report_to": [tracker]}
    run = do(create(Runs(), "sft", settings_from(SFTSettings, {**given, "trainer": trainer})))
    assert run.status().state is State.FINISHED, run.status()
    return run


def losses(run: Run) -> list[float]:
    return [line["loss"] for line in run.metrics() if "loss" in line]


def test_tensorboard_reads_what_is_in_the_run_s_folder(tiny_decoder: Path, tmp_path: Path) -> None:
    reader = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason="tensorboard is not installed"
    )
    run = told("tensorboard", tiny_decoder, tmp_path)
    (folder,) = {path.parent for path in run.folder.glob("runs/*/events.out.tfevents.*")}
    events = reader.EventAccumulator(str(folder)).Reload()
    assert [event.value for event in events.Scalars("train/loss")] == pytest.approx(losses(run), rel=1e-5)


def test_trackio_keeps_it_on_this_machine(tiny_decoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    pytest.importorskip("trackio", reason="trackio is not installed")
    told("trackio", tiny_decoder, tmp_path, project="captain")
    assert [path.name for path in (tmp_path / "trackio").glob("captain*.db")]
