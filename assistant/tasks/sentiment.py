"""Sentiment: positive, neutral or negative, of a text and of each sentence, and the words that carried it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from assistant.errors import BadDocument, CapabilityMissing
from assistant.languages import beyond_doubt
from assistant.tasks import Classify
from assistant.tasks.sentences import Sentence, split

SENTIMENTS = ("positive", "neutral", "negative")
MOST_WORDS = 400
"""Words whose part in the decision is looked for in one text: each costs a reading of its sentence."""

_WORD = re.compile(r"\w+(?:['’\-]\w+)*")
_STARS = re.compile(r"([1-5]) stars?")
_ALIASES = {"pos": "positive", "neg": "negative", "neu": "neutral"}


@dataclass(frozen=True)
class Opinion:
    """What a piece of text feels like. `probabilities` has each of SENTIMENTS; the likeliest is `label`."""

    text: str
    start: int
    """Where it begins in the whole text, in characters."""
    label: str
    probabilities: Mapping[str, float]

    @property
    def value(self) -> float:
        """From -1 (negative) to 1 (positive)."""
        return self.probabilities["positive"] - self.probabilities["negative"]


@dataclass(frozen=True)
class Carrier:
    """A word and what it did for its sentence's label: how much less likely that is without it (negative: more)."""

    text: str
    start: int
    weight: float


@dataclass(frozen=True)
class Analysis:
    """A text's sentiment as a whole and sentence by sentence."""

    whole: Opinion
    sentences: tuple[Opinion, ...]
    carriers: tuple[Carrier, ...] = ()


@dataclass
class Moods:
    """The feelings of many texts, counted while they come."""

    counts: Counter[str] = field(default_factory=Counter)
    """Of each label."""
    values: list[float] = field(default_factory=list)
    """Of each text in its order, from -1 (negative) to 1 (positive)."""

    def add(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Count rows that have gained a sentiment's columns; those that could not be used do not count."""
        for row in rows:
            if "sentiment" in row:
                self.counts[row["sentiment"]] += 1
                self.values.append(row["positive"] - row["negative"])

    def shares(self) -> dict[str, float]:
        """Share of each label."""
        total = max(1, self.counts.total())
        return {label: self.counts[label] / total for label in SENTIMENTS}


def analyse(text: str, classify: Classify, *, explain: bool = False) -> Analysis:
    """Read a text as a whole and each of its sentences. explain: also look for the words that carry each decision.

    Raises BadDocument for a text without words, CapabilityMissing where the model's labels are no sentiments.
    """
    if not _WORD.search(text):
        raise BadDocument("There are no words in this text.", hint="Give at least one sentence.")
    pieces = split(text, beyond_doubt(text) or "en")
    first, *rest = opinions([text, *(piece.text for piece in pieces)], classify)
    placed = tuple(
        Opinion(piece.text, piece.start, each.label, each.probabilities)
        for piece, each in zip(pieces, rest, strict=True)
    )
    return Analysis(first, placed, carriers(pieces, placed, classify) if explain else ())


def opinions(texts: Sequence[str], classify: Classify) -> list[Opinion]:
    """The sentiment of each text as a whole."""
    found: list[Opinion] = []
    for text, labels in zip(texts, classify(texts), strict=True):
        probabilities = as_sentiment(labels)
        found.append(Opinion(text, 0, max(SENTIMENTS, key=probabilities.__getitem__), probabilities))
    return found


def as_sentiment(labels: Mapping[str, float]) -> dict[str, float]:
    """A model's own labels ("NEGATIVE", "pos", "4 stars") as the three sentiments; a model of two knows no neutral.

    Raises CapabilityMissing for labels of something else.
    """
    found: dict[str, float] = dict.fromkeys(SENTIMENTS, 0.0)
    for label, probability in labels.items():
        low = label.lower()
        name = _ALIASES.get(low, low)
        if stars := _STARS.fullmatch(low):
            count = int(stars[1])
            name = "neutral" if count == 3 else "positive" if count > 3 else "negative"
        if name not in found:
            named = ", ".join(labels)
            raise CapabilityMissing(f"This model sorts texts into {named}: that is no sentiment.")
        found[name] += probability
    return found


def carriers(pieces: Sequence[Sentence], found: Sequence[Opinion], classify: Classify) -> tuple[Carrier, ...]:
    """What each word did, by leaving it out (Li et al. 2016, arXiv:1612.08220, eq. 2, with probabilities).

    The first MOST_WORDS words of the text are looked at.
    """
    places: list[tuple[int, re.Match[str]]] = []
    for number, piece in enumerate(pieces):
        places += [(number, word) for word in _WORD.finditer(piece.text)]
    places = places[:MOST_WORDS]
    without = [pieces[n].text[: word.start()] + pieces[n].text[word.end() :] for n, word in places]
    weighed: list[Carrier] = []
    for (number, word), labels in zip(places, classify(without) if without else (), strict=True):
        label = found[number].label
        weight = found[number].probabilities[label] - as_sentiment(labels)[label]
        weighed.append(Carrier(word[0], pieces[number].start + word.start(), weight))
    return tuple(weighed)
