"""An encoder with a head that sorts texts under labels, and what every training of one needs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from assistant.engines.quiet import silent_loading

HEADS = ("classifier", "score", "pre_classifier")
"""What transformers calls the layers that are new in a classifier."""


def classifier(base: Path, labels: Sequence[str]) -> Any:
    """The encoder at `base` with a fresh head, one number a label, in float32."""
    from transformers import AutoModelForSequenceClassification

    with silent_loading():  # that the head is new is no news
        return AutoModelForSequenceClassification.from_pretrained(
            base,
            num_labels=len(labels),
            id2label=dict(enumerate(labels)),
            label2id={label: number for number, label in enumerate(labels)},
            dtype=torch.float32,
        )


def with_adapter(model: Any, settings: Any) -> Any:
    """The classifier with PEFT's LoRA in its linear layers and its head trained whole. settings: a LoraConfig."""
    from peft import get_peft_model

    heads = [name for name, _ in model.named_children() if name in HEADS]
    settings.exclude_modules = settings.modules_to_save = heads
    with silent_loading():
        return get_peft_model(model, settings)


def soft_cross_entropy(outputs: Any, labels: Tensor, num_items_in_batch: Any = None) -> Tensor:
    """Cross-entropy with a distribution as target. logits, labels: (batch, label)."""
    return F.cross_entropy(outputs["logits"].float(), labels)


def accuracy(predicted: Any) -> dict[str, float]:
    """For a Trainer. predictions, label_ids: (row, label)."""
    return {"accuracy": float((predicted.predictions.argmax(-1) == predicted.label_ids.argmax(-1)).mean())}


def adjust_head(model: Any, temperature: float, biases: np.ndarray | None = None) -> None:
    """Divide the last layer by the temperature and add to its bias: the model is calibrated for whoever loads it (Guo
    et al. 2017)."""
    heads = [m for name, m in model.named_modules() if isinstance(m, torch.nn.Linear) and _is_head(name)]
    with torch.no_grad():
        for head in heads[-1:]:
            for weights in head.parameters():
                weights /= temperature
            bias = dict(head.named_parameters()).get("bias")  # a decoder's has none
            if biases is not None and biases.any() and bias is not None:
                bias.add_(torch.from_numpy(biases).to(bias))


def _is_head(name: str) -> bool:
    return "original_module" not in name and any(
        part in ("classifier", "score", "out_proj") for part in name.split(".")
    )
