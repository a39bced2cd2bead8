"""Sentences in two languages, word by word: phrases of our own (phrases.py), or a file with two columns."""

from __future__ import annotations

import random
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from demos import phrases, tables
from demos.errors import BadText

LEAST, MOST = 200, 100_000
"""Pairs to learn from; what a file has beyond the most is left out."""
LONGEST = 40
"""Words of a sentence; pairs with a longer one are left out."""
KINDS = 8000
"""Different words of a language that are told apart; the rest are UNKNOWN."""
MARKS = ("<pad>", "<begin>", "<end>", "<unknown>")
PAD, BEGIN, END, UNKNOWN = range(len(MARKS))
TESTED = 1000
"""Pairs that are set apart to measure on, a tenth if there are fewer."""
_HEADS = """source target src tgt from to input output text sentence sentences original translation reference read made
language 1 2 english french german spanish italian portuguese dutch polish czech swedish danish norwegian finnish
russian ukrainian greek turkish arabic hebrew hindi chinese japanese korean latin français deutsch español italiano
português nederlands en fr de es it pt nl pl cs sv da nb fi ru uk el tr ar he hi zh ja ko la"""
HEADS = frozenset(_HEADS.split())
"""Words that name a column."""


def split(text: str) -> list[str]:
    """Words in small letters, l' for itself, and punctuation; without a full stop at the end."""
    plain = unicodedata.normalize("NFC", text).lower().replace("’", "'")
    return re.findall(r"\w+(?:-\w+)*'?|[^\w\s]", plain.strip().rstrip(".!"))


def join(words: Iterable[str]) -> str:
    """The way back: l' homme is l'homme, and nothing stands between a word and the comma after it."""
    return re.sub(r"(?<=') | (?=[,.;:])", "", " ".join(words))


@dataclass(frozen=True)
class Vocabulary:
    """Words, MARKS first; the place of a word is its number."""

    words: tuple[str, ...]

    @classmethod
    def of(cls, sentences: Iterable[Sequence[str]]) -> Vocabulary:
        """The most frequent words of sentences."""
        frequent = Counter(word for words in sentences for word in words).most_common(KINDS - len(MARKS))
        return cls((*MARKS, *sorted(word for word, _ in frequent)))

    def encode(self, sentences: Sequence[Sequence[str]]) -> Tensor:
        """(count, longest + 1) int64: each with END, and PAD up to the longest."""
        numbers = {word: number for number, word in enumerate(self.words)}
        rows = [[*(numbers.get(word, UNKNOWN) for word in words), END] for words in sentences]
        most = max(map(len, rows))
        return torch.tensor([row + [PAD] * (most - len(row)) for row in rows], dtype=torch.int64)

    def decode(self, numbers: Iterable[int]) -> list[str]:
        """The words before END."""
        found: list[str] = []
        for number in numbers:
            if number == END:
                break
            found.append(self.words[number])
        return found

    def __len__(self) -> int:
        return len(self.words)


@dataclass(frozen=True)
class Pairs:
    """Sentences that are read and made, as words; those for the test occur nowhere in the training."""

    name: str
    train: list[tuple[list[str], list[str]]]
    test: list[tuple[list[str], list[str]]]

    @classmethod
    def of(cls, pairs: Sequence[tuple[str, str]], name: str) -> Pairs:
        """What is read twice counts once. Raises BadText if there are too few."""
        found: dict[tuple[str, ...], list[str]] = {}
        for one, other in pairs:
            read, made = split(one), split(other)
            if 0 < len(read) <= LONGEST and 0 < len(made) <= LONGEST:
                found.setdefault(tuple(read), made)
        if len(found) < LEAST:
            said = f"{name} has {len(found):,} different pairs of sentences of at most {LONGEST} words."
            raise BadText(said, hint=f"Give at least {LEAST:,}.")
        rows = [(list(read), made) for read, made in found.items()]
        random.Random(0).shuffle(rows)  # noqa: S311 - no secret; a file is often in order
        apart = min(TESTED, len(rows) // 10)
        return cls(name, rows[apart:], rows[:apart])


def load(name: str) -> list[tuple[str, str]]:
    """ "phrases", or the first two columns of a file, without the names of the columns. Raises BadText."""
    if name == "phrases":
        return phrases.pairs()
    rows = tables.rows(name, "Say phrases, or a CSV or TSV file with two columns.")
    rows = rows[headed(rows[0]) :]
    found = [(row[0], row[1]) for row in rows if len(row) > 1]
    if len(found) < len(rows) / 2:
        said = f"{Path(name).name} has one column."
        raise BadText(said, hint="Give two, parted by a tab, comma or semicolon: a sentence and its translation.")
    return found[:MOST]


def headed(row: Sequence[str]) -> bool:
    """Whether a first row names columns, two of them differently, and is no pair."""
    names = [re.findall(r"[^\W\d_]+|\d", cell.lower()) for cell in row[:2]]
    return len(row) > 1 and names[0] != names[1] and all(each and HEADS.issuperset(each) for each in names)
