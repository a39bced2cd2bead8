"""What the two eras that learn have learnt, on disk: so that they can judge a sentence without rows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file

from demos.architectures import WEIGHTS
from demos.eras import Make, Rules, Statistics
from demos.eras_lstm import DeepLearning
from demos.errors import NoData
from demos.lesson import write_tensors

KEPT = WEIGHTS / "eras"
"""Parley's own."""
TENSORS, WORDS = "model.safetensors", "words.json"


def save(folder: Path, statistics: Statistics, network: DeepLearning, facts: Mapping[str, Any]) -> None:
    """Write both in float16, and what they learnt from: both files, or none that fit other ones. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = {folder / name: folder / f"{name}.part" for name in (TENSORS, WORDS)}
    tensors = {f"statistics.{name}": torch.from_numpy(value) for name, value in statistics.arrays().items()}
    tensors |= {f"lstm.{name}": value for name, value in network.network.state_dict().items()}
    told = {**facts, "statistics": statistics.vocabulary, "lstm": network.vocabulary}
    try:
        write_tensors({name: value.half() for name, value in tensors.items()}, parts[folder / TENSORS])
        parts[folder / WORDS].write_text(json.dumps(told, ensure_ascii=False), "utf-8")
        (folder / WORDS).unlink(missing_ok=True)  # so that new weights never stand beside old words
        for place, part in parts.items():
            part.replace(place)
    finally:
        for part in parts.values():
            with suppress(OSError):
                part.unlink(missing_ok=True)


def makers(folder: Path = KEPT) -> dict[str, Make]:
    """Era → what makes its reader of rows; of none those that learn have what lies in a folder.

    They raise BadText, NoData.
    """
    return {
        "rules": Rules,
        "statistics": lambda rows: Statistics(rows) if rows else statistics(folder),
        "deep learning": lambda rows: DeepLearning(rows) if rows else deep_learning(folder),
    }


def statistics(folder: Path = KEPT) -> Statistics:
    """Raises NoData."""
    words, tensors = _read(folder, "statistics")
    try:
        return Statistics.kept(words, tensors)
    except (KeyError, ValueError) as error:
        raise NoData(f"The weights in {folder} cannot be used: {error}.") from error


def deep_learning(folder: Path = KEPT) -> DeepLearning:
    """Raises NoData."""
    words, tensors = _read(folder, "lstm")
    try:
        return DeepLearning.kept(words, {name: torch.from_numpy(value) for name, value in tensors.items()})
    except (KeyError, RuntimeError, ValueError) as error:
        raise NoData(f"The weights in {folder} cannot be used: {error}.") from error


def _read(folder: Path, part: str) -> tuple[list[str], dict[str, np.ndarray]]:
    try:
        words = json.loads((folder / WORDS).read_text("utf-8"))[part]
        tensors = load_file(folder / TENSORS)
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise NoData(f"{folder} holds no eras: {error}.") from error
    start = f"{part}."
    own = {name.removeprefix(start): each for name, each in tensors.items() if name.startswith(start)}
    return words, {name: each.astype(np.float32) for name, each in own.items()}
