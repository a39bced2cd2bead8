"""The third era: words as vectors, read in order, both ways, by a recurrent network (Hochreiter & Schmidhuber 1997)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from threading import Lock

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from demos.eras import WORD, Row, both_kinds

PADDING, UNKNOWN = 0, 1
MOST_WORDS = 60
"""Of a text, that are read."""
_LEARNING = Lock()
"""torch's own generator, which dropout and the first weights draw from, is one for all of the process."""


class Network(nn.Module):
    """Words (batch, time) → how much it is for something, (batch,)."""

    def __init__(self, words: int, width: int, hidden: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, width, padding_idx=PADDING)
        nn.init.normal_(self.embedding.weight, std=0.3)  # torch's own, 1, drowns what is learnt of rare words
        self.lstm = nn.LSTM(width, hidden, batch_first=True, bidirectional=True)
        self.drop, self.head = nn.Dropout(0.5), nn.Linear(2 * hidden, 1)

    def forward(self, x: Tensor) -> Tensor:
        there = x != PADDING
        packed = nn.utils.rnn.pack_padded_sequence(
            self.drop(self.embedding(x)), there.sum(1).cpu(), batch_first=True, enforce_sorted=False
        )
        h, _ = nn.utils.rnn.pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=x.shape[1])
        return self.head(self.drop(h.masked_fill(~there[:, :, None], -1.0).amax(1)))[:, 0]


class DeepLearning:
    """Learns its words from the rows alone: knows what they do together, as far as the rows show it."""

    def __init__(
        self,
        rows: Sequence[Row],
        *,
        epochs: int = 8,
        least: int = 400,
        most: int = 30_000,
        width: int = 64,
        hidden: int = 64,
        seed: int = 0,
    ) -> None:
        """least: updates that even a few rows are gone through for; most: words that it learns.

        Raises BadText for rows of one kind only.
        """
        both_kinds(rows)
        counted = Counter(word.lower() for text, _ in rows for word in WORD.findall(text))
        frequent = [word for word, count in counted.most_common(most) if count > 1 or len(rows) < 2000]
        self._numbers = {word: place for place, word in enumerate(frequent, 2)}
        with _LEARNING, torch.random.fork_rng(devices=[]):  # what others draw is left as it was
            torch.manual_seed(seed)
            self.network = Network(len(self._numbers) + 2, width, hidden)
            self._learn(rows, epochs, least, seed)
        self.network.eval()

    @classmethod
    def kept(cls, vocabulary: Sequence[str], weights: Mapping[str, Tensor]) -> DeepLearning:
        """One that has learnt before: see `vocabulary`; weights: of its network.

        Raises KeyError, RuntimeError, ValueError.
        """
        made = cls.__new__(cls)
        made._numbers = {word: place for place, word in enumerate(vocabulary, 2)}
        words, width = weights["embedding.weight"].shape
        if words != len(vocabulary) + 2:
            raise ValueError(f"{words - 2} words are wanted, not {len(vocabulary)}")
        made.network = Network(words, width, weights["head.weight"].shape[1] // 2)
        made.network.load_state_dict(dict(weights))
        made.network.eval()
        return made

    @property
    def weights(self) -> int:
        return sum(each.numel() for each in self.network.parameters())

    @property
    def vocabulary(self) -> list[str]:
        """Words that it knows, from number 2 on."""
        return list(self._numbers)

    def _learn(self, rows: Sequence[Row], epochs: int, least: int, seed: int) -> None:
        optimiser = torch.optim.AdamW(self.network.parameters(), 2e-3, weight_decay=0.01)
        draw = np.random.default_rng(seed)
        size = 32 if len(rows) > 2000 else 16
        a_pass = -(-len(rows) // size)
        epochs = max(epochs, -(-least // a_pass))
        steps = epochs * a_pass
        encoded = [self._encode(text) for text, _ in rows]
        labels = torch.tensor([float(label) for _, label in rows])
        step = 0
        for _ in range(epochs):
            near = np.argsort([len(each) + draw.uniform(0, 4) for each in encoded])  # batches of about one length
            batches = [near[at : at + size] for at in range(0, len(near), size)]
            for places in (batches[place] for place in draw.permutation(len(batches))):
                x = _padded([encoded[place] for place in places])
                x[(torch.rand(x.shape) < 0.1) & (x != PADDING)] = UNKNOWN  # it will meet words that it has not seen
                for group in optimiser.param_groups:
                    group["lr"] = 2e-3 * (1 - step / steps)
                loss = F.binary_cross_entropy_with_logits(self.network(x), labels[places])
                optimiser.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
                optimiser.step()
                step += 1

    def _encode(self, text: str) -> list[int]:
        words = WORD.findall(text)[:MOST_WORDS]
        return [self._numbers.get(word.lower(), UNKNOWN) for word in words] or [UNKNOWN]

    @torch.inference_mode()
    def read(self, texts: Sequence[str]) -> np.ndarray:
        encoded = [self._encode(text) for text in texts]
        order = sorted(range(len(texts)), key=lambda place: len(encoded[place]))
        said = np.empty(len(texts))
        for at in range(0, len(order), 256):
            places = order[at : at + 256]
            said[places] = self.network(_padded([encoded[place] for place in places])).sigmoid().numpy()
        return said

    @torch.inference_mode()
    def looked_at(self, text: str) -> list[tuple[str, float]]:
        """How the score falls when a word is one that is not known (erasure, Li et al. 2016, arXiv:1612.08220)."""
        words = WORD.findall(text)[:MOST_WORDS]
        if not words:
            return []
        whole = torch.tensor([self._encode(text)])
        without = whole.repeat(len(words), 1).fill_diagonal_(UNKNOWN)
        return list(zip(words, (self.network(whole) - self.network(without)).tolist(), strict=True))


def _padded(rows: Sequence[Sequence[int]]) -> Tensor:
    longest = max(map(len, rows))
    return torch.tensor([[*row, *[PADDING] * (longest - len(row))] for row in rows])
