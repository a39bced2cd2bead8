"""A run's own process: `python -m eval RUN_FOLDER`."""

from __future__ import annotations

import logging
import os
import sys
from functools import partial
from pathlib import Path

from assistant.run_worker import Worker
from eval import turns


def main() -> None:
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(asctime)s %(name)s: %(message)s")
    worker = Worker(Path(sys.argv[1]))
    worker.work(partial(measure, worker))


def measure(worker: Worker) -> None:
    """Do the run when it is its turn. Raises what runner.run_suite does."""
    if turns.wait(worker):
        from eval.runner import Evaluation, run_suite  # now: what only waits should weigh little

        run_suite(Evaluation(**worker.run.settings), worker)


if __name__ == "__main__":
    main()
