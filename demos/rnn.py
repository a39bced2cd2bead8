"""A recurrent network that writes, character by character (Elman 1990; LSTM: Hochreiter & Schmidhuber 1997; GRU: Cho et
al. 2014, arXiv:1406.1078), trained by back-propagation through time that is cut off after `length` characters.

Good at: streams. What it knows of the past is one state of fixed size: the millionth character costs what the first
did.
Fails at: memory. All of the past has to fit in that state, and what an early character did to a late loss is lost on
the way back: the gradient is a product of as many factors as there are steps (Bengio et al. 1994). The gates of LSTM
and GRU keep it alive for longer, not for ever.

    h_t = tanh(W x_t + U h_{t−1} + b);   LSTM: c_t = f_t ⊙ c_{t−1} + i_t ⊙ g_t,  h_t = o_t ⊙ tanh(c_t)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from demos.errors import BadText
from demos.lesson import Config, Lesson, load_into, read_about, update
from demos.texts import Characters, Text

Cell = Literal["lstm", "gru", "rnn"]
CELLS: dict[Cell, Callable[..., nn.RNNBase]] = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}
WRITTEN = 300
"""Characters that a training shows."""


@dataclass(frozen=True, kw_only=True)
class RnnConfig(Config):
    """length: characters that a gradient goes back; hidden: numbers of a layer's state; batch_size: streams at once."""

    data: str = "tales"
    steps: int = 3000
    batch_size: int = 32
    learning_rate: float = 3e-3
    cell: Cell = "lstm"
    hidden: int = 256
    layers: int = 1
    length: int = 64

    def problems(self) -> list[str]:
        small = [name for name in ("hidden", "layers", "length") if getattr(self, name) < 1]
        return [*super().problems(), *(f"{name} is at least 1" for name in small)]


