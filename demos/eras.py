"""Four eras of language technology on one task: is a sentence for or against? Each says what it looked at.

Rules (people write down what words mean), statistics (words are counted, weights are learnt), deep learning (words
become vectors, a network reads them in order), and the transformer, which is handed in: it is the assistant's own.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

import numpy as np

from demos.errors import BadText

Row = tuple[str, bool]
"""A text, and whether it is for something."""
WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?|[!?]")
SIZES = (100, 1000, 10_000)
"""Rows of the learning curve."""
MOST_ERASED = 400
"""Words of a text."""


class Reader(Protocol):
    """An era at work. weights: numbers that it goes by; 0 where nobody says."""

    @property
    def weights(self) -> int: ...

    def read(self, texts: Sequence[str]) -> np.ndarray:
        """How sure it is that each text is for something, 0 to 1: (count,)."""
        ...

    def looked_at(self, text: str) -> list[tuple[str, float]]:
        """What moved it, in the text's order: word and weight, above 0 for and below 0 against."""
        ...


Make = Callable[[Sequence[Row]], Reader]
"""Rows to learn from → a reader; rules take none of them."""


@dataclass(frozen=True)
class Measured:
    """accuracy: share of the texts that are read right; a second: texts; learnt_seconds: what learning took; weights:
    numbers that it goes by."""

    accuracy: float
    texts_a_second: float
    learnt_seconds: float
    weights: int


def measure(make: Make, train: Sequence[Row], test: Sequence[Row]) -> Measured:
    """Learn and be measured. Raises BadText for an empty test."""
    if not test:
        raise BadText("There is nothing to measure on.", hint="Give rows with a text and a label.")
    begun = time.perf_counter()
    reader = make(train)
    learnt = time.perf_counter() - begun
    begun = time.perf_counter()
    said = reader.read([text for text, _ in test])
    seconds = time.perf_counter() - begun
    right = (said >= 0.5) == np.asarray([label for _, label in test])
    return Measured(float(right.mean()), len(test) / seconds, learnt, reader.weights)


def learning_curve(
    make: Make, train: Sequence[Row], test: Sequence[Row], sizes: Iterable[int] = SIZES
) -> dict[int, float]:
    """Rows learnt from, the first of `train` → accuracy; sizes that there are too few rows for are left out."""
    fitting = [size for size in sizes if size <= len(train) and len({label for _, label in train[:size]}) == 2]
    return {size: measure(make, train[:size], test).accuracy for size in fitting}


def erasure(read: Callable[[Sequence[str]], np.ndarray], text: str, most: int = MOST_ERASED) -> list[tuple[str, float]]:
    """Each word, and how much surer the whole is than the text without it (Li et al. 2016, arXiv:1612.08220).

    read: as a Reader's; most: words that are erased in turn, the first, since each costs a reading.
    """
    words = list(WORD.finditer(text))[:most]
    whole, *without = read([text, *(text[: word.start()] + text[word.end() :] for word in words)])
    return [(word[0], float(whole - left)) for word, left in zip(words, without, strict=True)]


class Rules:
    """VADER (Hutto & Gilbert 2014): 7,500 words with what ten people thought of them, and rules for "not", "very",
    "but" and capitals. Learns nothing, so it knows nothing of what is talked about."""

    def __init__(self, _: Sequence[Row] = ()) -> None:
        from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

        self._analyzer: Any = SentimentIntensityAnalyzer()

    @property
    def weights(self) -> int:
        return len(self._analyzer.lexicon)

    def read(self, texts: Sequence[str]) -> np.ndarray:
        return np.asarray([0.5 + self._analyzer.polarity_scores(text)["compound"] / 2 for text in texts])

    def looked_at(self, text: str) -> list[tuple[str, float]]:
        """By erasure, not by the lexicon: "not" has no value of its own there, and turns that of others."""
        return erasure(self.read, text)


class Statistics:
    """Words and pairs of words, counted and weighed by how rare they are (TF-IDF), and one weight each: naive Bayes
    ("bayes") or logistic regression ("regression"). Knows which words go with which label, not what they do as one."""

    def __init__(self, rows: Sequence[Row], kind: str = "regression", *, most: int | None = None) -> None:
        """most: words and pairs that are counted, the most frequent. Raises BadText."""
        from sklearn.linear_model import LogisticRegression
        from sklearn.naive_bayes import MultinomialNB

        both_kinds(rows)
        if not any(WORD.search(text) for text, _ in rows):
            raise BadText("There are no words to learn from.", hint="Give rows with words in them.")
        self._words = _counter(max_features=most)
        self._model: Any = MultinomialNB(alpha=0.5) if kind == "bayes" else LogisticRegression(C=4.0, max_iter=500)
        self._model.fit(self._words.fit_transform([text for text, _ in rows]), [label for _, label in rows])
        if kind == "bayes":
            against, favour = self._model.feature_log_prob_
            self._weights = favour - against
        else:
            (self._weights,) = self._model.coef_

    @classmethod
    def kept(cls, vocabulary: Sequence[str], arrays: Mapping[str, np.ndarray]) -> Statistics:
        """One that has learnt before: see `vocabulary` and `arrays`. Raises KeyError, ValueError."""
        from sklearn.linear_model import LogisticRegression

        made = cls.__new__(cls)
        made._words = _counter(vocabulary=list(vocabulary))
        made._words.idf_ = arrays["rarity"].astype(float)
        made._model = LogisticRegression()
        made._weights = arrays["weights"].astype(float)
        made._model.coef_, made._model.intercept_ = made._weights[None], arrays["bias"].astype(float)
        made._model.classes_ = np.asarray([False, True])
        return made

    @property
    def weights(self) -> int:
        return len(self._weights) + 1

    @property
    def vocabulary(self) -> list[str]:
        """Words and pairs, in the order of their weights."""
        return self._words.get_feature_names_out().tolist()

    def arrays(self) -> dict[str, np.ndarray]:
        """What a regression has learnt: "rarity" and "weights" of the vocabulary, and one "bias"."""
        return {"rarity": self._words.idf_, "weights": self._weights, "bias": self._model.intercept_}

    def read(self, texts: Sequence[str]) -> np.ndarray:
        return self._model.predict_proba(self._words.transform(texts))[:, 1]

    def looked_at(self, text: str) -> list[tuple[str, float]]:
        values = self._words.transform([text])
        known, words = self._words.vocabulary_, WORD.findall(text)

        def weight(feature: str) -> float:
            place = known.get(feature)
            return 0.0 if place is None else float(values[0, place] * self._weights[place])

        small = [word.lower() for word in words]
        pairs = [weight(f"{one} {other}") / 2 for one, other in pairwise(small)]
        around = zip([0.0, *pairs], [*pairs, 0.0], strict=True) if words else ()
        own = [weight(word) + before + after for word, (before, after) in zip(small, around, strict=True)]
        return list(zip(words, own, strict=True))


def _counter(**more: Any) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(token_pattern=WORD.pattern, ngram_range=(1, 2), sublinear_tf=True, **more)


def both_kinds(rows: Sequence[Row]) -> None:
    """Raises BadText where there is nothing to tell apart."""
    if len({label for _, label in rows}) < 2:
        raise BadText("There is nothing to learn: rows of both kinds are needed.", hint="Give rows for and against.")
