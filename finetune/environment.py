"""What a run was done with: versions, machine, and the hash of its data, so that it can be done again, and is not gone
on with on other data."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from assistant import hardware
from assistant.errors import BadDataset
from assistant.hardware import installed_version
from assistant.run_worker import Worker
from assistant.weights.wheels import sha256_of
from assistant.whole_files import read_object, write_whole
from finetune.settings import Settings

PACKAGES = ("parley", "torch", "transformers", "trl", "peft", "accelerate", "datasets", "bitsandbytes")


def note(worker: Worker, settings: Settings) -> None:
    """Write environment.json into the run's folder, unless there is something to go on from already.

    Raises BadDataset where the data is not what that was learnt from.
    """
    from finetune.following import WHOLE

    folder = worker.run.folder
    noted = read_object(folder / "environment.json").get("data_sha256")
    if noted is not None and any(folder.glob(f"**/checkpoint-*/{WHOLE}")):  # of a loop, in its parts' folders
        require_same(noted, digests(settings))
        return
    write_whole(folder / "environment.json", [json.dumps(described(settings), indent=1)])


def require_same(before: Mapping[str, str], now: Mapping[str, str]) -> None:
    """Raises BadDataset with the files that have changed; one that is gone is told where it is read."""
    changed = [name for name in before if name in now and now[name] != before[name]]
    if changed:
        told = ", ".join(f"{name} (sha256 {before[name][:12]}… then, {now[name][:12]}… now)" for name in changed)
        raise BadDataset(
            f"What this run learns from has changed since it began: {told}.",
            hint="Put back what was there and resume it, or start a new run on what there is now.",
        )


def described(settings: Settings) -> dict[str, Any]:
    """sha256 of each data file, versions of the packages that matter, the machine."""
    machine = hardware.detect()
    return {
        "data_sha256": digests(settings),
        "packages": {name: found for name in PACKAGES if (found := installed_version(name))},
        "python": platform.python_version(),
        "platform": platform.platform(),
        "gpus": [gpu.name for gpu in machine.gpus],
        "cores": machine.cores,
    }


def digests(settings: Settings) -> dict[str, str]:
    """Name of a file → its sha256; two files of one name are told apart."""
    found: dict[str, str] = {}
    for name in (settings.data, settings.test):
        path = Path(name) if name else None
        if path is not None and path.is_file():
            found[f"{path.name} (test)" if path.name in found else path.name] = sha256_of(path)
    return found
