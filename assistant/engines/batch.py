"""Replies that are decoded together: one forward pass gives each of them its next token.

Rows join after their prompt was read and leave when they end. Their keys and values share one cache, padded on the
left, and an attention mask hides the padding. Eight replies come five times as fast this way as from eight threads that
each call `generate`; docs/experiments.md has the figures, and why transformers' own continuous batching is not used.
"""

from __future__ import annotations

import inspect
import queue
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

from assistant.engines.drawing import Drawer, Drawn, draw
from assistant.engines.prompt_cache import PromptCache


@dataclass(frozen=True, slots=True)
class Progress:
    """Share of the prompt that has been read."""

    share: float


@dataclass(frozen=True, slots=True)
class Token:
    """A token of a reply and when it was there (`time.perf_counter`)."""

    drawn: Drawn
    at: float


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of a reply."""

    finish: Literal["stop", "length", "cancelled"]


Event = Progress | Token | Ended | BaseException


@dataclass(eq=False)
class Ask:
    """A prompt to be continued; what comes of it goes into `events`, an `Ended` or an exception last."""

    prompt: list[int]
    drawer: Drawer
    most_tokens: int
    ends: frozenset[int]
    cancelled: Callable[[], bool] = lambda: False
    adapter: str | None = None
    events: queue.SimpleQueue[Event] = field(default_factory=queue.SimpleQueue[Event])
    cached_tokens: int = 0
    """Of the prompt: those that were read for an earlier request."""
    reply: list[int] = field(default_factory=list[int])
    """The last one's keys and values are not in the cache yet."""

    def take(self, drawn: Drawn) -> bool:
        """Pass a token on; whether the reply goes on after it."""
        self.reply.append(drawn.token)
        self.drawer.remember(drawn.token)
        self.events.put(Token(drawn, time.perf_counter()))
        if drawn.token in self.ends:
            self.events.put(Ended("stop"))
        elif len(self.reply) >= self.most_tokens:
            self.events.put(Ended("length"))
        else:
            return not self.give_up()
        return False

    def give_up(self) -> bool:
        """Whether nobody wants the reply any more; says so to its reader."""
        if cancelled := self.cancelled():
            self.events.put(Ended("cancelled"))
        return cancelled


def input_device(model: Any) -> torch.device:
    """Where a model wants its tokens: the first place of Accelerate's map that computes, which no weight may be on."""
    places = getattr(model, "hf_device_map", {}).values()
    computing = [place for place in places if place not in ("cpu", "disk")]
    if not places:
        return model.device
    return torch.device(computing[0] if computing else "cpu")


