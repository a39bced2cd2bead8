"""Translation by two recurrent networks with attention between them (Bahdanau et al. 2015, arXiv:1409.0473).

Good at: sentences whose words stand in another order. What is read is not squeezed into one state (Sutskever et al.
2014, arXiv:1409.3215): for each word that it makes it looks anew at all that it has read, and one can see where.
Fails at: what it has not met. A word that it never read is none to it, a wrong word is not taken back, and both
networks go word by word, which no number of cores makes faster (the transformer, Vaswani et al. 2017, does away with
that).

    e_ij = vᵀ tanh(W s_{i−1} + U h_j),  α_i = softmax(e_i),  c_i = Σ_j α_ij h_j,  s_i = GRU(s_{i−1}, [E y_{i−1}; c_i])

Here y_i is scored by one linear layer of [s_i; c_i; E y_{i−1}] in place of the maxout layer of the paper, and the
likeliest word is taken each time in place of a beam search.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from demos.errors import BadText
from demos.lesson import Batches, Config, Lesson, load_into, read_about, update
from demos.pairs import BEGIN, END, LONGEST, PAD, UNKNOWN, Pairs, Vocabulary, join, split

HIDDEN_WORDS = 0.02
"""Share of the words read that a training makes unknown, so that an unknown one is nothing new."""
SHOWN, EXAMPLES = 6, 20
"""Sentences that a training shows, and that are kept with the weights."""


@dataclass(frozen=True, kw_only=True)
class TranslatorConfig(Config):
    """hidden: numbers of a state, in each direction; width: numbers of a word; batch_size: pairs at once."""

    data: str = "phrases"
    steps: int = 600
    batch_size: int = 64
    learning_rate: float = 3e-3
    hidden: int = 128
    width: int = 64

    def problems(self) -> list[str]:
        small = [name for name in ("hidden", "width") if getattr(self, name) < 1]
        return [*super().problems(), *(f"{name} is at least 1" for name in small)]


class Encoder(nn.Module):
    """Words (batch, read), PAD after the end → what each means where it stands, h (batch, read, 2 · hidden), and the
    decoder's first state (batch, hidden)."""

    def __init__(self, words: int, width: int, hidden: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, width, padding_idx=PAD)
        self.cells = nn.GRU(width, hidden, batch_first=True, bidirectional=True)
        self.first = nn.Linear(hidden, hidden)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        lengths = (x != PAD).sum(1).cpu()
        packed = pack_padded_sequence(self.embedding(x), lengths, batch_first=True, enforce_sorted=False)
        h, last = self.cells(packed)
        h, _ = pad_packed_sequence(h, batch_first=True, total_length=x.shape[1])
        return h, self.first(last[1]).tanh()  # of the backward direction, which ends at the first word


