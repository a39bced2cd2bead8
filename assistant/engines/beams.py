"""Beam search of encoder-decoder models in which rows that can no more improve leave the batch: `generate` carries them
on to the end of the longest. Scores and ends are those of transformers' own (GenerationMixin._beam_search)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from assistant.engines import greedy

NOTHING = -1e9
"""The score of a beam that is not there."""


def able(settings: Any) -> bool:
    """Whether a model of these generation settings (transformers' GenerationConfig) can be searched here."""
    return greedy.able(settings) and not settings.early_stopping


def search(
    model: Any,
    input_ids: Tensor,
    attention_mask: Tensor,
    most: int,
    beams: int,
    *,
    forced: int | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> list[list[Found]]:
    """Of each row the texts that ended, the best first, at most as many as there are beams: the first is what
    `generate(num_beams=beams, do_sample=False, max_new_tokens=most)` would choose.

    input_ids, attention_mask: (row, source token). forced, stopped: as in `greedy.decode`.
    """
    from transformers.cache_utils import DynamicCache, EncoderDecoderCache

    settings = model.generation_config
    penalty = 1.0 if settings.length_penalty is None else settings.length_penalty
    ends, never = greedy.token_ids(settings.eos_token_id, input_ids), greedy.never(settings)
    encoded = model.get_encoder()(input_ids=input_ids, attention_mask=attention_mask, return_dict=True)
    encoded["last_hidden_state"] = encoded["last_hidden_state"].repeat_interleave(beams, 0)
    attention_mask = attention_mask.repeat_interleave(beams, 0)
    cache = EncoderDecoderCache(DynamicCache(config=model.config), DynamicCache(config=model.config))
    rows = list(range(len(input_ids)))  # those that are still in the batch
    finished = [_Finished(beams) for _ in rows]
    scores = torch.full((len(rows), beams), NOTHING, device=input_ids.device)
    scores[:, 0] = 0
    written = input_ids.new_empty(len(rows), beams, 0)  # (row, beam, token)
    token = input_ids.new_full((len(rows) * beams, 1), greedy.start(settings))
    for number in range(most):
        if stopped():
            break
        logits = model(
            encoder_outputs=encoded,
            attention_mask=attention_mask,
            decoder_input_ids=token,
            past_key_values=cache,
            use_cache=True,
        ).logits[:, -1]  # (row and beam, vocabulary)
        chances = logits.float().log_softmax(-1)
        chances[:, never] = -torch.inf
        only = forced if number == 0 else settings.forced_eos_token_id if number == most - 1 else None
        if only is not None:
            chances.fill_(-torch.inf)[:, only] = 0
        totals = (chances.view(len(rows), beams, -1) + scores[:, :, None]).flatten(1)
        best, places = totals.topk(max(2, 1 + len(ends)) * beams)
        source, words = places // chances.shape[1], places % chances.shape[1]  # (row, candidate): beam, token
        ended = torch.isin(words, ends) if number < most - 1 else torch.ones_like(words, dtype=torch.bool)
        length = number + 1
        for row, candidate in ended[:, :beams].nonzero().tolist():
            text = [*written[row, source[row, candidate]].tolist(), int(words[row, candidate])]
            finished[rows[row]].add(float(best[row, candidate]) / length**penalty, text)
        scores, order = (best + ended * NOTHING).topk(beams)
        source, words = source.gather(1, order), words.gather(1, order)
        written = torch.cat([written.gather(1, source[:, :, None].expand(-1, -1, number)), words[:, :, None]], 2)
        hopes = (scores[:, 0] / length**penalty).tolist()
        stay = [place for place, row in enumerate(rows) if finished[row].worst < hopes[place]]
        if not stay:
            break
        places = (torch.arange(len(rows), device=source.device)[:, None] * beams + source)[stay].flatten()
        cache.self_attention_cache.batch_select_indices(places)
        if len(stay) < len(rows):  # what comes from the source is the same for all beams of a row
            cache.cross_attention_cache.batch_select_indices(places)
            encoded["last_hidden_state"], attention_mask = encoded["last_hidden_state"][places], attention_mask[places]
            rows, scores, written, words = [rows[place] for place in stay], scores[stay], written[stay], words[stay]
        token = words.reshape(-1, 1)
    for row, text in zip(rows, written[:, 0].tolist(), strict=True):
        finished[row].add(2 * NOTHING, text)  # of one that was stopped there is nothing better
    last = ends.tolist()
    return [[Found(each.score, _until(each.tokens, last)) for each in row.found] for row in finished]


@dataclass(frozen=True)
class Found:
    """A text. score: its log-likelihood, divided by its length to the power of the model's length penalty."""

    score: float
    tokens: list[int]


class _Finished:
    """The best texts of a row that have ended, as many as there are beams."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.found: list[Found] = []

    def add(self, score: float, text: list[int]) -> None:
        self.found = sorted([*self.found, Found(score, text)], key=lambda each: -each.score)[: self._most]

    @property
    def worst(self) -> float:
        """What a text must beat to count."""
        return self.found[-1].score if len(self.found) == self._most else -torch.inf


def _until(text: list[int], ends: list[int]) -> list[int]:
    return text[:-1] if text and text[-1] in ends else text
