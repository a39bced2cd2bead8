"""The rows that a classifier learns from: texts with labels or a teacher's opinion, tokenised and padded to batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset


@dataclass(frozen=True)
class Row:
    """A text and how probable each label is: one 1.0 for a plain label, a teacher's opinion otherwise."""

    text: str
    target: tuple[float, ...]


class Rows(Dataset[dict[str, Any]]):
    """Tokenised rows, with their lengths for the sampler that groups them."""

    def __init__(self, rows: Sequence[Row], tokenizer: Any, max_length: int) -> None:
        encoded = tokenizer([row.text for row in rows], truncation=True, max_length=max_length)
        self.tokens: list[list[int]] = encoded["input_ids"]
        self.targets = [row.target for row in rows]

    def __len__(self) -> int:
        return len(self.tokens)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {"input_ids": self.tokens[index], "labels": self.targets[index]}


@dataclass(frozen=True)
class Padded:
    """Rows of one batch, padded to the longest of them."""

    tokenizer: Any

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        batch = self.tokenizer.pad({"input_ids": [row["input_ids"] for row in rows]}, return_tensors="pt")
        return {**batch, "labels": torch.tensor([row["labels"] for row in rows])}
