"""The Hugging Face Hub as a place that weights come from: whether it answers, and pulls from it."""

from __future__ import annotations

import json
import os
import shutil
import threading
import urllib.error
import urllib.request
from functools import lru_cache
from pathlib import Path
from typing import Any

from assistant import errors
from assistant.catalogue import HubSource, ModelEntry
from assistant.errors import ModelNotAvailable, PullCancelled, WeightsCorrupt
from assistant.weights import hub_cache, shelf
from assistant.weights.child import Child
from assistant.weights.hub_fetch import endpoint
from assistant.weights.progress import Meter
from assistant.weights.wheels import sha256_of

REACH_SECONDS = 2.0
FETCH = "from assistant.weights.hub_fetch import main; main()"
ROOT = Path(__file__).parents[2]
_asking = threading.Lock()


def hub_reachable() -> bool:
    """Whether the Hub answers: asked once a process, for 2 seconds at most, and remembered. HF_HUB_OFFLINE says no."""
    if offline():
        return False
    with _asking:
        return _reachable(endpoint())


def offline() -> bool:
    """Whether the person has forbidden the Hub, with the variables that its client obeys."""
    said = os.environ.get("HF_HUB_OFFLINE") or os.environ.get("TRANSFORMERS_OFFLINE") or ""
    return said.upper() in ("1", "ON", "YES", "TRUE")


@lru_cache
def _reachable(address: str) -> bool:
    answered = threading.Event()

    def ask() -> None:
        try:
            request = urllib.request.Request(address, method="HEAD")  # noqa: S310  # HF_ENDPOINT is the person's own
            urllib.request.urlopen(request, timeout=REACH_SECONDS).close()  # noqa: S310
        except urllib.error.HTTPError as error:
            if error.code >= 500:
                return
        except (OSError, ValueError):
            return
        answered.set()

    # In a thread, because looking up a name has no time limit of its own.
    threading.Thread(target=ask, name="hub-reachable", daemon=True).start()
    return answered.wait(REACH_SECONDS)


def require_reachable(entry: ModelEntry) -> None:
    """Raise ModelNotAvailable unless the Hub answers."""
    if hub_reachable():
        return
    why = "HF_HUB_OFFLINE is set" if offline() else f"{endpoint()} does not answer"
    raise ModelNotAvailable(
        f"{entry.title} comes from the Hugging Face Hub, and {why}.",
        hint=f"With its files from elsewhere: parley models pull {entry.key} --from FOLDER",
    )


def pull(entry: ModelEntry, source: HubSource, meter: Meter, cancel: threading.Event) -> Path:
    """Download the model into the Hub's cache, check it, and put it on the shelf.

    Raises ModelNotAvailable, UnknownModel, WeightsCorrupt (the bad file is gone then), DiskFull, PullCancelled.
    """
    work = shelf.partial_of(entry)
    blobs = hub_cache.repo_folder(source.repo) / "blobs"
    before = set(blobs.glob("*.incomplete"))
    request = {"repo": source.repo, "revision": source.revision, "files": source.files}
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    quiet = {"HF_HUB_DISABLE_TELEMETRY": "1", "PYTHONPATH": path}
    child = Child(FETCH, [json.dumps(request)], work / "hub", environment=quiet)
    said: dict[str, Any] = {}
    try:
        running = True
        while running:
            running = child.returncode is None
            for message in child.messages():
                if "total" in message:
                    shelf.require_space(entry.key, message["total"] - message["here"], blobs)
                said |= message
            if "total" in said:
                done = min(said["here"] + said.get("done", 0), said["total"])
                meter.report("downloading", done, said["total"])
            if running and cancel.wait(0.1):
                raise PullCancelled(f"The pull of {entry.key} was stopped.", hint="Whole files are kept.")
        if "error" in said:
            raise getattr(errors, said["error"])(said["message"], hint=said["hint"])
        if "folder" not in said:
            last = child.errors().strip().splitlines()[-1:] or [f"exit code {child.returncode}"]
            raise ModelNotAvailable(f"The Hub's client broke off while {source.repo} was fetched: {last[0]}.")
    finally:
        child.stop()
        # What it was writing has a name of its own each time and is of no use to the next try.
        for left in set(blobs.glob("*.incomplete")) - before:
            left.unlink(missing_ok=True)
        shutil.rmtree(work / "hub", ignore_errors=True)
    folder = Path(said["folder"])
    digests = _checked(entry, folder, list(said["files"]), meter, cancel)
    ready = work / "assembled"
    shutil.rmtree(ready, ignore_errors=True)
    ready.mkdir(parents=True)
    found = shelf.settle(entry, ready, f"{source} ({folder.name[:8]})", digests, root=folder)
    shutil.rmtree(work, ignore_errors=True)
    return found


def _checked(
    entry: ModelEntry, folder: Path, names: list[str], meter: Meter, cancel: threading.Event
) -> dict[str, str]:
    digests = dict.fromkeys(names, "")
    total = sum((folder / name).stat().st_size for name in entry.sha256 if name in digests)
    done = 0
    for name, expected in entry.sha256.items():
        meter.report("verifying", done, total)
        if cancel.is_set():
            raise PullCancelled(f"The pull of {entry.key} was stopped.")
        found = sha256_of(folder / name) if name in digests else "missing"
        if found != expected:
            hub_cache.discard_files(folder, [name])
            raise WeightsCorrupt(
                f"{name} of {entry.key} from {entry.hub} is not the published file: its sha256 is {found}, "
                f"expected {expected}.",
                hint=f"It was removed: run `parley models pull {entry.key}` to fetch it again.",
            )
        digests[name] = expected
        done += (folder / name).stat().st_size
    return digests


def remove(entry: ModelEntry) -> int:
    """Delete the model's files from the Hub's cache; bytes freed."""
    manifest = shelf.Manifest.read(shelf.folder_of(entry))
    if manifest is not None and manifest.folder != ".":
        return hub_cache.discard_files(Path(manifest.folder), manifest.files)
    if manifest is None and entry.hub and (folder := hub_cache.snapshot(entry.hub)):
        return hub_cache.discard_files(folder, hub_cache.files_of(folder, entry.hub.files))
    return 0