class Forward:
    """A decoder model's forward pass, whatever its signature calls things."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.device = input_device(model)
        parameters = inspect.signature(model.forward).parameters
        self._cache_name = "past_key_values" if "past_key_values" in parameters else "cache_params"
        self._keeps_logits = "logits_to_keep" in parameters
        kinds = {type(layer) for layer in self.new_cache().layers} or {DynamicLayer}
        takes_padding = {"attention_mask", "position_ids"} <= set(parameters)
        self.can_pad = takes_padding and kinds <= {DynamicLayer, DynamicSlidingWindowLayer}
        """Rows of different length can share a pass: every layer is attention, which a mask keeps from padding."""
        self.can_join = takes_padding and kinds == {DynamicLayer}
        """Their caches can be joined as well: plain keys and values."""

    def new_cache(self) -> DynamicCache:
        """An empty cache of the kinds of layers that the model has."""
        return DynamicCache(config=self.model.config)

    @torch.inference_mode()
    def step(self, tokens: Tensor, cache: DynamicCache, **inputs: Tensor) -> Tensor:
        """Logits after the last token of each row, (row, vocabulary); tokens: (row, time), to be added to `cache`."""
        return self._call(tokens, 1, use_cache=True, **{self._cache_name: cache}, **inputs)[:, -1]

    @torch.inference_mode()
    def read(self, tokens: Tensor, keep: int, **inputs: Tensor) -> Tensor:
        """Logits after the last `keep` tokens of each row, (row, keep, vocabulary); tokens: (row, time)."""
        return self._call(tokens, keep, use_cache=False, **inputs)[:, -keep:]

    def _call(self, tokens: Tensor, keep: int, **inputs: Any) -> Tensor:
        if self._keeps_logits:
            inputs["logits_to_keep"] = keep
        inputs = {name: value.to(self.device) if isinstance(value, Tensor) else value for name, value in inputs.items()}
        return self.model(input_ids=tokens.to(self.device), **inputs).logits


class Batch:
    """Rows that share a cache, a model adapter and a forward pass."""

    def __init__(self, forward: Forward, ask: Ask, cache: DynamicCache, kept: PromptCache) -> None:
        """Begin with one row: its prompt is in `cache`, its first token in `ask`. What rows leave goes to `kept`."""
        self._forward = forward
        self._kept = kept
        self._cache: Any = cache
        self.asks = [ask]
        self._padding = [0]
        self._mask: Tensor | None = None  # (row, time); None while no row is padded

    @property
    def adapter(self) -> str | None:
        """The adapter that all rows were asked with."""
        return self.asks[0].adapter

    def can_join(self, other: Batch) -> bool:
        """Whether both can share a pass."""
        return self._forward.can_join and self.adapter == other.adapter

    def join(self, other: Batch) -> None:
        """Take in the rows of `other`; the shorter cache is padded on the left."""
        longer = max(self._length, other._length)
        self._pad(longer - self._length)
        other._pad(longer - other._length)
        for mine, theirs in zip(self._cache.layers, other._cache.layers, strict=True):
            mine.keys = torch.cat([mine.keys, theirs.keys])
            mine.values = torch.cat([mine.values, theirs.values])
        self.asks += other.asks
        self._padding += other._padding
        self._remask()

    def step(self) -> None:
        """One token for each row. Rows that end leave; `asks` is empty when none is left."""
        self._keep([row for row, ask in enumerate(self.asks) if not ask.give_up()])
        if not self.asks:
            return
        tokens = torch.tensor([[ask.reply[-1]] for ask in self.asks])
        inputs: dict[str, Tensor] = {}
        if self._mask is not None:
            self._mask = functional.pad(self._mask, (0, 1), value=1)
            inputs["attention_mask"] = self._mask
            inputs["position_ids"] = torch.tensor([[self._length - pad] for pad in self._padding])
        drawn = draw(self._forward.step(tokens, self._cache, **inputs), [ask.drawer for ask in self.asks])
        self._keep([row for row, ask in enumerate(self.asks) if ask.take(drawn[row])])

    def fail(self, error: BaseException) -> None:
        """Tell every row's reader."""
        for ask in self.asks:
            ask.events.put(error)
        self.asks = []

    @property
    def _length(self) -> int:
        return self._cache.get_seq_length()

    def _pad(self, width: int) -> None:
        if not width:
            return
        for layer in self._layers:  # (row, head, time, feature)
            layer.keys = functional.pad(layer.keys, (0, 0, width, 0))
            layer.values = functional.pad(layer.values, (0, 0, width, 0))
        self._padding = [pad + width for pad in self._padding]

    def _keep(self, rows: Sequence[int]) -> None:
        """Let go of the other rows, and of padding that no row that is left needs."""
        if len(rows) == len(self.asks):
            return
        if self._forward.can_join:
            for row in set(range(len(self.asks))) - set(rows):
                self._remember(row)
        self.asks = [self.asks[row] for row in rows]
        self._padding = [self._padding[row] for row in rows]
        if not rows:
            return
        spare = min(self._padding)
        for layer in self._layers:
            chosen = torch.tensor(rows, device=layer.keys.device)
            layer.keys = layer.keys[chosen, :, spare:]
            layer.values = layer.values[chosen, :, spare:]
        self._padding = [pad - spare for pad in self._padding]
        self._remask()

    def _remember(self, row: int) -> None:
        """Keep what was read for a row that leaves; without holding on to the rows that stay."""
        ask, start = self.asks[row], self._padding[row]
        alone = len(self.asks) == 1
        layers = [
            (layer.keys[row : row + 1, :, start:], layer.values[row : row + 1, :, start:]) for layer in self._layers
        ]
        tokens = [*ask.prompt, *ask.reply][: self._length - start]
        self._kept.keep(tokens, ask.adapter, layers if alone else [(k.clone(), v.clone()) for k, v in layers])

    @property
    def _layers(self) -> list[Any]:
        return self._cache.layers

    def _remask(self) -> None:
        self._mask = None
        if any(self._padding):
            places = torch.arange(self._length)
            mask = places >= torch.tensor(self._padding)[:, None]  # (row, time)
            self._mask = mask.long()
