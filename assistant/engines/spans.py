"""Questions answered by a span of a passage, as BERT does (Devlin et al. 2019, arXiv:1810.04805, 4.2 and 4.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from assistant.engines.protocol import Span
from assistant.errors import TextTooLong

MOST_TOKENS = 30
"""Of an answer."""
LEAST_ROOM = 8
"""Tokens of a passage that must fit beside the question."""
STRIDE = 64
"""Tokens that two pieces of a passage which is too long for one pass share."""


def best_span(question: str, passages: Sequence[str], model: Any, tokenizer: Any, context_length: int) -> Span | None:
    """The likeliest answer in any of the passages; None where "no answer", which the first token stands for, is
    likelier than each. Scores are comparable across passages as differences to that.

    Raises TextTooLong where the question leaves no room for a passage.
    """
    room = context_length - len(tokenizer(question)["input_ids"]) - 1  # for a passage and the token that ends it
    if room < LEAST_ROOM:
        raise TextTooLong(f"The question leaves room for {max(0, room)} tokens of text.", hint="Ask in fewer words.")
    encoded = tokenizer(
        [question] * len(passages),
        list(passages),
        truncation="only_second",
        max_length=context_length,
        stride=min(STRIDE, room // 2),
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
        padding=True,
        return_tensors="pt",
    )
    offsets: list[list[list[int]]] = encoded.pop("offset_mapping").tolist()
    owners: list[int] = encoded.pop("overflow_to_sample_mapping").tolist()
    with torch.inference_mode():
        out = model(**encoded.to(model.device))
    begins, ends = out.start_logits.float().cpu(), out.end_logits.float().cpu()  # (piece, token)
    best: Span | None = None
    for row, owner in enumerate(owners):
        inside = torch.tensor([part == 1 for part in encoded.sequence_ids(row)])
        away = torch.where(inside, 0.0, -torch.inf)
        table = (begins[row] + away)[:, None] + (ends[row] + away)[None, :]  # (first token, last token)
        allowed = torch.ones_like(table).triu().tril(MOST_TOKENS - 1).bool()  # no answer ends before it begins
        first, last = divmod(int(table.where(allowed, -torch.inf).argmax()), table.shape[1])
        score = float(table[first, last] - begins[row, 0] - ends[row, 0])
        if score > 0 and (best is None or score > best.score):
            best = Span(owner, offsets[row][first][0], offsets[row][last][1], score)
    return best
