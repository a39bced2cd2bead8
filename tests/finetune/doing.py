"""A run done in this process: its libraries are loaded once for many tests."""

from __future__ import annotations

import pytest

from assistant.run import Run, State
from assistant.run_worker import Worker
from finetune.methods import method
from finetune.settings import settings_from


def do(run: Run) -> Run:
    """The same run, as far as it came."""
    worker, kind = Worker(run.folder), method(run.kind)
    worker.work(lambda: kind.trainer()(settings_from(kind.settings_class(), run.settings), worker))
    return run


def do_with_a_pause(run: Run, after: int) -> Run:
    """The same run, paused after a step and gone on with."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Worker, "asked", lambda worker: "pause" if worker.step == after else "")
        do(run)
    assert (run.status().state, run.status().step) == (State.PAUSED, after), run.status()
    return do(run)
