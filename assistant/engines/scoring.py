"""Log-likelihoods of given continuations under a decoder, as lm-evaluation-harness defines them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from assistant.engines.batch import Forward
from assistant.engines.protocol import Score, ScoreRequest
from assistant.errors import TextTooLong

BATCH_TOKENS = {"cpu": 2048, "cuda": 16384, "mps": 4096}
"""Tokens of one pass, padding included."""
LOGIT_BYTES = 2**28
"""Most that the float32 logits of one pass may take: a vocabulary of 150,000 makes 0.6 MB a token."""

Encode = Callable[[str, bool], list[int]]
"""Text → tokens; with what the tokeniser puts before a text (BOS) or without."""


@dataclass(frozen=True)
class Pair:
    """A request in tokens. `context` is never empty."""

    context: tuple[int, ...]
    continuation: tuple[int, ...]

    @property
    def input(self) -> tuple[int, ...]:
        """What the model reads: everything but the last token, which it only has to predict."""
        return (*self.context, *self.continuation)[:-1]


def pair(request: ScoreRequest, encode: Encode, prefix: int) -> Pair:
    """Tokens of a request.

    Both texts are tokenised together and split where the context's own tokens end; spaces at the context's end belong
    to the continuation, as they do in the vocabulary. Without a context, `prefix` (BOS, or else EOS) stands for it.
    """
    if not request.context:
        tokens = encode(request.continuation, False)
        if len(tokens) > 1 and tokens[0] == prefix:
            return Pair((prefix,), tuple(tokens[1:]))
        return Pair((prefix,), tuple(tokens))
    context = request.context.rstrip()
    continuation = request.context[len(context) :] + request.continuation
    if not context:
        return Pair((prefix,), tuple(encode(continuation, False)))
    before, whole = encode(context, True), encode(context + continuation, True)
    after = whole[len(before) :]
    if not after:  # the last token of the context swallowed the continuation ("Fran" + "ce")
        after = encode(continuation, False)
    return Pair(tuple(before) or (prefix,), tuple(after))


def fitted(each: Pair, context_length: int) -> Pair:
    """The pair with the beginning of a long context left out, as the harness does.

    Raises TextTooLong where the continuation alone does not fit.
    """
    if len(each.continuation) > context_length:
        tokens = len(each.continuation)
        raise TextTooLong(f"The text to score has {tokens} tokens, the model reads {context_length}.")
    room = context_length + 1 - len(each.continuation)
    return Pair(each.context[-room:], each.continuation)


def batches(pairs: Sequence[Pair], most_tokens: int, most_logits: int) -> Iterator[list[Pair]]:
    """Pairs of like length together, the longest first, so that a pass that takes too much memory fails at once.

    Pairs of one input (a question, four one-token answers) share a row. most_tokens: of one pass, padding included.
    most_logits: positions of one pass whose logits are kept.
    """
    rows: dict[tuple[int, ...], list[Pair]] = {}
    for each in dict.fromkeys(pairs):
        rows.setdefault(each.input, []).append(each)
    batch: list[Pair] = []
    longest = width = keep = 0
    for tokens in sorted(rows, key=len, reverse=True):
        row_keep = max(len(each.continuation) for each in rows[tokens])
        kept = max(keep, row_keep)
        if batch and ((width + 1) * longest > most_tokens or (width + 1) * kept > most_logits):
            yield batch
            batch, width, kept = [], 0, row_keep
        longest, keep = (longest if width else len(tokens)), kept
        batch += rows[tokens]
        width += 1
    if batch:
        yield batch


def log_likelihoods(forward: Forward, pairs: Sequence[Pair]) -> list[Score]:
    """One pass. Inputs are padded on the left, so that continuations end together and few logits are needed."""
    rows = {tokens: row for row, tokens in enumerate(dict.fromkeys(each.input for each in pairs))}
    keep = max(1, *(len(each.continuation) for each in pairs))
    longest = max(len(tokens) for tokens in rows)
    tokens = torch.zeros(len(rows), longest, dtype=torch.long)
    mask = torch.zeros_like(tokens)
    for inputs, row in rows.items():
        tokens[row, longest - len(inputs) :] = torch.tensor(inputs)
        mask[row, longest - len(inputs) :] = 1
    padding = {} if mask.all() else {"attention_mask": mask, "position_ids": (mask.cumsum(-1) - 1).clamp(min=0)}
    logits = forward.read(tokens, keep, **padding)  # (row, keep, vocabulary)
    return [_score(logits[rows[each.input]], each.continuation) for each in pairs]


def _score(logits: Tensor, continuation: tuple[int, ...]) -> Score:
    if not continuation:
        return Score(0.0, (), greedy=True)
    chosen = torch.tensor(continuation, device=logits.device)
    logprobs = logits[-len(chosen) :].float().log_softmax(dim=-1)  # (continuation, vocabulary)
    each: list[float] = logprobs.gather(1, chosen[:, None]).squeeze(1).tolist()
    greedy = bool((logprobs.argmax(dim=-1) == chosen).all())
    return Score(sum(each), tuple(each), greedy)
