"""Marian models whose decoder has an SSRU in the place of self-attention: Mozilla's "tiny" translators.

SSRU is the Simpler Simple Recurrent Unit of Kim et al. 2019, "From Research to Production and Back: Ludicrously Fast
Neural Machine Translation" (aclanthology.org/D19-5632, section 3.1). Everything else is transformers' own Marian, so
that `AutoModelForSeq2SeqLM.from_pretrained` and `generate`, beams included, work once `register` has been called.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForSeq2SeqLM, MarianConfig, MarianMTModel
from transformers.cache_utils import Cache, DynamicLayer, EncoderDecoderCache


class SsruMarianConfig(MarianConfig):
    """MarianConfig under a name of its own."""

    model_type = "ssru-marian"


class Ssru(nn.Module):
    """c_t = f_t ⊙ c_{t−1} + (1 − f_t) ⊙ W x_t with f_t = σ(W_f x_t + b_f); gives ReLU(c_t).

    It stands where a decoder layer expects self-attention, takes and returns what that would, and keeps c in the cache.
    """

    def __init__(self, width: int, layer: int) -> None:
        super().__init__()
        self.layer = layer
        self.input = nn.Linear(width, width, bias=False)
        self.forget = nn.Linear(width, width)

    def forward(self, hidden_states: Tensor, past_key_values: Cache | None = None, **_: Any) -> tuple[Tensor, None]:
        """hidden_states: (batch, token, width)."""
        forget = self.forget(hidden_states).sigmoid()
        new = (1 - forget) * self.input(hidden_states)
        memory = _memory(past_key_values, self.layer)
        state = torch.zeros_like(new[:, 0]) if memory is None or memory.keys is None else memory.keys[:, 0, 0]
        states: list[Tensor] = []
        for token in range(hidden_states.shape[1]):
            state = forget[:, token] * state + new[:, token]
            states.append(state)
        if memory is not None:
            memory.remember(state, hidden_states.shape[1])
        return torch.stack(states, 1).relu(), None


class StateLayer(DynamicLayer):
    """The state of one recurrent layer, in the form in which a cache keeps keys: (batch, 1, 1, width). However many
    tokens it has seen, it holds one state."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = 0

    def remember(self, state: Tensor, tokens: int) -> None:
        """state: (batch, width) after so many more tokens."""
        self.keys = self.values = state[:, None, None]
        self.dtype, self.device = state.dtype, state.device
        self.is_initialized = True
        self.seen += tokens

    def get_seq_length(self) -> int:
        return self.seen

    def reset(self) -> None:
        super().reset()
        self.seen = 0

    def crop(self, tokens_to_remove: int) -> None:
        if tokens_to_remove:
            raise ValueError("A recurrent state cannot be taken back by tokens.")


def _memory(cache: Cache | None, number: int) -> StateLayer | None:
    """The layer's place in the cache, made at the first token."""
    if cache is None:
        return None
    own = cache.self_attention_cache if isinstance(cache, EncoderDecoderCache) else cache
    while len(own.layers) <= number:
        own.layers.append(StateLayer())
    found = own.layers[number]
    if not isinstance(found, StateLayer):
        own.layers[number] = found = StateLayer()
    return found


class SsruMarianMTModel(MarianMTModel):
    """Marian with SSRU in its decoder."""

    config_class = SsruMarianConfig
    _supports_flash_attn = False

    def __init__(self, config: SsruMarianConfig) -> None:
        super().__init__(config)
        decoder: Any = self.model.decoder
        for number, layer in enumerate(decoder.layers):
            layer.self_attn = Ssru(config.d_model, number)
        encoder: Any = self.model.encoder
        for layer in (*encoder.layers, *decoder.layers):
            layer.activation_fn = nn.ReLU(inplace=True)  # fresh memory for it costs as much as the product before it
        self.post_init()


def register() -> None:
    """Make transformers' Auto classes know these models."""
    AutoConfig.register(SsruMarianConfig.model_type, SsruMarianConfig, exist_ok=True)
    AutoModelForSeq2SeqLM.register(SsruMarianConfig, SsruMarianMTModel, exist_ok=True)
