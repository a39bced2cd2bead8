"""What a run was done with: versions, machine, and the hash of its data, so that it can be done again."""

from __future__ import annotations

import json
import platform
from pathlib import Path
from typing import Any

from assistant import hardware
from assistant.hardware import installed_version
from assistant.run_worker import Worker
from assistant.weights.wheels import sha256_of
from assistant.whole_files import write_whole
from finetune.settings import Settings

PACKAGES = ("parley", "torch", "transformers", "trl", "peft", "accelerate", "datasets", "bitsandbytes")


def note(worker: Worker, settings: Settings) -> None:
    """Write environment.json into the run's folder, the first time that it starts."""
    path = worker.run.folder / "environment.json"
    if not path.exists():
        write_whole(path, [json.dumps(described(settings), indent=1)])


def described(settings: Settings) -> dict[str, Any]:
    """sha256 of each data file, versions of the packages that matter, the machine."""
    machine = hardware.detect()
    files = [Path(name) for name in (settings.data, settings.test) if name]
    return {
        "data_sha256": {path.name: sha256_of(path) for path in files if path.is_file()},
        "packages": {name: found for name in PACKAGES if (found := installed_version(name))},
        "python": platform.python_version(),
        "platform": platform.platform(),
        "gpus": [gpu.name for gpu in machine.gpus],
        "cores": machine.cores,
    }
