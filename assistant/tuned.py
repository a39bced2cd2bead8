"""Models that a person tuned: what runs left in their folders, and other PEFT adapters, as entries of the catalogue."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from assistant.catalogue import ModelEntry
from assistant.errors import ParleyError, UnknownModel
from assistant.model_config import read_config
from assistant.run import Run, State
from assistant.runs import Runs
from assistant.weights.gguf_files import read_gguf_header
from assistant.whole_files import read_object

ABOUT = "parley.json"
"""Beside the weights: {"base": catalogue key, folder or Hub id, "prompts": those of the catalogue's that it gains}."""
ADAPTER_GGUF = "adapter.gguf"
"""The same adapter as llama.cpp takes it, where it can be put on the base's GGUF."""
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
        base = find(base_of(folder))
        config = read_object(folder / "config.json")
        sorts = read_object(folder / "adapter_config.json").get("task_type") == "SEQ_CLS"
        tasks = read_config(config).tasks if sorts and config else () if sorts else base.tasks
        size = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
        native = base.format == "gguf" and (folder / ADAPTER_GGUF).is_file()
        return _asked(
            folder,
            base,
            key=str(folder),
            title=folder.name,
            description=f"An adapter of your own on {base.title}.",
            tasks=tasks,
            format="adapter",
            download_bytes=size,
            memory_bytes=base.memory_bytes + size,
            file_bytes=base.download_bytes if native else 0,
            hub=None,
            wheels=None,
            sha256={},
            shipped=None,
            embedded=False,
            base=base.key if base.local_path is None else str(base.local_path),
            local_path=folder,
            rerank={},
            bleu={},
        )
    from assistant import uncatalogued

    return _asked(folder, uncatalogued.from_path(folder))


def adapters_on(base: ModelEntry, entries: Iterable[ModelEntry], most_bytes: int) -> Iterator[Path]:
    """Files that llama.cpp can put on a base, of the first of `entries` first, as many as `most_bytes` hold."""
    for entry in entries:
        if entry.format != "adapter" or not entry.file_bytes or entry.base != base.key or entry.local_path is None:
            continue
        path = entry.local_path / ADAPTER_GGUF
        with suppress(OSError, ParleyError):  # a run is being removed, or its file is broken: the others are not
            read_gguf_header(path)
            most_bytes -= path.stat().st_size
            if most_bytes >= 0:
                yield path


def _asked(folder: Path, entry: ModelEntry, **changes: Any) -> ModelEntry:
    """The entry with these changes and the prompts that the model has gained."""
    gained = read_object(folder / ABOUT).get("prompts") or {}
    if gained:
        changes["tasks"] = ("summarize",) if "summarize" in gained else ("translate",)
    return replace(entry, prompts={**entry.prompts, **gained}, **changes)


def write_about(folder: Path, base: str, prompts: Mapping[str, str] = MappingProxyType({})) -> None:
    """Say beside a model's files what it is put on or was made from, and how it is asked for what it has learnt."""
    (folder / ABOUT).write_text(json.dumps({"base": base, "prompts": dict(prompts)}), "utf-8")


def base_of(folder: Path) -> str:
    """The name of what an adapter is put on, or a whole model was made from. Raises UnknownModel."""
    for name, field in ((ABOUT, "base"), ("adapter_config.json", "base_model_name_or_path")):
        if base := read_object(folder / name).get(field):
            return str(base)
    raise UnknownModel(
        f"The model in {folder} does not say what it was made from.",
        hint="It holds an adapter: adapter_config.json should name its base.",
    )
