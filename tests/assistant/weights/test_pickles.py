"""Pickled weights: refused wherever they come from, loaded when asked for."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from assistant.engines.protocol import Message, Sampling
from assistant.errors import WeightsCorrupt
from assistant.service import Assistant
from assistant.weights.pickles import ALLOWED
from finetune import bases


def test_pickled_weights_are_loaded_when_asked_for_alone(tiny_decoder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tiny_decoder / "model.safetensors"
    torch.save(load_file(file), tiny_decoder / "pytorch_model.bin")
    kept = file.read_bytes()
    file.unlink()
    try:
        assistant = Assistant()
        with pytest.raises(WeightsCorrupt, match="pickled"):
            assistant.engine(str(tiny_decoder))
        with pytest.raises(WeightsCorrupt, match="pickled"):
            bases.folder(assistant.catalogue.find(str(tiny_decoder)))
        monkeypatch.setenv(ALLOWED, "1")
        engine = assistant.engine(str(tiny_decoder))
        assert list(engine.generate([Message("user", "what is blue")], Sampling(max_tokens=2)))[-1].usage
        assistant.close()
    finally:
        file.write_bytes(kept)
        (tiny_decoder / "pytorch_model.bin").unlink()
