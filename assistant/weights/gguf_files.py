"""GGUF files: which of several is meant, and what the header says.

The gguf package reads headers too, but takes seconds: it makes an array of each entry of the vocabulary.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from assistant.errors import UnknownModel, WeightsCorrupt

SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
STRING, ARRAY = 8, 9
PREFERRED = ("q4_k_m", "q4_k_s", "q4_0", "q5_k_m", "q8_0", "f16", "bf16")
"""Which file of a GGUF repository is taken when none is named: the first of these that it has."""
LONGEST_STRING = 1 << 20
MOST_ITEMS = 1 << 22


@dataclass(frozen=True)
class GGUFHeader:
    """The metadata but for its arrays, and the number of weights."""

    metadata: dict[str, Any] = field(default_factory=dict[str, Any])
    parameters: int = 0

    @property
    def architecture(self) -> str:
        """llama.cpp's name of it: "llama", "qwen2", "t5", "bert"."""
        return str(self.metadata.get("general.architecture", ""))

    def of_architecture(self, name: str) -> int:
        """An integer under the architecture's own prefix, such as "context_length"; 0 where it is absent."""
        value = self.metadata.get(f"{self.architecture}.{name}", 0)
        return value if isinstance(value, int) else 0

    @property
    def cache_token_bytes(self) -> int:
        """Keys and values of one token at 16 bits, over all layers; 0 where the header does not tell."""
        heads = self.of_architecture("attention.head_count")
        groups = self.of_architecture("attention.head_count_kv") or heads
        width = self.of_architecture("embedding_length") // heads if heads else 0
        keys = self.of_architecture("attention.key_length") or width
        values = self.of_architecture("attention.value_length") or width
        return 2 * self.of_architecture("block_count") * groups * (keys + values)


def read_gguf_header(path: Path) -> GGUFHeader:
    """Read the header of a .gguf file. Raises WeightsCorrupt where it is not one or is cut off."""
    try:
        with path.open("rb") as file:
            magic, version = file.read(4), _scalar(file, "I")
            if magic != b"GGUF" or version not in (2, 3):
                raise ValueError("no GGUF of version 2 or 3")
            tensors, pairs = _scalar(file, "Q"), _scalar(file, "Q")
            metadata: dict[str, Any] = {}
            for _ in range(_sane(pairs)):
                name = _string(file)
                kind = _scalar(file, "I")
                if kind == ARRAY:
                    _skip_array(file)
                else:
                    metadata[name] = _string(file) if kind == STRING else _scalar(file, SCALARS[kind])
            parameters = 0
            for _ in range(_sane(tensors)):
                _string(file)
                shape = [_scalar(file, "Q") for _ in range(_sane(_scalar(file, "I")))]
                parameters += math.prod(shape)
                file.seek(12, 1)  # its type and offset
            return GGUFHeader(metadata, parameters)
    except (OSError, ValueError, KeyError, struct.error) as error:
        raise WeightsCorrupt(f"{path} is not a whole GGUF file: {error}.", hint="Fetch it again.") from error


def _scalar(file: BinaryIO, code: str) -> Any:
    return struct.unpack(f"<{code}", file.read(struct.calcsize(code)))[0]


def _sane(count: int) -> int:
    if count > MOST_ITEMS:
        raise ValueError(f"it claims {count} items")
    return count


def _string(file: BinaryIO) -> str:
    length = _scalar(file, "Q")
    if length > LONGEST_STRING:
        raise ValueError(f"it claims a string of {length} bytes")
    return file.read(length).decode("utf-8", errors="replace")


def _skip_array(file: BinaryIO) -> None:
    kind, length = _scalar(file, "I"), _sane(_scalar(file, "Q"))
    if kind in SCALARS:
        file.seek(length * struct.calcsize(SCALARS[kind]), 1)
        return
    for _ in range(length):
        if kind == STRING:
            file.seek(_scalar(file, "Q"), 1)
        elif kind == ARRAY:
            _skip_array(file)
        else:
            raise ValueError(f"it holds an array of kind {kind}")


def choose_gguf(name: str, wanted: str, files: list[str]) -> str:
    """The file of a repository that `wanted` names in whole or by its quantisation, else the usual one; of shards the
    first. Raises UnknownModel."""
    firsts = [file for file in sorted(files) if "-of-" not in file or "-00001-of-" in file]
    firsts = [file for file in firsts if not file.split("/")[-1].startswith("mmproj")]
    for label in (wanted.lower(),) if wanted else PREFERRED:
        for file in firsts:
            if file.lower() == label or label in file.lower().split("/")[-1]:
                return file
    if firsts and not wanted:
        return firsts[0]
    has = ", ".join(firsts[:6]) or "no model that Parley can run"
    raise UnknownModel(f"{name}: there is no such file.", hint=f"The repository has {has}.")


def shards(file: str) -> str:
    """A pattern for all shards of a split file, or the file itself."""
    head, sign, tail = file.partition("-00001-of-")
    return f"{head}-?????-of-{tail}" if sign else file


def gguf_bytes(path: Path) -> int:
    """Size of a file with all its shards."""
    return sum(file.stat().st_size for file in path.parent.glob(shards(path.name)))
