"""A picture in words: convolutions that see, and an LSTM that says what they saw (Vinyals et al. 2015,
arXiv:1411.4555).

Good at: anything that can be put in words. The network that looks is trained through the one that speaks, so it learns
to see what is talked of: here the kind, how light it is and its shape, which no label says.
Fails at: looking closely. The picture is shown once, squeezed into one vector, before the first word; and a fluent
sentence may be wrong, for the words before make the next one likely whatever is on the picture. (To look anew at each
word: Xu et al. 2015, arXiv:1502.03044.)

    x_{−1} = CNN(I),  x_t = W_e S_t,  p_{t+1} = softmax(LSTM(x_t)),  L(I, S) = −Σ_t log p_t(S_t)             (eq. 10–13)

The likeliest word is taken each time, in place of the paper's beam search.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from demos.captions import captions
from demos.images import SIZE, Pictures, scaled
from demos.lesson import Batches, Config, Lesson, load_into, picture_facts, read_about, update
from demos.pairs import BEGIN, END, PAD, Vocabulary, join, split

LONGEST = 24
"""Words of a caption that are said at the most."""
SHOWN = 8


@dataclass(frozen=True, kw_only=True)
class CaptionerConfig(Config):
    """width: channels of the first layer; hidden: numbers of the picture, of a word, and of the LSTM's state."""

    steps: int = 2500
    batch_size: int = 64
    learning_rate: float = 2e-3
    width: int = 16
    hidden: int = 128

    def problems(self) -> list[str]:
        small = [name for name in ("width", "hidden") if getattr(self, name) < 1]
        return [*super().problems(), *(f"{name} is at least 1" for name in small)]


