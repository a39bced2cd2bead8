"""A run done in this process: its libraries are loaded once for many tests."""

from __future__ import annotations

from assistant.run import Run
from assistant.run_worker import Worker
from finetune.methods import method
from finetune.settings import settings_from


def do(run: Run) -> Run:
    """The same run, as far as it came."""
    worker, kind = Worker(run.folder), method(run.kind)
    worker.work(lambda: kind.trainer()(settings_from(kind.settings_class(), run.settings), worker))
    return run
