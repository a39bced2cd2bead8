"""A small GPT that writes, character by character (Vaswani et al. 2017, arXiv:1706.03762; Radford et al. 2018).

Good at: memory. Every character looks at every earlier one directly, so nothing has to be carried, and a whole text is
learnt in one pass rather than step by step.
Fails at: length. Looking back costs the square of it, and beyond `length` characters it sees nothing at all.

    Attention(Q, K, V) = softmax(QKᵀ / √d) V                                                                    (eq. 1)
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from demos.errors import BadText
from demos.lesson import Config, Lesson, load_into, read_about, update
from demos.rnn import WRITTEN, draw
from demos.texts import Characters, Text


@dataclass(frozen=True, kw_only=True)
class TransformerConfig(Config):
    """length: characters that it sees; width: numbers a character; heads and layers of attention."""

    data: str = "tales"
    steps: int = 3000
    batch_size: int = 32
    learning_rate: float = 2e-3
    width: int = 96
    layers: int = 3
    heads: int = 4
    length: int = 128

    def problems(self) -> list[str]:
        small = [name for name in ("width", "layers", "heads", "length") if getattr(self, name) < 1]
        wrong = [] if small or self.width % self.heads == 0 else ["width is a multiple of heads"]
        return [*super().problems(), *(f"{name} is at least 1" for name in small), *wrong]


class Block(nn.Module):
    """Attention and a small network for each place, each added to what was there (pre-norm)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.before_attention, self.before_network = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.network = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def _split(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(batch, time, width) → queries, keys and values, each (batch, heads, time, width / heads)."""
        batch, time, _ = x.shape
        parts = self.qkv(self.before_attention(x)).view(batch, time, 3, self.heads, -1)
        q, k, v = parts.permute(2, 0, 3, 1, 4)
        return q, k, v

    def attention(self, x: Tensor) -> Tensor:
        """Who looks at whom: (batch, heads, time, time), each row sums to 1."""
        q, k, _ = self._split(x)
        scores = q @ k.transpose(2, 3) / math.sqrt(q.shape[3])
        future = torch.ones(scores.shape[2:], dtype=torch.bool, device=x.device).triu(1)
        return scores.masked_fill(future, -math.inf).softmax(3)

    def forward(self, x: Tensor) -> Tensor:
        y = F.scaled_dot_product_attention(*self._split(x), is_causal=True)
        x = x + self.out(y.transpose(1, 2).flatten(2))
        return x + self.network(self.before_network(x))


class Gpt(nn.Module):
    """Characters (batch, time ≤ length) → scores of the next one (batch, time, alphabet)."""

    def __init__(self, alphabet: int, width: int, layers: int, heads: int, length: int) -> None:
        super().__init__()
        self.length = length
        self.characters, self.places = nn.Embedding(alphabet, width), nn.Embedding(length, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, alphabet)
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=0.05)

    def forward(self, x: Tensor) -> Tensor:
        h = self.characters(x) + self.places(torch.arange(x.shape[1], device=x.device))
        for block in self.blocks:
            h = block(h)
        return self.head(self.norm(h))

    def attention(self, x: Tensor) -> Tensor:
        """Every layer's attention over a text (time ≤ length): (layers, heads, time, time)."""
        h = self.characters(x[None]) + self.places(torch.arange(len(x), device=x.device))
        maps: list[Tensor] = []
        for block in self.blocks:
            assert isinstance(block, Block)  # noqa: S101
            maps.append(block.attention(h)[0])
            h = block(h)
        return torch.stack(maps)


class TransformerLesson(Lesson):
    kept = ("gpt",)

    def __init__(self, config: TransformerConfig, text: Text, device: torch.device) -> None:
        self._config, self._text, self._device = config, text, device
        shape = (config.width, config.layers, config.heads, config.length)
        self.gpt = Gpt(len(text.characters), *shape).to(device)
        self.networks = {"gpt": self.gpt}
        self.optimisers = {"gpt": torch.optim.AdamW(self.gpt.parameters(), config.learning_rate, weight_decay=0.01)}
        if len(text.train) <= config.length + 1:
            raise BadText(f"The text is shorter than {config.length} characters.", hint="Give a longer one.")

    def learn(self, step: int) -> dict[str, float]:
        length = self._config.length
        starts = torch.randint(len(self._text.train) - length, (self._config.batch_size, 1))
        part = self._text.train[starts + torch.arange(length + 1)].to(self._device)
        loss = F.cross_entropy(self.gpt(part[:, :-1]).flatten(0, 1), part[:, 1:].flatten())
        rate = self._config.learning_rate * min((step + 1) / 100, 1 - 0.9 * step / self._config.steps)
        reached = update(self.optimisers["gpt"], loss, rate=rate, longest=1.0)
        return {"loss": loss.item(), "gradient": reached}

    def show(self) -> str:
        return "".join(write(self.gpt, self._text.characters, "\n\n", WRITTEN, temperature=0.7)).strip()

    def about(self) -> dict[str, object]:
        return {**self._text.facts(), "bits_a_character": round(bits(self.gpt, self._text.test), 4)}


def build(config: TransformerConfig, text: Text, device: torch.device) -> TransformerLesson:
    return TransformerLesson(config, text, device)


@torch.no_grad()
def write(
    gpt: Gpt, characters: Characters, begin: str, count: int, *, temperature: float = 0.7, seed: int = 0
) -> Iterator[str]:
    """Characters that follow `begin`, one at a time."""
    device = next(gpt.parameters()).device
    generator = torch.Generator().manual_seed(seed)
    x = characters.encode(begin or "\n")[None].to(device)
    for _ in range(count):
        x = x[:, -gpt.length :]
        new = draw(gpt(x)[:, -1].cpu(), temperature, generator).to(device)
        x = torch.cat([x, new], 1)
        yield characters.decode(new[0])


@torch.no_grad()
def bits(gpt: Gpt, text: Tensor) -> float:
    """Bits that each character of a text costs where it sees at least half of `length` characters before it, but for
    the first: windows of `length` that begin half of it apart, of each but the first the later half counted."""
    device, half = next(gpt.parameters()).device, max(1, gpt.length // 2)
    total, count = 0.0, 0
    for start in range(0, max(1, len(text) - 1 - half), half):
        part = text[start : start + gpt.length + 1].to(device)
        costs = F.cross_entropy(gpt(part[None, :-1])[0], part[1:], reduction="none")
        costs = costs if start == 0 else costs[gpt.length - half :]
        total, count = total + costs.sum().item(), count + len(costs)
    return total / count / math.log(2)


class Transformer:
    """Trained weights, and what can be done with them."""

    def __init__(self, folder: Path) -> None:
        """Raises NoData."""
        about = read_about(folder)
        config = about["config"]
        self.characters = Characters(about["alphabet"])
        shape = (config["width"], config["layers"], config["heads"], config["length"])
        self.gpt = Gpt(len(self.characters), *shape)
        load_into(folder, gpt=self.gpt)

    def write(self, begin: str = "", count: int = 400, **how: Any) -> Iterator[str]:
        """Characters that follow `begin`. how: as in `write`."""
        yield from write(self.gpt, self.characters, begin, count, **how)