class Eye(nn.Module):
    """Pictures (batch, channels, 28, 28) in [-1, 1] → what is seen on them (batch, hidden)."""

    def __init__(self, channels: int, width: int, hidden: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, width, 4, 2, 1),
            nn.ReLU(),
            nn.Conv2d(width, 2 * width, 4, 2, 1),
            nn.BatchNorm2d(2 * width),
            nn.ReLU(),
            nn.Conv2d(2 * width, 4 * width, 3, 1, 1),
            nn.BatchNorm2d(4 * width),
            nn.ReLU(),
            nn.Flatten(),
            nn.Dropout(0.2),
            nn.Linear(4 * width * (SIZE // 4) ** 2, hidden),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)


class Speaker(nn.Module):
    """Inputs (batch, time, hidden) → scores of the words that come next (batch, time, words), and the state."""

    def __init__(self, words: int, hidden: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, hidden, padding_idx=PAD)
        self.cells = nn.LSTM(hidden, hidden, batch_first=True)
        self.head = nn.Linear(hidden, words)

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        h, after = self.cells(x, state)
        return self.head(h), after


class CaptionerLesson(Lesson):
    kept = ("eye", "speaker")

    def __init__(self, config: CaptionerConfig, pictures: Pictures, test: Pictures, device: torch.device) -> None:
        self._config, self._pictures, self._test, self._device = config, pictures, test, device
        self._said, self._wanted = said_of(pictures), said_of(test)
        self.vocabulary = Vocabulary.of(self._said)
        self.eye = Eye(pictures.channels, config.width, config.hidden).to(device)
        self.speaker = Speaker(len(self.vocabulary), config.hidden).to(device)
        self.networks = {"eye": self.eye, "speaker": self.speaker}
        parameters = [*self.eye.parameters(), *self.speaker.parameters()]
        self.optimisers = {"both": torch.optim.Adam(parameters, config.learning_rate)}
        self._batches = Batches(len(pictures), config.batch_size, config.seed)

    def learn(self, step: int) -> dict[str, float]:
        places = self._batches.at(step)
        x = scaled(self._pictures.images[places]).to(self._device)
        y = self.vocabulary.encode([self._said[place] for place in places.tolist()]).to(self._device)
        loss = caption_loss(scores(self.eye, self.speaker, x, y), y)
        rate = self._config.learning_rate * (1 - 0.95 * step / self._config.steps)
        reached = update(self.optimisers["both"], loss, rate=rate, longest=5.0)
        return {"loss": loss.item(), "gradient": reached}

    def show(self) -> str:
        some = slice(0, SHOWN)
        made = say(self.eye, self.speaker, self.vocabulary, self._test.images[some])
        return "\n".join(
            f"{join(words)}{'' if words == wanted else f'  (it is {join(wanted)})'}"
            for words, wanted in zip(made, self._wanted[some], strict=True)
        )

    def about(self) -> dict[str, object]:
        for network in self.networks.values():
            network.eval()
        made = say(self.eye, self.speaker, self.vocabulary, self._test.images)
        right = sum(words == wanted for words, wanted in zip(made, self._wanted, strict=True))
        words = " ".join(self.vocabulary.words)
        return {**picture_facts(self._pictures), "words": words, "test_right": round(right / len(made), 4)}


def build(config: CaptionerConfig, pictures: Pictures, test: Pictures, device: torch.device) -> CaptionerLesson:
    return CaptionerLesson(config, pictures, test, device)


def said_of(pictures: Pictures) -> list[list[str]]:
    """The right caption of each, as words."""
    names = [pictures.classes[label] for label in pictures.labels.tolist()]
    return [split(said) for said in captions(pictures.images, names)]


def scores(eye: nn.Module, speaker: Speaker, x: Tensor, y: Tensor) -> Tensor:
    """Of each word of the right captions after those before it: (batch, time, words).

    x: (batch, channels, 28, 28) in [-1, 1]; y: (batch, time) int64, with END.
    """
    before = torch.cat([torch.full_like(y[:, :1], BEGIN), y[:, :-1]], 1)
    seen = torch.cat([eye(x)[:, None], speaker.embedding(before)], 1)  # x_{−1}, then the words
    return speaker(seen)[0][:, 1:]


def caption_loss(scores: Tensor, y: Tensor) -> Tensor:
    """−Σ_t log p_t(S_t), the mean over captions (eq. 13). scores: (batch, time, words); y: (batch, time) int64."""
    return F.cross_entropy(scores.flatten(0, 1), y.flatten(), ignore_index=PAD, reduction="sum") / len(y)


@torch.no_grad()
def say(
    eye: nn.Module, speaker: Speaker, vocabulary: Vocabulary, images: Tensor, *, batch: int = 500
) -> list[list[str]]:
    """The words of each picture: uint8, or float in [-1, 1]."""
    device = speaker.head.weight.device
    found: list[list[str]] = []
    for part in images.split(batch):
        x = (scaled(part) if part.dtype == torch.uint8 else part).to(device)
        _, state = speaker(eye(x)[:, None])
        word = torch.full((len(x),), BEGIN, device=device)
        words: list[Tensor] = []
        while len(words) <= LONGEST and (word != END).any():
            score, state = speaker(speaker.embedding(word)[:, None], state)
            word = score[:, 0].argmax(1)
            words.append(word)
        found += [vocabulary.decode(row) for row in torch.stack(words, 1).tolist()]
    return found


class Captioner:
    """Trained weights, and what can be done with them."""

    def __init__(self, folder: Path) -> None:
        """Raises NoData."""
        about = read_about(folder)
        width, hidden = about["config"]["width"], about["config"]["hidden"]
        self.classes, self.channels = tuple(about["classes"]), about["channels"]
        self.vocabulary = Vocabulary(tuple(about["words"].split(" ")))
        self.eye, self.speaker = Eye(self.channels, width, hidden), Speaker(len(self.vocabulary), hidden)
        load_into(folder, eye=self.eye, speaker=self.speaker)

    def say(self, images: Tensor) -> Sequence[str]:
        """What is on each picture: (count, channels, 28, 28), uint8 or float in [-1, 1]."""
        return [join(words) for words in say(self.eye, self.speaker, self.vocabulary, images)]
