"""Greedy decoding of encoder-decoder models in which rows that have ended leave the batch: `generate` carries them on
to the end of the longest, and does a good deal else at each token that a greedy choice does not need."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor

from assistant.engines.best_word import BestWord, without_output_layer

LEAVING = 0.125
"""Share of the batch's rows that leave together: each time copies the keys and values of those that stay."""
KNOWN = {
    *("decoder_start_token_id", "bos_token_id", "eos_token_id", "pad_token_id", "forced_eos_token_id", "bad_words_ids"),
    *("max_length", "max_new_tokens", "num_beams", "early_stopping", "length_penalty", "use_cache"),
    *("do_sample", "temperature", "top_k", "top_p", "renormalize_logits", "transformers_version", "_from_model_config"),
}
"""What a model's generation settings may say and be decoded here; the second and third line change no greedy choice."""


def able(settings: Any) -> bool:
    """Whether a model of these generation settings (transformers' GenerationConfig) can be decoded here: they ask for
    nothing that would change a greedy choice but tokens that must not come."""
    said = {name: value for name, value in settings.to_diff_dict().items() if value}
    return said.keys() <= KNOWN and all(len(words) == 1 for words in said.get("bad_words_ids") or [])


def decode(
    model: Any,
    input_ids: Tensor,
    attention_mask: Tensor,
    most: int,
    *,
    best: BestWord | None = None,
    forced: int | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> list[list[int]]:
    """Each row's tokens, as `generate(num_beams=1, do_sample=False, max_new_tokens=most)` would choose them.

    input_ids, attention_mask: (row, source token). best: the model's own, where it has one. forced: the first token of
    each. stopped: asked before each token; what there is then is what comes out.
    """
    with without_output_layer(model) if best else nullcontext():
        return _decode(model, input_ids, attention_mask, most, best, forced, stopped)


def best_word(model: Any) -> BestWord | None:
    """For `decode`: None for a model whose output layer is not plain."""
    return BestWord.of(model, never(model.generation_config))


def _decode(
    model: Any,
    input_ids: Tensor,
    attention_mask: Tensor,
    most: int,
    best: BestWord | None,
    forced: int | None,
    stopped: Callable[[], bool],
) -> list[list[int]]:
    from transformers.cache_utils import DynamicCache, EncoderDecoderCache

    settings = model.generation_config
    ends, forbidden = token_ids(settings.eos_token_id, input_ids), never(settings)
    encoded = model.get_encoder()(input_ids=input_ids, attention_mask=attention_mask, return_dict=True)
    cache = EncoderDecoderCache(DynamicCache(config=model.config), DynamicCache(config=model.config))
    rows = torch.arange(len(input_ids), device=input_ids.device)  # those that are still in the batch
    token = torch.full_like(rows, start(settings))[:, None]  # (row, 1)
    going = torch.ones_like(rows, dtype=torch.bool)
    steps: list[tuple[Tensor, Tensor]] = []  # rows, their tokens
    for number in range(most):
        if stopped():
            break
        found = model(
            encoder_outputs=encoded,
            attention_mask=attention_mask,
            decoder_input_ids=token,
            past_key_values=cache,
            use_cache=True,
        ).logits[:, -1]  # (row, vocabulary), or (row, width) for `best`
        chosen = best(found) if best else _greatest(found, forbidden)
        if number == 0 and forced is not None:
            chosen.fill_(forced)
        elif number == most - 1 and settings.forced_eos_token_id is not None:
            break
        going &= ~torch.isin(chosen, ends)
        steps.append((rows[going], chosen[going]))
        left = int(going.sum())
        if not left:
            break
        if left <= (1 - LEAVING) * len(rows):
            cache.batch_select_indices(stay := going.nonzero()[:, 0])
            encoded["last_hidden_state"] = encoded["last_hidden_state"][stay]
            attention_mask, rows, chosen, going = attention_mask[stay], rows[stay], chosen[stay], going[stay]
        token = chosen[:, None]
    written: list[list[int]] = [[] for _ in range(len(input_ids))]
    for places, tokens in steps:
        for place, each in zip(places.tolist(), tokens.tolist(), strict=True):
            written[place].append(each)
    return written


def _greatest(logits: Tensor, never: list[int]) -> Tensor:
    if never:
        logits[:, never] = -torch.inf
    return logits.argmax(-1)


def start(settings: Any) -> int:
    """The token that begins what is written."""
    given = settings.decoder_start_token_id
    return settings.bos_token_id if given is None else given


def never(settings: Any) -> list[int]:
    """Tokens that must not come."""
    return [words[0] for words in settings.bad_words_ids or []]


def token_ids(some: int | list[int] | None, like: Tensor) -> Tensor:
    """A setting of one token, several or none."""
    listed = [] if some is None else [some] if isinstance(some, int) else some
    return torch.tensor(listed, dtype=torch.long, device=like.device)
