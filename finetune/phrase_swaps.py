"""Rare adverbs in more company: in the place of one that stands in a pair, another with its own translation.

A word that a few pairs have is learnt with its neighbours there and no others: "Elle sourit avec bonheur", but what is
"played happily"? Which words translate it is read off all pairs together (IBM model 1: Brown et al. 1993,
doi:10.5555/972470.972474), and new pairs are made that have it where other adverbs stand (Fadaee, Bisazza & Monz 2017,
arXiv:1705.00440).
"""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import numpy as np

from finetune.translation_data import RARE, Pair

SOURCE = "swapped"
"""What such a pair says it comes from."""
EACH = 30
"""New pairs an adverb."""
ENOUGH = 0.2
"""The least Dice coefficient of an adverb and its translation: twice the pairs of both, over the pairs of each."""
ROUNDS = 8
PRIOR = 0.01
"""Counts that every translation has before any was seen: less than that, and rare words take what belongs to others."""
ENGLISH_ADVERB = re.compile(r"\w{3,}ly")
ADVERBIALS: Mapping[str, re.Pattern[str]] = MappingProxyType(
    {"fr": re.compile(r"(?:\w{3,}ment|vite|fort|(?:avec|sans|en|à) (?:(?:la|le|un|une|toute|grande?) )*\w{4,})")}
)
"""What an adverb becomes, by language."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


BEFORE = _words("a an as be fairly how is it's more quite so to too very was were")
"""English words after which an adverb says something of the next word, or none of manner can stand."""
AFTER = _words("about against around as at by during for from in into near on out over through under with . ! ?")
"""English words before which an adverb of manner stands: "she sang happily in the rain", not "happily married"."""
OTHERS_AFTER: Mapping[str, frozenset[str]] = MappingProxyType(
    {"fr": _words("à au aux avec contre dans de des du en par pendant pour sous sur vers . ! ?")}
)
"""The same of the other side, by language."""
_TOKEN = re.compile(r"\w+['’]?|[^\w\s]")


@dataclass(frozen=True)
class Place:
    """Where an adverb and its translation stand: characters of both sides."""

    pair: Pair
    english: slice
    other: slice

    @property
    def words(self) -> tuple[str, str]:
        return self.pair.english[self.english].lower(), self.pair.other[self.other].lower()

    def with_others(self, english: str, other: str) -> Pair:
        """The pair with these in their place."""
        return Pair(
            self.pair.english[: self.english.start] + english + self.pair.english[self.english.stop :],
            self.pair.other[: self.other.start] + other + self.pair.other[self.other.stop :],
            self.pair.language,
            SOURCE,
        )


def swapped(pairs: Sequence[Pair], each: int = EACH, seed: int = 0) -> list[Pair]:
    """New pairs of one language's: every rare adverb whose translation is known, in so many places of others'."""
    places = adverbs(pairs)
    have = having(pairs)
    frames = [place for place in places if _manner(place)]
    draw = random.Random(seed)  # noqa: S311 - the same each time
    found: dict[Pair, None] = {}
    for english, other in sorted(translations(pairs, places, have).items()):
        if have[english] <= RARE:
            free = (frame for frame in frames if english not in frame.pair.english.lower())
            some = list(dict.fromkeys(frame.with_others(english, other) for frame in free))
            found |= dict.fromkeys(draw.sample(some, min(each, len(some))))
    return list(found)


def having(pairs: Sequence[Pair]) -> Counter[str]:
    """English word → how many pairs have it."""
    return Counter(word for pair in pairs for word in set(_TOKEN.findall(pair.english.lower())))


def translations(pairs: Sequence[Pair], places: Sequence[Place], have: Mapping[str, int]) -> dict[str, str]:
    """Of each adverb the translation that goes with it most, where one goes with it at all. have: English word → how
    many pairs have it."""
    together = Counter(place.words for place in places)
    wanted = {other for _, other in together}
    others = Counter(phrase for pair in pairs for phrase in wanted if phrase in pair.other.lower())
    best: dict[str, tuple[float, str]] = {}
    for (word, phrase), count in together.items():
        dice = 2 * count / (have[word] + max(others[phrase], count))
        best[word] = max(best.get(word, (ENOUGH, "")), (dice, phrase))
    return {word: phrase for word, (_, phrase) in best.items() if phrase}


def adverbs(pairs: Sequence[Pair]) -> list[Place]:
    """Every place of an adverb whose translation is one adverbial."""
    known = [pair for pair in pairs if pair.language in ADVERBIALS]
    if not known:
        return []
    table = _Table(known)
    found: list[Place] = []
    for number, pair in enumerate(known):
        adverbial = ADVERBIALS[pair.language]
        for place, token in enumerate(_TOKEN.finditer(pair.english)):
            if not ENGLISH_ADVERB.fullmatch(token.group().lower()):
                continue
            ours = table.translated(number, place)
            theirs = list(_TOKEN.finditer(pair.other))
            if not ours or any(b - a != 1 for a, b in pairwise(ours)):
                continue
            begin, end = theirs[ours[0]].start(), theirs[ours[-1]].end()
            match = adverbial.search(pair.other.lower(), begin, end)
            if match:  # the rest is a verb that came along
                found.append(Place(pair, slice(*token.span()), slice(*match.span())))
    return found


def _manner(place: Place) -> bool:
    """Whether it stands where any adverb of manner could, on both sides."""
    before = _TOKEN.findall(place.pair.english[: place.english.start].lower())
    after = _next(place.pair.english, place.english.stop), _next(place.pair.other, place.other.stop)
    return (
        len(before) > 0
        and before[-1].isalpha()
        and before[-1] not in BEFORE
        and after[0] in AFTER
        and after[1] in OTHERS_AFTER[place.pair.language]
    )


def _next(text: str, place: int) -> str:
    found = _TOKEN.search(text, place)
    return found.group().lower() if found else ""


class _Table:
    """IBM model 1: t(other word | English word), with an English word of place 0 for what translates none."""

    def __init__(self, pairs: Sequence[Pair]) -> None:
        self._english = _numbers([["", *_TOKEN.findall(pair.english.lower())] for pair in pairs])
        self._other = _numbers([_TOKEN.findall(pair.other.lower()) for pair in pairs])
        self._size = 1 + max((int(row.max()) for row in self._other if len(row)), default=-1)
        keys = [
            (english[:, None].astype(np.int64) * self._size + other).ravel()
            for english, other in zip(self._english, self._other, strict=True)
        ]
        ends = np.cumsum([0, *map(len, self._other)])
        word = np.concatenate(
            [np.tile(np.arange(*span), len(own)) for span, own in zip(pairwise(ends), self._english, strict=True)]
        )
        self._known, places = np.unique(np.concatenate(keys), return_inverse=True)
        given = self._known // self._size
        chance = np.ones(len(self._known))
        for _ in range(ROUNDS):
            share = chance[places]
            share /= np.bincount(word, share)[word]
            counts = np.bincount(places, share)
            chance = (counts + PRIOR) / (np.bincount(given, counts)[given] + PRIOR * self._size / 20)
        self._chance = chance

    def translated(self, pair: int, place: int) -> list[int]:
        """The places of the words that translate the English one at a place better than any other does."""
        keys = self._english[pair][:, None].astype(np.int64) * self._size + self._other[pair]
        best = self._chance[np.searchsorted(self._known, keys)].argmax(0)  # (English, other) → (other,)
        return np.flatnonzero(best == place + 1).tolist()


def _numbers(rows: Sequence[Sequence[str]]) -> list[Any]:
    known: defaultdict[str, int] = defaultdict(lambda: len(known))
    return [np.array([known[word] for word in row], dtype=np.int64) for row in rows]
