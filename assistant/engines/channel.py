"""Choosing among translations by what they would say when translated back (noisy channel: Yee et al. 2019,
arXiv:1908.05731), for models that do both directions: where they hardly know a word, what means nothing of the kind is
left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from assistant.engines import greedy
from assistant.engines.beams import Found
from assistant.engines.by_length import batches

BATCH_TOKENS = 4096
"""Of the longer side, padding included: a token has a number for each word of the vocabulary."""


def likelihoods(model: Any, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]) -> list[float]:
    """log p(target | source) of each pair, summed over the target's tokens, which end with the model's end token."""
    start = greedy.start(model.generation_config)
    padding = model.config.pad_token_id
    found = [0.0] * len(sources)
    sizes = [max(len(source), len(target)) for source, target in zip(sources, targets, strict=True)]
    for places in batches(sizes, BATCH_TOKENS):
        read = _padded([sources[place] for place in places], padding, model.device)
        wanted = _padded([targets[place] for place in places], -1, model.device)  # (pair, token)
        there = wanted >= 0
        known = wanted.clamp(min=0)
        begun = torch.cat([known.new_full((len(places), 1), start), known[:, :-1]], 1)
        logits = model(
            input_ids=read, attention_mask=(read != padding).long(), decoder_input_ids=begun, use_cache=False
        ).logits.float()
        told = logits.gather(-1, known[..., None])[..., 0] - logits.logsumexp(-1)
        for place, value in zip(places, (told * there).sum(1).tolist(), strict=True):
            found[place] = value
    return found


def chosen(found: Sequence[Found], back: Sequence[float], penalty: float, weight: float) -> int:
    """The place of the text with the most of log p(text | source) + weight · log p(source | text).

    back: log p(source | text) of each. penalty: by which the scores were divided by lengths.
    """
    sums = [
        each.score * (len(each.tokens) + 1) ** penalty + weight * other for each, other in zip(found, back, strict=True)
    ]
    return max(range(len(sums)), key=sums.__getitem__)


def _padded(rows: Sequence[Sequence[int]], padding: int, device: torch.device) -> Tensor:
    tensors = [torch.tensor(row, device=device) for row in rows]
    return pad_sequence(tensors, batch_first=True, padding_value=padding)
