"""A run's own process: `python -m finetune RUN_FOLDER`."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

from assistant.run import State
from assistant.run_worker import Onlooker, Worker
from finetune import environment
from finetune.launching import world
from finetune.methods import method
from finetune.settings import settings_from


def main() -> None:
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    rank, processes = world()
    worker = Onlooker(Path(sys.argv[1])) if rank else Worker(Path(sys.argv[1]))
    worker.work(lambda: _train(worker))
    if processes > 1 and worker.run.status().state is State.FAILED:
        sys.exit(1)  # the others would wait for it


def _train(worker: Worker) -> None:
    chosen = method(worker.run.kind)
    settings = settings_from(chosen.settings_class(), worker.run.settings)
    if not world()[0]:
        environment.note(worker, settings)
    _without_bars()
    chosen.trainer()(settings, worker)


def _without_bars() -> None:
    """The log is for people to read; progress is in the run's own figures."""
    import datasets
    from transformers.utils import logging as transformers_logging

    datasets.disable_progress_bars()
    transformers_logging.disable_progress_bar()


if __name__ == "__main__":
    main()
