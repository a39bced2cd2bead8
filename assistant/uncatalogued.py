"""Entries for models outside the catalogue: a folder, a .gguf file, a repository of the Hub. Nothing is run of them."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from assistant.catalogue import Family, Format, HubSource, ModelEntry
from assistant.errors import ModelNotAvailable, UnknownModel, WeightsCorrupt
from assistant.model_config import CONTEXT_TOKENS, OVERHEAD_BYTES, read_config
from assistant.weights.gguf_files import GGUFHeader, choose_gguf, gguf_bytes, read_gguf_header, shards
from assistant.weights.hub_cache import chosen_files, snapshot

WEIGHTS = (".safetensors", ".bin")
ENCODERS, SEQ2SEQS = ("bert", "eurobert", "modern-bert"), ("t5", "t5encoder")


def from_path(path: Path) -> ModelEntry:
    """The entry of a .gguf file or of a model's folder; it stays where it is.

    Raises UnknownModel where there is no model, WeightsCorrupt where there is a broken one.
    """
    path = path.resolve()
    if path.is_file():
        if path.suffix.lower() != ".gguf":
            raise UnknownModel(f"{path} is no .gguf file.", hint="Name a .gguf file, or a folder with a config.json.")
        return _gguf(path.stem, read_gguf_header(path), gguf_bytes(path), local_path=path)
    if not path.is_dir():
        raise UnknownModel(f"There is no model at {path}.", hint="Check the path.")
    if not (path / "config.json").is_file():
        files = sorted(file for file in path.iterdir() if file.suffix.lower() == ".gguf")
        if len(files) == 1:
            return from_path(files[0])
        hint = "Name a folder with a config.json, or a .gguf file."
        if (path / "adapter_config.json").is_file():
            hint = "It holds an adapter: name the model that it was trained on, and the adapter beside it."
        elif files:
            hint = f"Name one of its files: {', '.join(file.name for file in files[:4])}."
        raise UnknownModel(f"{path} holds no model.", hint=hint)
    sizes = {file.relative_to(path).as_posix(): file.stat().st_size for file in path.rglob("*") if file.is_file()}
    names = chosen_files(sizes)
    weights = [name for name in names if name.endswith(WEIGHTS)]
    if not weights:
        raise UnknownModel(f"{path} has a config.json and no weights.", hint="Put model.safetensors beside it.")
    parameters = sum(_safetensors_parameters(path / name) for name in weights if name.endswith(".safetensors"))
    config = _json(path / "config.json")
    template = _has_template(path)
    return _config(path.name, config, template, {n: sizes[n] for n in names}, parameters, local_path=path)


def from_hub(name: str) -> ModelEntry:
    """The entry of a Hub repository "org/name", or of a file in it: "org/name:Q4_K_M", "org/name:model.gguf".

    What lies in the Hub's cache is looked at first; else the Hub is asked for the list of files and config.json.

    Raises ModelNotAvailable where it can be asked for neither, UnknownModel where it has no such model.
    """
    from assistant.weights import hub, hub_fetch

    repo, _, wanted = name.partition(":")
    source = HubSource(repo)
    if (entry := _cached(name, source, wanted)) is not None:
        return entry
    if not hub.hub_reachable():
        why = "HF_HUB_OFFLINE is set" if hub.offline() else "the Hub does not answer"
        raise ModelNotAvailable(
            f"{name} is not in the catalogue and not in the Hub's cache, and {why}.",
            hint="`parley models list` shows what is here.",
        )
    found = hub_fetch.listing(source)
    names = chosen_files(found.sizes)
    if wanted or not any(file.endswith(WEIGHTS) for file in names):
        chosen = choose_gguf(name, wanted, [file for file in found.sizes if file.endswith(".gguf")])
        files = HubSource(repo, files=(shards(chosen),))
        size = sum(found.sizes[file] for file in chosen_files(found.sizes, files.files))
        architecture = str(found.gguf.get("architecture", ""))
        metadata = {
            "general.architecture": architecture,
            f"{architecture}.context_length": found.gguf.get("context_length") or 0,
            "tokenizer.chat_template": found.gguf.get("chat_template") or "",
            "general.license": found.licence,
        }
        header = GGUFHeader(metadata, int(found.gguf.get("total") or 0))
        return _gguf(name, header, size, hub=files, gated=found.gated)
    config = _json(hub_fetch.small_file(source, "config.json"))
    template = "chat_template.jinja" in found.sizes
    if not template and "tokenizer_config.json" in found.sizes:
        template = "chat_template" in _json(hub_fetch.small_file(source, "tokenizer_config.json"))
    sizes = {n: found.sizes[n] for n in names}
    parameters = found.parameters or 0
    return _config(name, config, template, sizes, parameters, hub=source, gated=found.gated, licence=found.licence)


def _cached(name: str, source: HubSource, wanted: str) -> ModelEntry | None:
    folder = snapshot(source)
    if folder is None:
        return None
    sizes = {file.relative_to(folder).as_posix(): file.stat().st_size for file in folder.rglob("*") if file.is_file()}
    names = chosen_files(sizes)
    if not wanted and "config.json" in names and any(file.endswith(WEIGHTS) for file in names):
        config, template = _json(folder / "config.json"), _has_template(folder)
        return _config(name, config, template, {n: sizes[n] for n in names}, 0, hub=source)
    try:
        chosen = choose_gguf(name, wanted, [file for file in sizes if file.endswith(".gguf")])
    except UnknownModel:
        return None
    header = read_gguf_header(folder / chosen)
    return _gguf(name, header, gguf_bytes(folder / chosen), hub=HubSource(source.repo, files=(shards(chosen),)))


def _gguf(
    key: str,
    header: GGUFHeader,
    size: int,
    *,
    local_path: Path | None = None,
    hub: HubSource | None = None,
    gated: bool = False,
) -> ModelEntry:
    family = Family.DECODER
    if header.architecture in SEQ2SEQS:
        family = Family.SEQ2SEQ
    elif header.architecture.endswith(ENCODERS):
        family = Family.ENCODER
    chats = "chat" if header.metadata.get("tokenizer.chat_template") else "complete"
    tasks = {Family.DECODER: (chats,), Family.ENCODER: ("embed",), Family.SEQ2SEQ: ("translate", "summarize")}
    return _entry(
        key=key,
        title=str(header.metadata.get("general.name") or key),
        family=family,
        tasks=tasks[family],
        format="gguf",
        licence=str(header.metadata.get("general.license", "unknown")),
        parameters=header.parameters,
        size=size,
        cache_token_bytes=header.cache_token_bytes,
        context_length=header.of_architecture("context_length"),
        local_path=local_path,
        hub=hub,
        gated=gated,
    )


def _config(
    key: str,
    config: Mapping[str, Any],
    template: bool,
    sizes: Mapping[str, int],
    parameters: int,
    *,
    local_path: Path | None = None,
    hub: HubSource | None = None,
    gated: bool = False,
    licence: str = "unknown",
) -> ModelEntry:
    said = read_config(config, chat_template=template)
    weights = sum(size for name, size in sizes.items() if name.endswith(WEIGHTS))
    return _entry(
        key=key,
        title=key,
        family=said.family,
        tasks=said.tasks,
        format="safetensors",
        licence=licence,
        parameters=parameters or weights // 2,  # 16 bits a weight is what most are published in
        size=sum(sizes.values()),
        cache_token_bytes=said.cache_token_bytes,
        context_length=said.context_length,
        local_path=local_path,
        hub=hub,
        gated=gated,
    )


def _entry(
    *,
    key: str,
    title: str,
    family: Family,
    tasks: tuple[str, ...],
    format: Format,
    licence: str,
    parameters: int,
    size: int,
    cache_token_bytes: int,
    context_length: int,
    local_path: Path | None,
    hub: HubSource | None,
    gated: bool,
) -> ModelEntry:
    return ModelEntry(
        key=str(local_path) if local_path else key,
        title=title,
        description="A file of your own." if local_path else "From the Hub, beside the catalogue.",
        family=family,
        tasks=tasks,
        format=format,
        licence=licence,
        parameters=parameters,
        download_bytes=size,
        memory_bytes=size + cache_token_bytes * min(context_length or CONTEXT_TOKENS, CONTEXT_TOKENS) + OVERHEAD_BYTES,
        context_length=context_length or CONTEXT_TOKENS,
        cache_token_bytes=cache_token_bytes,
        languages=(),
        local_path=local_path,
        hub=hub,
        gated=gated,
    )


def _has_template(folder: Path) -> bool:
    if (folder / "chat_template.jinja").is_file():
        return True
    settings = folder / "tokenizer_config.json"
    return settings.is_file() and "chat_template" in _json(settings)


def _json(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsCorrupt(f"{path} cannot be read: {error}.", hint="Fetch it again.") from error
    if not isinstance(data, dict):
        raise WeightsCorrupt(f"{path} holds no settings.", hint="Fetch it again.")
    return data


def _safetensors_parameters(path: Path) -> int:
    """Weights in a .safetensors file, from its header. Raises WeightsCorrupt."""
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > path.stat().st_size:
                raise ValueError("its header is cut off")
            header = json.loads(file.read(length))
        return sum(math.prod(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__")
    except (OSError, ValueError, KeyError, TypeError, struct.error) as error:
        raise WeightsCorrupt(f"{path} is not a whole safetensors file: {error}.", hint="Fetch it again.") from error