class Writer(nn.Module):
    """Characters (batch, time) → scores of the next one (batch, time, alphabet), and the state after the last."""

    def __init__(self, alphabet: int, cell: Cell, hidden: int, layers: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(alphabet, 64)
        self.cells = CELLS[cell](64, hidden, layers, batch_first=True)
        self.head = nn.Linear(hidden, alphabet)

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        h, state = self.cells(self.embedding(x), state)
        return self.head(h), state


class Carried(nn.Module):
    """The state of each stream between two steps of the training, so that a checkpoint has it."""

    def __init__(self, layers: int, streams: int, hidden: int) -> None:
        super().__init__()
        self.h: Tensor
        self.c: Tensor
        self.register_buffer("h", torch.zeros(layers, streams, hidden))
        self.register_buffer("c", torch.zeros(layers, streams, hidden))

    def put(self, state: Any) -> None:
        h, c = state if isinstance(state, tuple) else (state, self.c)
        self.h.copy_(h.detach())
        self.c.copy_(c.detach())


class RnnLesson(Lesson):
    kept = ("writer",)

    def __init__(self, config: RnnConfig, text: Text, device: torch.device) -> None:
        self._config, self._text, self._device = config, text, device
        self.writer = Writer(len(text.characters), config.cell, config.hidden, config.layers).to(device)
        self.carried = Carried(config.layers, config.batch_size, config.hidden).to(device)
        self.networks = {"writer": self.writer, "carried": self.carried}
        self.optimisers = {"writer": torch.optim.Adam(self.writer.parameters(), config.learning_rate)}
        each = len(text.train) // config.batch_size
        if each <= config.length:
            said = f"The text is too short for {config.batch_size} streams of {config.length} characters."
            raise BadText(said, hint="Give a longer text, or a smaller batch_size or length.")
        self._streams = text.train[: each * config.batch_size].view(config.batch_size, each)

    def learn(self, step: int) -> dict[str, float]:
        length = self._config.length
        place = step % ((self._streams.shape[1] - 1) // length)
        if not place:
            self.carried.h.zero_()
            self.carried.c.zero_()
        part = self._streams[:, place * length : (place + 1) * length + 1].to(self._device)
        kept = (self.carried.h.clone(), self.carried.c.clone())
        scores, state = self.writer(part[:, :-1], kept if self._config.cell == "lstm" else kept[0])
        self.carried.put(state)
        loss = F.cross_entropy(scores.flatten(0, 1), part[:, 1:].flatten())
        rate = self._config.learning_rate * (1 - 0.9 * step / self._config.steps)
        reached = update(self.optimisers["writer"], loss, rate=rate, longest=1.0)
        return {"loss": loss.item(), "gradient": reached}

    def show(self) -> str:
        return "".join(write(self.writer, self._text.characters, "\n\n", WRITTEN, temperature=0.7)).strip()

    def about(self) -> dict[str, object]:
        return {**self._text.facts(), "bits_a_character": round(bits(self.writer, self._text.test), 4)}


def build(config: RnnConfig, text: Text, device: torch.device) -> RnnLesson:
    return RnnLesson(config, text, device)


@torch.no_grad()
def writing(
    writer: nn.Module, characters: Characters, begin: str, count: int, *, temperature: float = 0.7, seed: int = 0
) -> Iterator[tuple[str, Tensor]]:
    """Characters that follow `begin`, one at a time, each with the top layer's state that it was drawn from,
    (hidden,)."""
    device = next(writer.parameters()).device
    generator = torch.Generator().manual_seed(seed)
    x, state = characters.encode(begin or "\n")[None].to(device), None
    for _ in range(count):
        scores, state = writer(x, state)
        x = draw(scores[:, -1].cpu(), temperature, generator).to(device)
        h = state[0] if isinstance(state, tuple) else state  # (layers, 1, hidden); an LSTM's cells are its memory
        yield characters.decode(x[0]), h[-1, 0].cpu()


def write(writer: nn.Module, characters: Characters, begin: str, count: int, **how: Any) -> Iterator[str]:
    """Characters that follow `begin`, one at a time. how: as in `writing`."""
    return (character for character, _ in writing(writer, characters, begin, count, **how))


def draw(scores: Tensor, temperature: float, generator: torch.Generator) -> Tensor:
    """One of each row's characters, (batch, 1); at temperatures below 0.01 the likeliest."""
    if not temperature >= 0.01:  # also for what is no number
        return scores.argmax(1, keepdim=True)
    return torch.multinomial((scores / temperature).softmax(1), 1, generator=generator)


@torch.no_grad()
def bits(writer: nn.Module, text: Tensor, *, piece: int = 4096) -> float:
    """Bits that each character of a text costs, the state carried through: perplexity a character is 2 to that."""
    device, state, total = next(writer.parameters()).device, None, 0.0
    for start in range(0, len(text) - 1, piece):
        part = text[start : start + piece + 1].to(device)
        scores, state = writer(part[None, :-1], state)
        total += F.cross_entropy(scores[0], part[1:], reduction="sum").item()
    return total / (len(text) - 1) / math.log(2)


@torch.no_grad()
def states(writer: Writer, x: Tensor) -> Tensor:
    """The top layer's state after each character: (time, hidden), for a heat map. x: (time,)."""
    return writer.cells(writer.embedding(x[None]))[0][0]


def memory(writer: Writer, x: Tensor, reach: int = 60) -> list[float]:
    """How much a character matters for the loss so many places later: ‖∂L_T / ∂e_{T−d}‖ for d = 0 … reach − 1, the mean
    over rows, as a share of d = 0. x: (batch, time) with time > reach."""
    embedded = writer.embedding(x[:, :-1]).detach().requires_grad_()
    with torch.enable_grad():
        h, _ = writer.cells(embedded)
        F.cross_entropy(writer.head(h[:, -1]), x[:, -1], reduction="sum").backward()
    assert embedded.grad is not None  # noqa: S101
    norms = embedded.grad.norm(dim=2).mean(0).flip(0)[:reach]
    return (norms / norms[0]).tolist()


class Rnn:
    """Trained weights, and what can be done with them."""

    def __init__(self, folder: Path) -> None:
        """Raises NoData."""
        about = read_about(folder)
        config = about["config"]
        self.characters = Characters(about["alphabet"])
        self.cell: Cell = config["cell"]
        self.writer = Writer(len(self.characters), self.cell, config["hidden"], config["layers"])
        load_into(folder, writer=self.writer)

    def write(self, begin: str = "", count: int = 400, **how: Any) -> Iterator[str]:
        """Characters that follow `begin`. how: as in `writing`."""
        yield from write(self.writer, self.characters, begin, count, **how)

    def writing(self, begin: str = "", count: int = 400, **how: Any) -> Iterator[tuple[str, Tensor]]:
        """The same, each with the state that it was drawn from, (hidden,)."""
        yield from writing(self.writer, self.characters, begin, count, **how)
