"""The embedded weights for tests marked `model`: where they are, or a skip that says what is missing."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from assistant import sources
from assistant.catalogue import Catalogue, ModelEntry


def embedded(key: str) -> tuple[ModelEntry, Path]:
    """The entry and its file or folder; skips the test where it has not been fetched."""
    entry = Catalogue.load()[key]
    path = sources.locate(entry)
    if path is None:
        pytest.skip(f"{key} is not here: parley models pull {key}")
    return entry, path


def smol_adapter(path: Path, seed: int, strength: float = 0.3) -> Path:
    """A LoRA adapter of random numbers for SmolLM2-135M's GGUF, of rank 4 on values and the second half of each MLP:
    another seed, other answers."""
    import gguf
    import numpy as np

    draw = np.random.default_rng(seed)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_type("adapter")
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, 4.0)
    for layer in range(30):
        for name, width_in, width_out in (("attn_v", 576, 192), ("ffn_down", 1536, 576)):
            halves = {"a": draw.normal(0, 1 / 24, (4, width_in)), "b": draw.normal(0, strength, (width_out, 4))}
            for half, values in halves.items():
                writer.add_tensor(f"blk.{layer}.{name}.weight.lora_{half}", values.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


class LlamaCpp:
    """llama.cpp's own server, asked directly: what our engines are compared with."""

    def __init__(self, path: Path) -> None:
        import xllamacpp

        params = xllamacpp.CommonParams()
        params.model.path = str(path)
        params.n_ctx = 2048
        params.n_parallel = 1
        params.verbosity = -1
        self.server = xllamacpp.Server(params)
        self.address: str = self.server.listening_address

    def ask(self, path: str, **body: Any) -> Any:
        """The server's answer to a POST."""
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(self.address + path, json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)