class Attention(nn.Module):
    """Where to look: weights (batch, read) that sum to 1, of a state (batch, hidden) and keys (batch, read, hidden)."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.state = nn.Linear(hidden, hidden)  # W
        self.key = nn.Linear(2 * hidden, hidden, bias=False)  # U
        self.score = nn.Linear(hidden, 1, bias=False)  # v

    def forward(self, s: Tensor, keys: Tensor, padding: Tensor) -> Tensor:
        """keys: `key` of h, which is the same for every word made; padding: (batch, read) bool, what is not there."""
        e = self.score((self.state(s)[:, None] + keys).tanh())[:, :, 0]
        return e.masked_fill(padding, -torch.inf).softmax(1)


class Decoder(nn.Module):
    """The word before (batch,), a state (batch, hidden), and what was read → scores of the next word (batch, words),
    the new state, and the attention (batch, read)."""

    def __init__(self, words: int, width: int, hidden: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, width, padding_idx=PAD)
        self.attention = Attention(hidden)
        self.cell = nn.GRUCell(width + 2 * hidden, hidden)
        self.head = nn.Linear(3 * hidden + width, words)

    def forward(self, y: Tensor, s: Tensor, h: Tensor, keys: Tensor, padding: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        alpha = self.attention(s, keys, padding)
        context = (alpha[:, None] @ h)[:, 0]
        before = self.embedding(y)
        s = self.cell(torch.cat([before, context], 1), s)
        return self.head(torch.cat([s, context, before], 1)), s, alpha


class TranslatorLesson(Lesson):
    kept = ("encoder", "decoder")

    def __init__(self, config: TranslatorConfig, pairs: Pairs, device: torch.device) -> None:
        self._config, self._pairs, self._device = config, pairs, device
        read, made = ([pair[side] for pair in pairs.train] for side in (0, 1))
        self.read, self.made = Vocabulary.of(read), Vocabulary.of(made)
        self.encoder = Encoder(len(self.read), config.width, config.hidden).to(device)
        self.decoder = Decoder(len(self.made), config.width, config.hidden).to(device)
        self.networks = {"encoder": self.encoder, "decoder": self.decoder}
        parameters = [*self.encoder.parameters(), *self.decoder.parameters()]
        self.optimisers = {"both": torch.optim.Adam(parameters, config.learning_rate)}
        self._x, self._y = self.read.encode(read), self.made.encode(made)
        self._batches = Batches(len(read), config.batch_size, config.seed)

    def learn(self, step: int) -> dict[str, float]:
        places = self._batches.at(step)
        x, y = shortened(self._x[places]).to(self._device), shortened(self._y[places]).to(self._device)
        x = x.masked_fill((torch.rand(x.shape, device=x.device) < HIDDEN_WORDS) & (x > UNKNOWN), UNKNOWN)
        loss = F.cross_entropy(scores(self.encoder, self.decoder, x, y).flatten(0, 1), y.flatten(), ignore_index=PAD)
        rate = self._config.learning_rate * (1 - 0.95 * step / self._config.steps)
        reached = update(self.optimisers["both"], loss, rate=rate, longest=1.0)
        return {"loss": loss.item(), "gradient": reached}

    def show(self) -> str:
        some = self._pairs.test[:SHOWN]
        made = self._translated([read for read, _ in some])
        return "\n".join(f"{join(read)}\n  {join(words)}" for (read, _), words in zip(some, made, strict=True))

    def about(self) -> dict[str, object]:
        for network in self.networks.values():
            network.eval()
        made = self._translated([read for read, _ in self._pairs.test])
        right = sum(words == wanted for words, (_, wanted) in zip(made, self._pairs.test, strict=True))
        return {
            "pairs": self._pairs.name,
            "read": " ".join(self.read.words),
            "made": " ".join(self.made.words),
            "examples": [join(read) for read, _ in self._pairs.test[:EXAMPLES]],
            "test_right": round(right / len(self._pairs.test), 4),
        }

    def _translated(self, sentences: list[list[str]], *, batch: int = 200) -> list[list[str]]:
        found: list[list[str]] = []
        for start in range(0, len(sentences), batch):
            x = self.read.encode(sentences[start : start + batch]).to(self._device)
            found += [self.made.decode(row) for row in decode(self.encoder, self.decoder, x)[0].tolist()]
        return found


def build(config: TranslatorConfig, pairs: Pairs, device: torch.device) -> TranslatorLesson:
    return TranslatorLesson(config, pairs, device)


def shortened(x: Tensor) -> Tensor:
    """Without the columns that are PAD alone."""
    return x[:, : int((x != PAD).sum(1).max())]


def scores(encoder: nn.Module, decoder: Decoder, x: Tensor, y: Tensor) -> Tensor:
    """Of each word of the right translation after those before it (teacher forcing): (batch, made, words).

    x: (batch, read), y: (batch, made) int64, with END.
    """
    h, s = encoder(x)
    keys, padding = decoder.attention.key(h), x == PAD
    before = torch.cat([torch.full_like(y[:, :1], BEGIN), y[:, :-1]], 1)
    found: list[Tensor] = []
    for word in before.unbind(1):
        score, s, _ = decoder(word, s, h, keys, padding)
        found.append(score)
    return torch.stack(found, 1)


@torch.no_grad()
def decode(encoder: nn.Module, decoder: Decoder, x: Tensor, *, most: int = LONGEST) -> tuple[Tensor, Tensor]:
    """The likeliest word each time, up to END: (batch, made) int64, and the attention (batch, made, read)."""
    h, s = encoder(x)
    keys, padding = decoder.attention.key(h), x == PAD
    word = torch.full_like(x[:, 0], BEGIN)
    ended = torch.zeros_like(word, dtype=torch.bool)
    words: list[Tensor] = []
    looked: list[Tensor] = []
    while len(words) < most + 1 and not ended.all():
        score, s, alpha = decoder(word, s, h, keys, padding)
        word = score.argmax(1).masked_fill(ended, PAD)
        ended = ended | (word == END)
        words.append(word)
        looked.append(alpha)
    return torch.stack(words, 1), torch.stack(looked, 1)


@dataclass(frozen=True)
class Translation:
    """Words that were read, those of them that it does not know, words that were made, and for each of these where it
    looked: (made, read + 1), the last for the end of what was read."""

    read: list[str]
    unknown: list[str]
    made: list[str]
    looked: Tensor


class Translator:
    """Trained weights, and what can be done with them."""

    def __init__(self, folder: Path) -> None:
        """Raises NoData."""
        about = read_about(folder)
        config = about["config"]
        self.read, self.made = (Vocabulary(tuple(about[side].split(" "))) for side in ("read", "made"))
        self.examples: Sequence[str] = tuple(about["examples"])
        self.encoder = Encoder(len(self.read), config["width"], config["hidden"])
        self.decoder = Decoder(len(self.made), config["width"], config["hidden"])
        load_into(folder, encoder=self.encoder, decoder=self.decoder)

    def translate(self, text: str) -> Translation:
        """Raises BadText for no words, or too many."""
        words = split(text)
        if not 0 < len(words) <= LONGEST:
            said = f"The sentence has {len(words)} words."
            raise BadText(said, hint=f"Give one of 1 to {LONGEST} words.")
        numbers, looked = decode(self.encoder, self.decoder, self.read.encode([words]))
        made = self.made.decode(numbers[0].tolist())
        known = set(self.read.words)
        return Translation(words, [word for word in words if word not in known], made, looked[0, : len(made)])
