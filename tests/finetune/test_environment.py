"""What a run says of how it was done."""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import version
from pathlib import Path

from assistant.run_worker import Worker
from assistant.runs import Runs
from finetune import environment
from finetune.settings import Settings


def test_data_and_versions_are_noted_at_the_first_start_alone(tmp_path: Path) -> None:
    data = tmp_path / "rows.jsonl"
    data.write_text('{"prompt": "a", "completion": "b"}\n')
    worker = Worker(Runs().create("sft", "a", "finetune", {}).folder)
    environment.note(worker, Settings(data=str(data)))
    before = hashlib.sha256(data.read_bytes()).hexdigest()
    data.write_text("changed since\n")
    environment.note(worker, Settings(data=str(data)))
    found = json.loads((worker.run.folder / "environment.json").read_text("utf-8"))
    assert found["data_sha256"] == {"rows.jsonl": before}
    assert found["packages"]["torch"] == version("torch") and found["cores"] >= 1
