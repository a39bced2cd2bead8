"""Log-likelihoods of given continuations under a decoder, as lm-evaluation-harness defines them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from assistant.engines.batch import Forward
from assistant.engines.branches import Row, Tokens, rows
from assistant.engines.protocol import Score, ScoreRequest
from assistant.errors import TextTooLong

BATCH_TOKENS = {"cpu": 2048, "cuda": 16384, "mps": 4096}
"""Tokens of one pass, padding included."""
LOGIT_BYTES = 2**28
"""Most that the float32 logits of one pass may take: a vocabulary of 150,000 makes 0.6 MB a token."""
ROW_TOKENS = 2048
"""Of a row of several texts: what it reads grows with the square."""
EMPTY = Score(0.0, (), greedy=True)
"""Of a continuation without tokens."""

Encode = Callable[[str, bool], list[int]]
"""Text → tokens; with what the tokeniser puts before a text (BOS) or without."""


@dataclass(frozen=True)
class Pair:
    """A request in tokens. `context` is never empty."""

    context: tuple[int, ...]
    continuation: tuple[int, ...]

    @property
    def input(self) -> Tokens:
        """What the model reads: everything but the last token, which it only has to predict."""
        return (*self.context, *self.continuation)[:-1]


@dataclass(frozen=True)
class Work:
    """A row of a pass and the pairs that are read off it."""

    row: Row
    pairs: tuple[Pair, ...]

    @property
    def tail(self) -> int:
        """Places at the row's end among which all are whose logits are needed."""
        return len(self.row.tokens) - min(self.row.places[pair.input][-len(pair.continuation)] for pair in self.pairs)


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


def windows(each: Pair, context_length: int) -> list[Pair]:
    """A text without context in pieces that the model can read: each as long as can be, after at least the last token
    of the piece before, as the harness rolls over long texts."""
    tokens = each.continuation
    found = [Pair(each.context, tokens[:context_length])]
    for start in range(context_length, len(tokens), context_length):
        end = min(start + context_length, len(tokens))
        found.append(Pair(tokens[max(0, end - context_length - 1) : start], tokens[start:end]))
    return found


def joined(scores: Sequence[Score]) -> Score:
    """Of a text's pieces, the whole's."""
    if len(scores) == 1:
        return scores[0]
    each = tuple(value for score in scores for value in score.token_logprobs)
    return Score(sum(each), each, all(score.greedy for score in scores))


def batches(pairs: Sequence[Pair], most_tokens: int, most_logits: int, *, branch: bool) -> Iterator[list[Work]]:
    """Rows of like length together, the longest first, so that a pass that takes too much memory fails at once.

    Pairs of one input (a question, four one-token answers) share a row; with `branch`, those do that begin alike. Pairs
    whose continuation is empty need no pass and are in none.
    most_tokens: of one pass, padding included. most_logits: positions of one pass whose logits are kept.
    """
    asked: dict[Tokens, list[Pair]] = {}
    for each in dict.fromkeys(pairs):
        if each.continuation:
            asked.setdefault(each.input, []).append(each)
    made = rows(tuple(asked), min(most_tokens, most_logits, ROW_TOKENS) if branch else 0)
    work = [Work(row, tuple(pair for text in row.places for pair in asked[text])) for row in made]
    batch: list[Work] = []
    wanted = 0
    for each in sorted(work, key=lambda one: len(one.row.tokens), reverse=True):
        more = max(wanted, each.tail)
        longest = len(batch[0].row.tokens) if batch else 0
        if batch and ((len(batch) + 1) * longest > most_tokens or (len(batch) + 1) * more > most_logits):
            yield batch
            batch, more = [], each.tail
        batch.append(each)
        wanted = more
    if batch:
        yield batch


def log_likelihoods(forward: Forward, batch: Sequence[Work]) -> list[tuple[Pair, Score]]:
    """One pass. Rows are padded on the left, so that continuations end together and few logits are needed."""
    lengths = [len(work.row.tokens) for work in batch]
    longest, keep = max(lengths), max(work.tail for work in batch)
    tokens = torch.zeros(len(batch), longest, dtype=torch.long)
    for place, (work, length) in enumerate(zip(batch, lengths, strict=True)):
        tokens[place, longest - length :] = torch.tensor(work.row.tokens)
    logits = forward.read(tokens, keep, **_told_apart(forward, batch, lengths))  # (row, keep, vocabulary)
    found: list[tuple[Pair, Score]] = []
    for place, (work, length) in enumerate(zip(batch, lengths, strict=True)):
        for pair in work.pairs:
            at = [keep - length + each for each in work.row.places[pair.input][-len(pair.continuation) :]]
            found.append((pair, _score(logits[place, at], pair.continuation)))
    return found


def _told_apart(forward: Forward, batch: Sequence[Work], lengths: Sequence[int]) -> dict[str, Tensor]:
    """What a pass is told of padding and of texts that share a row; nothing where there is neither."""
    longest = max(lengths)
    straight = all(work.row.straight for work in batch)
    if straight and min(lengths) == longest:
        return {}
    positions = torch.zeros(len(batch), longest, dtype=torch.long)
    for place, (work, length) in enumerate(zip(batch, lengths, strict=True)):
        positions[place, longest - length :] = torch.tensor(work.row.depths)
    if straight:
        padding = torch.arange(longest) >= longest - torch.tensor(lengths)[:, None]
        return {"attention_mask": padding.long(), "position_ids": positions}
    seen = torch.eye(longest, dtype=torch.bool).repeat(len(batch), 1, 1)  # padding reads itself: no row is empty
    for place, (work, length) in enumerate(zip(batch, lengths, strict=True)):
        seen[place, longest - length :, longest - length :] = work.row.mask()
    dtype = forward.model.dtype
    mask = torch.zeros(seen.shape, dtype=dtype).masked_fill(~seen, torch.finfo(dtype).min)
    return {"attention_mask": mask[:, None], "position_ids": positions}


def _score(logits: Tensor, continuation: tuple[int, ...]) -> Score:
    """logits: before each token of the continuation, (token, vocabulary)."""
    chosen = torch.tensor(continuation, device=logits.device)
    logprobs = logits.float().log_softmax(dim=-1)
    each: list[float] = logprobs.gather(1, chosen[:, None]).squeeze(1).tolist()
    greedy = bool((logprobs.argmax(dim=-1) == chosen).all())
    return Score(sum(each), tuple(each), greedy)
