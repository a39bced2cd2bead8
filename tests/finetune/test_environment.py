"""What a run says of how it was done, and that it is not gone on with on other data."""

from __future__ import annotations

import hashlib
import json
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from assistant.errors import BadDataset
from assistant.run import State
from assistant.run_worker import Worker
from assistant.runs import Runs
from finetune import __main__ as program
from finetune import environment
from finetune.following import WHOLE
from finetune.methods import create
from finetune.settings import Settings, settings_from
from finetune.sft import SFTSettings


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def noted(worker: Worker) -> dict[str, str]:
    return json.loads((worker.run.folder / "environment.json").read_text("utf-8"))["data_sha256"]


def test_data_and_versions_are_noted_until_something_is_learnt(tmp_path: Path) -> None:
    data = tmp_path / "rows.jsonl"
    data.write_text('{"prompt": "a", "completion": "b"}\n')
    worker = Worker(Runs().create("sft", "a", "finetune", {}).folder)
    environment.note(worker, Settings(data=str(data)))
    found = json.loads((worker.run.folder / "environment.json").read_text("utf-8"))
    assert found["data_sha256"] == {"rows.jsonl": digest(data)}
    assert found["packages"]["torch"] == version("torch") and found["cores"] >= 1
    data.write_text("mended, since it could not be read\n")
    environment.note(worker, Settings(data=str(data)))
    assert noted(worker) == {"rows.jsonl": digest(data)}


@pytest.mark.parametrize("inside", ["checkpoint-5", "parts/20260101-sft/checkpoint-5"])
@pytest.mark.parametrize("field", ["data", "test"])
def test_what_was_learnt_from_may_not_change(tmp_path: Path, inside: str, field: str) -> None:
    for name in ("data", "test"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "rows.jsonl").write_text(f"{name}\n")
    settings = Settings(data=str(tmp_path / "data" / "rows.jsonl"), test=str(tmp_path / "test" / "rows.jsonl"))
    worker = Worker(Runs().create("sft", "a", "finetune", {}).folder)
    environment.note(worker, settings)
    before = noted(worker)
    assert len(before) == 2, "of two files with one name"
    (worker.run.folder / inside).mkdir(parents=True)
    (tmp_path / field / "rows.jsonl").write_text("changed\n")
    environment.note(worker, settings)  # a checkpoint that is half is nothing to go on from
    assert noted(worker) != before
    (worker.run.folder / inside / WHOLE).touch()
    (tmp_path / field / "rows.jsonl").write_text("changed again\n")
    with pytest.raises(BadDataset, match=r"has changed since it began: rows\.jsonl.* \(sha256 .* then, .* now\)"):
        environment.note(worker, settings)


def test_a_run_is_not_gone_on_with_on_other_rows(
    tiny_decoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "rows.jsonl"
    rows = "".join(json.dumps({"prompt": f"what is {n}", "completion": f"it is {n}"}) + "\n" for n in range(8))
    data.write_text(rows)
    given = {"model": str(tiny_decoder), "data": str(data), "max_steps": 4, "per_device_train_batch_size": 2}
    run = create(Runs(), "sft", settings_from(SFTSettings, given))
    monkeypatch.setattr(sys, "argv", ["finetune", str(run.folder)])
    (run.folder / "request").write_text("pause")
    program.main()
    assert run.status().state is State.PAUSED, run.status()
    (run.folder / "request").unlink()
    data.write_text(rows.replace("it is 3", "it is 4"))
    program.main()
    status = run.status()
    assert status.state is State.FAILED and "rows.jsonl" in status.message and "new run" in status.hint
    data.write_text(rows)
    program.main()
    assert run.status().state is State.FINISHED, run.status()
