"""A run's program for tests: counts to its settings' `steps`, and does what they say on the way."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from assistant.errors import TrainingDiverged
from assistant.run import State
from assistant.run_worker import Worker


def count(worker: Worker) -> None:
    settings = worker.run.settings
    begun = worker.step
    worker.forget_after(begun)
    for step in range(begun + 1, settings["steps"] + 1):
        if settings.get("dies_at") == step:
            os.kill(os.getpid(), signal.SIGKILL)
        if settings.get("fails_at") == step:
            raise TrainingDiverged("The loss is infinite.", hint="Go slower.")
        if settings.get("breaks_at") == step:
            raise ZeroDivisionError("a bug")
        worker.record(step, loss=1 / step)
        worker.tell(step=step, steps=settings["steps"])
        if asked := worker.asked():
            worker.end(State.PAUSED if asked == "pause" else State.STOPPED)
            return
        time.sleep(settings.get("seconds", 0))
    worker.end(State.FINISHED, figures={"sum": 1.0})


if __name__ == "__main__":
    print("counting")
    worker = Worker(Path(sys.argv[1]))
    worker.work(lambda: count(worker))
