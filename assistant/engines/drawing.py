"""Choosing the next token from a model's logits: one row of a batch at a time, each with its own settings and seed.

The filters come in llama.cpp's order (repeat penalty, top_k, top_p, min_p, and the temperature last), so that the same
settings draw from the same distribution on either engine. Each row draws with a generator of its own: a seed repeats a
reply whatever other threads draw. Only the likeliest candidates leave the device; sorting a vocabulary of 150,000 for
top_p alone, as transformers' own warpers do, costs more than all of this.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from assistant.engines.protocol import Sampling

PENALTY_WINDOW = 64
"""Tokens that the repeat penalty looks back on, as in llama.cpp."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A chosen token; its log-probability before any filter and the runners-up's, best first, where they were asked."""

    token: int
    logprob: float = 0.0
    alternatives: tuple[tuple[int, float], ...] = ()


@dataclass
class Drawer:
    """How one reply draws its tokens. `recent` is the end of what stands before the next token."""

    sampling: Sampling
    probabilities: int = 0
    recent: list[int] = field(default_factory=list[int])
    generator: torch.Generator = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.generator = torch.Generator()
        if self.sampling.seed is None:
            self.generator.seed()
        else:
            self.generator.manual_seed(self.sampling.seed)
        self.recent = self.recent[-PENALTY_WINDOW:]

    @property
    def is_argmax(self) -> bool:
        """Nothing but the likeliest token is wanted: the whole batch's can be had at once."""
        return self.sampling.temperature == 0 and self.sampling.repeat_penalty == 1 and not self.probabilities

    def candidates(self, vocabulary: int) -> int:
        """How many of the likeliest tokens have to be looked at."""
        chosen = 1 if self.sampling.temperature == 0 else self.sampling.top_k or vocabulary
        return min(vocabulary, max(chosen, self.probabilities))

    def remember(self, token: int) -> None:
        """Add a token to what the repeat penalty looks back on."""
        self.recent = [*self.recent[1 - PENALTY_WINDOW :], token]


def draw(logits: Tensor, drawers: Sequence[Drawer]) -> list[Drawn]:
    """The next token of each row. logits: (row, vocabulary), any float type, on any device."""
    if all(drawer.is_argmax for drawer in drawers):
        return [Drawn(token) for token in logits.argmax(dim=-1).tolist()]
    scores = logits.float()
    penalised = scores
    if any(drawer.sampling.repeat_penalty != 1 for drawer in drawers):
        penalised = torch.stack([_penalised(row, drawer) for row, drawer in zip(scores, drawers, strict=True)])
    most = max(drawer.candidates(scores.shape[-1]) for drawer in drawers)
    best, tokens = penalised.topk(most, dim=-1)  # (row, candidate), best first
    chosen = [
        _choose(values, indices, drawer)
        for values, indices, drawer in zip(best.cpu(), tokens.cpu(), drawers, strict=True)
    ]
    if not any(drawer.probabilities for drawer in drawers):
        return [Drawn(token) for token in chosen]
    return [
        _with_probabilities(row, token, drawer.probabilities) if drawer.probabilities else Drawn(token)
        for row, token, drawer in zip(scores, chosen, drawers, strict=True)
    ]


def _penalised(row: Tensor, drawer: Drawer) -> Tensor:
    """Keskar et al. 2019 (arXiv:1909.05858, section 4.1), with llama.cpp's window."""
    penalty = drawer.sampling.repeat_penalty
    if penalty == 1 or not drawer.recent:
        return row
    seen = torch.tensor(sorted(set(drawer.recent)), device=row.device)
    kept = row[seen]
    return row.scatter(0, seen, torch.where(kept > 0, kept / penalty, kept * penalty))


def _choose(values: Tensor, tokens: Tensor, drawer: Drawer) -> int:
    """Filter sorted candidates, then draw one. values, tokens: (candidate,) on the CPU, best first."""
    sampling = drawer.sampling
    if sampling.temperature == 0:
        return int(tokens[0])
    values = values[: sampling.top_k] if sampling.top_k else values
    keep = len(values)
    if sampling.top_p < 1:  # the fewest that together reach top_p, so those before which it is not reached
        reached = values.softmax(dim=-1).cumsum(dim=-1)
        keep = min(keep, 1 + int((reached < sampling.top_p).sum()))
    if sampling.min_p > 0:
        keep = min(keep, int((values >= values[0] + math.log(sampling.min_p)).sum()))
    probabilities = (values[:keep] / sampling.temperature).softmax(dim=-1)
    return int(tokens[torch.multinomial(probabilities, 1, generator=drawer.generator)])


def _with_probabilities(row: Tensor, token: int, count: int) -> Drawn:
    logprobs = row.log_softmax(dim=-1)
    best, tokens = logprobs.topk(count)
    alternatives = tuple(zip(tokens.tolist(), best.tolist(), strict=True))
    return Drawn(token, float(logprobs[token]), alternatives)
