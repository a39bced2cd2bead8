"""Linear layers of models that only read, on a CPU: weights laid out for oneDNN once, and not anew for each product.

It tells where few rows are multiplied, as in small batches (docs/experiments.md). The operators are those that torch's
inductor puts into a model that it freezes; torch has no public name for them.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import torch
from torch import Tensor, nn

from assistant.hardware import has_fast_packed


class PackedLinear(nn.Module):
    """y = x Wᵀ + b, or the GELU of that. x: (…, inputs), float32 or bfloat16 → (…, outputs). It cannot be trained,
    saved or merged into."""

    weight: Tensor
    bias: Tensor | None

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        packed = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach())
        self.register_buffer("weight", packed, persistent=False)
        bias: Tensor | None = getattr(linear, "bias", None)
        self.register_buffer("bias", None if bias is None else bias.detach(), persistent=False)
        self.then = "none"

    def forward(self, x: Tensor) -> Tensor:
        shape, x = x.shape[:-1], x.reshape(-1, x.shape[-1])
        rows = x.shape[0]
        if (more := compiled_rows(rows) - rows) > 0:
            x = nn.functional.pad(x, (0, 0, 0, more))
        y = torch.ops.mkldnn._linear_pointwise(x, self.weight, self.bias, self.then, [], "none")
        return y[:rows].view(*shape, y.shape[-1])


def compiled_rows(rows: int) -> int:
    """How many rows so many are multiplied as: eight counts an octave, in steps of 4 at least.

    oneDNN compiles kernels for each count of rows that it meets, which takes milliseconds and half a megabyte a layer
    (docs/experiments.md). These are 48 counts up to 1,024 rows.
    """
    step = max(4, 1 << max(0, rows.bit_length() - 4))
    return -(-rows // step) * step


def on_cpu(model: Any) -> bool:
    """Whether all of its weights are there."""
    return all(each.device.type == "cpu" for each in model.parameters())


def pack(model: Any) -> None:
    """Put packed layers in the place of a transformers model's own, where the processor is the faster for it.

    Left as they are: weights that several modules share, and the output layer, which has kernels of its own.
    """
    if not (has_fast_packed() and on_cpu(model)):
        return
    from transformers.activations import GELUActivation

    dtypes = {torch.float32, *([torch.bfloat16] if torch.ops.mkldnn._is_mkldnn_bf16_supported() else [])}
    head = model.get_output_embeddings()
    owners = Counter(id(each) for _, each in model.named_parameters(remove_duplicate=False))
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if type(child) is not nn.Linear or child is head or child.weight.dtype not in dtypes:
                continue
            if owners[id(child.weight)] == 1:
                setattr(parent, name, PackedLinear(child))
        dense = getattr(parent, "dense", None)  # of BERT's intermediate layer, and of all that came after it
        if isinstance(dense, PackedLinear) and type(getattr(parent, "intermediate_act_fn", None)) is GELUActivation:
            dense.then, parent.intermediate_act_fn = "gelu", nn.Identity()
