"""Models that a person tuned: what runs left in their folders, and other PEFT adapters, as entries of the catalogue."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from assistant.catalogue import ModelEntry
from assistant.errors import ParleyError, UnknownModel
from assistant.model_config import read_config
from assistant.run import Run, State
from assistant.runs import Runs

ABOUT = "parley.json"
"""Beside an adapter's own files: {"base": catalogue key, folder or Hub id}."""
Find = Callable[[str], ModelEntry]


def tuned(find: Find, runs: Runs | None = None) -> Iterator[ModelEntry]:
    """What runs have left, the newest first; one whose base is gone is passed over. find: a base's entry by name."""
    for run in runs or Runs():
        if run.status().state in (State.FINISHED, State.STOPPED):
            with suppress(ParleyError):
                yield from_run(run, find)


def from_run(run: Run, find: Find) -> ModelEntry:
    """The entry of what a run left. Raises UnknownModel where that is nothing, ModelError."""
    return replace(from_folder(run.model, find), key=run.id, title=run.title)


def from_folder(folder: Path, find: Find) -> ModelEntry:
    """The entry of a folder with an adapter or a whole model.

    Raises UnknownModel where it holds neither, or where the base of the adapter is not known here.
    """
    if (folder / "adapter_config.json").is_file():
        base = find(_base(folder))
        config = _read(folder / "config.json")
        sorts = _read(folder / "adapter_config.json").get("task_type") == "SEQ_CLS"
        tasks = read_config(config).tasks if sorts and config else () if sorts else base.tasks
        size = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
        return replace(
            base,
            key=folder.name.lower(),
            title=folder.name,
            description=f"An adapter of your own on {base.title}.",
            tasks=tasks,
            format="adapter",
            download_bytes=size,
            memory_bytes=base.memory_bytes + size,
            hub=None,
            wheels=None,
            sha256={},
            shipped=None,
            embedded=False,
            base=base.key if base.local_path is None else str(base.local_path),
            local_path=folder,
        )
    from assistant import uncatalogued

    return uncatalogued.from_path(folder)


def write_about(folder: Path, base: str) -> None:
    """Say beside an adapter's files what it is put on."""
    (folder / ABOUT).write_text(json.dumps({"base": base}), "utf-8")


def _base(folder: Path) -> str:
    for name, field in ((ABOUT, "base"), ("adapter_config.json", "base_model_name_or_path")):
        if base := _read(folder / name).get(field):
            return str(base)
    raise UnknownModel(
        f"The adapter in {folder} does not say what it is put on.",
        hint="It is an adapter: its adapter_config.json should name its base.",
    )


def _read(path: Path) -> Mapping[str, Any]:
    with suppress(OSError, ValueError):
        found = json.loads(path.read_text("utf-8"))
        return found if isinstance(found, dict) else {}
    return {}
