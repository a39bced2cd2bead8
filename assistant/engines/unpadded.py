"""Encoders whose layers read no padding: the texts of a batch stand one behind the other, each in its own length.

Only attention needs a rectangle, which it gets a moment long, and which costs little beside the layers' products
(docs/experiments.md). What is outside of the layers, embeddings, pooling and heads, meets the padded batch as ever.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from torch import Tensor, nn
from torch.nn import functional as F

from assistant.engines.packed_linear import PackedLinear, compiled_rows, on_cpu

NAME = "parley_unpadded"
FAMILIES = {"bert", "camembert", "electra", "roberta", "xlm-roberta"}
"""Whose encoders are a list of layers that hand on what they do not know to the attention."""


class Texts(NamedTuple):
    """Where the tokens of a batch are. places: of each token in the padded batch, (rows,); tokens: of each place in the
    padded batch, (texts * longest,), and any for padding; mask: (texts, 1, longest, longest), true for what may be
    looked at."""

    places: Tensor
    tokens: Tensor
    mask: Tensor

    @classmethod
    def of(cls, mask: Tensor, *, filled: bool) -> Texts:
        """Those of a mask. filled: whether the first place is named again behind the last, as often as makes the rows
        a count that packed layers have kernels for."""
        real = mask[:, 0, 0].flatten()  # of any token's row: it may look at all of its text
        places = real.nonzero()[:, 0]
        if filled:
            places = F.pad(places, (0, compiled_rows(len(places)) - len(places)), value=int(places[0]))
        return cls(places, (real.cumsum(0) - 1).clamp(min=0), mask)

    def padded(self, x: Tensor) -> Tensor:
        """(1, heads, rows, width) → (texts, heads, longest, width)."""
        rows = x[0].transpose(0, 1).index_select(0, self.tokens)
        return rows.view(len(self.mask), -1, *rows.shape[1:]).transpose(1, 2)

    def unpadded(self, x: Tensor) -> Tensor:
        """(texts, longest, …) → (1, rows, …)."""
        return x.flatten(0, 1).index_select(0, self.places)[None]


class UnpaddedLayers(nn.Module):
    """In the place of a transformers encoder: hidden states (texts, longest, width) → the same, with anything at all
    where there is padding."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self._filled = any(isinstance(each, PackedLinear) for each in encoder.modules())

    def forward(self, hidden_states: Tensor, attention_mask: Tensor | None = None, **options: Any) -> Any:
        if attention_mask is None:  # there is no padding
            return self.encoder(hidden_states, attention_mask=None, **options)
        texts = Texts.of(attention_mask, filled=self._filled)
        found = self.encoder(texts.unpadded(hidden_states), attention_mask=None, unpadded=texts, **options)
        rows = found.last_hidden_state[0].index_select(0, texts.tokens)
        found.last_hidden_state = rows.view(*hidden_states.shape[:2], -1)
        return found


def attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    scaling: float,
    unpadded: Texts | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """An attention function of transformers' for models that only read: each token looks at those of its own text."""
    if unpadded is None:
        y = F.scaled_dot_product_attention(query, key, value, attn_mask=attention_mask, scale=scaling)
        return y.transpose(1, 2), None
    q, k, v = (unpadded.padded(each) for each in (query, key, value))
    y = F.scaled_dot_product_attention(q, k, v, attn_mask=unpadded.mask, scale=scaling)
    return unpadded.unpadded(y.transpose(1, 2)), None


def unpad(model: Any) -> bool:
    """Have the layers of a transformers model read no padding, where it is of a family that can; whether it is."""
    base = model.base_model
    able = base.config.model_type in FAMILIES and base.config._attn_implementation == "sdpa"
    if not able or base.config.is_decoder or not on_cpu(model):
        return False
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import sdpa_mask

    AttentionInterface.register(NAME, attend)
    AttentionMaskInterface.register(NAME, sdpa_mask)
    model.set_attn_implementation(NAME)
    base.encoder = UnpaddedLayers(base.encoder)
    return True
