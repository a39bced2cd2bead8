"""The word that greedy decoding chooses, found without the whole output layer in float32.

Over a vocabulary of 32,000 words the output layer is most of a step of a small decoder. A CPU that multiplies int8
natively goes through it six times as fast; the few best words of that rough product then get their exact logits, and
the best of those is the best of all but where rounding hid it behind FEW others.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

FEW = 8
BLOCK = 64
"""Words whose best is looked at together: the best FEW words are in the FEW blocks of the best maxima."""
LEVELS = 127
ZERO = 128
"""oneDNN multiplies unsigned inputs by signed weights: what is rounded to −127…127 is kept with 128 added."""


class BestWord:
    """weight: (word, width) of the output layer, bias: (word,), −inf for words that must not come."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        self._weight = weight.detach()
        padding = -len(weight) % BLOCK
        scales = self._weight.abs().amax(1).float().clamp_min(1e-12) / LEVELS
        rounded = (self._weight / scales[:, None]).round_().to(torch.int8)
        self._packed: Tensor = torch.ops.onednn.qlinear_prepack(pad(rounded, (0, 0, 0, padding)), None)
        self._scales = pad(scales, (0, padding), value=1.0)
        self._zeros = torch.zeros(len(weight) + padding, dtype=torch.int32)
        self._bias = pad(bias.detach().float(), (0, padding), value=-torch.inf)

    @classmethod
    def of(cls, model: Any, never: list[int]) -> BestWord | None:
        """That of a transformers model with a plain output layer; None where its logits are more than that."""
        head = model.get_output_embeddings()
        if type(head) is not torch.nn.Linear or getattr(model.config, "final_logit_softcapping", None):
            return None
        bias = torch.zeros(head.out_features)
        for part in (head.bias, getattr(model, "final_logits_bias", None)):
            bias += 0 if part is None else part.detach().flatten().float()
        bias[never] = -torch.inf
        return cls(head.weight, bias)

    def __call__(self, hidden: Tensor) -> Tensor:
        """hidden: (row, width), what enters the output layer; all rows are rounded alike, as comes from a layer norm.
        Gives each row's word: (row,)."""
        hidden = hidden.float()
        scale = max(float(hidden.abs().max()) / LEVELS, 1e-12)
        rounded = (hidden / scale).round_().add_(ZERO).to(torch.uint8)
        rough: Tensor = torch.ops.onednn.qlinear_pointwise(
            *(rounded, scale, ZERO, self._packed, self._scales, self._zeros, self._bias),
            *(1.0, 0, torch.float32, "none", [], ""),
        )
        words = _best(rough).clamp_max_(len(self._weight) - 1)
        exact = torch.einsum("rfw,rw->rf", self._weight[words].float(), hidden) + self._bias[words]
        return words.gather(1, exact.argmax(1, keepdim=True))[:, 0]


def _best(rough: Tensor) -> Tensor:
    """The words of the FEW greatest of (row, word) numbers, in any order: (row, FEW)."""
    blocks = rough.view(len(rough), -1, BLOCK)
    found = blocks.amax(-1).topk(min(FEW, blocks.shape[1]), sorted=False).indices  # (row, block)
    within = blocks.gather(1, found[:, :, None].expand(-1, -1, BLOCK)).flatten(1)
    places = within.topk(FEW, sorted=False).indices
    return found.gather(1, places // BLOCK) * BLOCK + places % BLOCK


@contextmanager
def without_output_layer(model: Any) -> Generator[None]:
    """Inside, what the model gives as logits is what enters its output layer."""
    head, bias = model.get_output_embeddings(), getattr(model, "final_logits_bias", None)
    model.set_output_embeddings(torch.nn.Identity())
    if bias is not None:
        model.final_logits_bias = torch.zeros_like(bias[:, :1])
    try:
        yield
    finally:
        model.set_output_embeddings(head)
        if bias is not None:
            model.final_logits_bias = bias
