"""Soft labels from a large language model's inside: what it makes of a text half way up tells more of the text's mood
than its own answer does, and logistic regression reads it off (a linear probe:
Alain and Bengio 2016, arXiv:1610.01644).

The parts of a sentence are texts too ("gorgeous", "gorgeous and deceptively minimalist"), as in the Stanford Sentiment
Treebank, whose phrases teach a small model far more than its sentences alone (Socher et al. 2013). Reading beginnings
costs next to nothing: each attends to the tokens of the sentence that are read anyway. Ends are read by themselves.
"""

from __future__ import annotations

import hashlib
import random
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

PROMPT, QUESTION = "Review: ", "\nSentiment:"
LAYER = 17
"""Of Qwen2.5-1.5B's 28: below it knows less of the mood, above it turns to the next word (docs/experiments.md)."""
PART = 256
"""Passages that are read between two files."""
PACK_TOKENS = 384
"""Tokens of one pass, of several sentences without padding between them."""


_CLAUSE = re.compile(r" (?=[,;:]|--|but |and |though |while )")


@dataclass(frozen=True)
class Passage:
    """A text, and the characters up to which it is read as texts of their own. The whole is one of them if it is to
    count."""

    text: str
    ends: tuple[int, ...]


def passages(texts: Sequence[str], *, parts: int = 3) -> list[Passage]:
    """Each text whole and up to `parts` of its beginnings, where a clause or else a word ends."""
    found: list[Passage] = []
    for text in texts:
        clauses = [match.start() for match in _CLAUSE.finditer(text)]
        words = [match.start() for match in re.finditer(r" ", text) if match.start() not in clauses]
        cuts = clauses[:parts] + words[1 :: max(1, len(words) // max(1, parts - len(clauses)))]
        found.append(Passage(text, (*sorted(cuts[:parts]), len(text))))
    return found


def ends(texts: Sequence[str], rank: int = 0, *, words: int = 3) -> list[str | None]:
    """What follows a clause boundary of each text ("but the ending stays with you"), the one that is nearest to its
    middle, or with rank 1 the next nearest; None where that is fewer than so many words."""
    found: list[str | None] = []
    for text in texts:
        cuts = sorted(_boundaries(text), key=lambda cut: abs(cut - len(text) // 2))
        end = text[cuts[rank] :].lstrip(",;:- ") if rank < len(cuts) else ""
        found.append(end if len(re.findall(r"\w+", end)) >= words else None)
    return found


def crossed(texts: Sequence[str], count: int) -> list[tuple[str, str]]:
    """New texts from a clause of one and what follows a clause of another ("slow and grey , but far too long ."), with
    the text that each begins like."""
    draw = random.Random(0)  # noqa: S311 - the same each time
    some = [text for text in texts if _boundaries(text)]
    found: list[tuple[str, str]] = []
    for _ in range(count if some else 0):
        one, other = draw.choice(some), draw.choice(some)
        found.append((one[: draw.choice(_boundaries(one))] + other[draw.choice(_boundaries(other)) :], one))
    return found


def _boundaries(text: str) -> list[int]:
    return [match.end() for match in _CLAUSE.finditer(text)]


@dataclass(frozen=True)
class _Tokens:
    """A passage as the model sees it: `trunk` once, and after it the question once for each of `cuts`, attending to so
    many tokens of the trunk."""

    trunk: list[int]
    cuts: list[int]


class Reader:
    """The lower layers of a decoder, reading passages."""

    def __init__(self, folder: Path, *, layer: int = LAYER, dtype: torch.dtype = torch.bfloat16) -> None:
        from transformers import AutoModel, AutoTokenizer

        self._tokenizer: Any = AutoTokenizer.from_pretrained(folder)
        self._model: Any = AutoModel.from_pretrained(folder, num_hidden_layers=layer, dtype=dtype).eval()
        self._model.norm = torch.nn.Identity()  # the states as the next layer would get them
        self._question: list[int] = self._tokenizer(QUESTION, add_special_tokens=False)["input_ids"]

    def read(self, passages: Sequence[Passage]) -> np.ndarray:
        """The states of every beginning of every passage, in order: (beginning, dimension) float16."""
        found: list[np.ndarray] = []
        for pack in self._packs(passages):
            found.append(self._pass(pack))
        return np.concatenate(found)

    def _packs(self, passages: Sequence[Passage]) -> Iterator[list[_Tokens]]:
        pack: list[_Tokens] = []
        tokens = 0
        for passage in passages:
            each = self._tokens(passage)
            size = len(each.trunk) + len(each.cuts) * len(self._question)
            if pack and tokens + size > PACK_TOKENS:
                yield pack
                pack, tokens = [], 0
            pack.append(each)
            tokens += size
        if pack:
            yield pack

    def _tokens(self, passage: Passage) -> _Tokens:
        encoded = self._tokenizer(PROMPT + passage.text, return_offsets_mapping=True, add_special_tokens=False)
        ends = [end - len(PROMPT) for _, end in encoded["offset_mapping"]]
        return _Tokens(encoded["input_ids"], [sum(end <= cut for end in ends) for cut in passage.ends])

    def _pass(self, pack: Sequence[_Tokens]) -> np.ndarray:
        ids, positions, last = [], [], []
        asked = len(self._question)
        size = sum(len(each.trunk) + len(each.cuts) * asked for each in pack)
        sees = torch.zeros(size, size, dtype=torch.bool)  # (token, what it attends to)
        for each in pack:
            start, length = len(ids), len(each.trunk)
            sees[start : start + length, start : start + length] = torch.ones(length, length, dtype=torch.bool).tril()
            ids += each.trunk
            positions += range(length)
            for cut in each.cuts:
                at = len(ids)
                sees[at : at + asked, start : start + cut] = True
                sees[at : at + asked, at : at + asked] = torch.ones(asked, asked, dtype=torch.bool).tril()
                ids += self._question
                positions += range(cut, cut + asked)
                last.append(len(ids) - 1)
        with torch.inference_mode():
            states: Tensor = self._model(
                input_ids=torch.tensor([ids]),
                position_ids=torch.tensor([positions]),
                attention_mask=sees[None, None],
                use_cache=False,
            ).last_hidden_state[0, last]  # (beginning, dimension)
        return states.to(torch.float16).numpy()


def read_all(
    reader: Callable[[], Reader], some: Sequence[Passage], folder: Path, *, on_part: Callable[[int], object]
) -> np.ndarray:
    """`Reader.read` in parts that are kept in the folder: what a killed run has read is not read again.

    on_part: hears how many passages have been read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    parts: list[np.ndarray] = []
    with_model: Reader | None = None
    for at in range(0, len(some), PART):
        part = some[at : at + PART]
        file = folder / f"{hashlib.sha256(repr((PROMPT, QUESTION, LAYER, part)).encode()).hexdigest()[:16]}.npy"
        if not file.exists():
            with_model = with_model or reader()
            beside = file.with_suffix(".writing.npy")
            np.save(beside, with_model.read(part))
            beside.replace(file)
        parts.append(np.load(file))
        on_part(min(at + PART, len(some)))
    return np.concatenate(parts)


def remember(path: Path, texts: Sequence[str], said: np.ndarray) -> None:
    """Keep what was said of each text, to a part in 255; of the texts, only their CRC-32. said: (text, label)."""
    beside = path.with_suffix(".writing.npz")
    np.savez_compressed(beside, checks=_checks(texts), opinions=np.round(said * 255).astype(np.uint8))
    beside.replace(path)


def remembered(path: Path, texts: Sequence[str]) -> np.ndarray | None:
    """What was said of just these texts, in their order: (text, label), each row a distribution; None where it is
    not known."""
    if not path.exists():
        return None
    with np.load(path) as kept:
        if not np.array_equal(kept["checks"], _checks(texts)):
            return None
        said = kept["opinions"].astype(np.float64)
    return said / said.sum(1, keepdims=True)


def _checks(texts: Sequence[str]) -> np.ndarray:
    return np.array([zlib.crc32(text.encode()) for text in texts], np.uint32)


@dataclass(frozen=True)
class Probe:
    """Logistic regression on standardised states."""

    mean: Tensor
    scale: Tensor
    weights: Tensor
    """(label, dimension)"""
    bias: Tensor

    @classmethod
    def fit(cls, states: np.ndarray, targets: np.ndarray, *, decay: float = 0.3) -> Probe:
        """states: (row, dimension); targets: (row, label) distributions; decay: half the squared weights times this is
        added to the mean cross-entropy."""
        inputs, wanted = torch.from_numpy(states).float(), torch.from_numpy(targets).float()
        mean, scale = inputs.mean(0), inputs.std(0) + 1e-6
        inputs = (inputs - mean) / scale
        weights = torch.zeros(wanted.shape[1], inputs.shape[1], requires_grad=True)
        bias = torch.zeros(wanted.shape[1], requires_grad=True)
        optimiser = torch.optim.LBFGS([weights, bias], max_iter=100, line_search_fn="strong_wolfe")

        def loss() -> Tensor:
            optimiser.zero_grad()
            value = F.cross_entropy(F.linear(inputs, weights, bias), wanted) + decay / 2 * weights.square().sum()
            value.backward()
            return value

        optimiser.step(loss)  # pyright: ignore[reportArgumentType]
        return cls(mean, scale, weights.detach(), bias.detach())

    def read(self, states: np.ndarray) -> np.ndarray:
        """How probable each label is: (row, label)."""
        inputs = (torch.from_numpy(states).float() - self.mean) / self.scale
        return F.linear(inputs, self.weights, self.bias).softmax(-1).numpy()
