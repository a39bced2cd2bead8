"""Blind votes between models, and how strong each is by them (Bradley and Terry 1952), on Elo's scale."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from assistant import paths
from eval import json_lines

MEAN, SCALE = 1000.0, 400.0
"""Of Elo's scale: 400 points more are ten wins for one."""
DRAWS = 200
ROUNDS = 200
ENOUGH = 1e-9


@dataclass(frozen=True)
class Vote:
    """Two models answered one question, and a person who did not know their names chose. won: 1 for the one, 0 for the
    other, 0.5 for neither."""

    one: str
    other: str
    won: float
    asked: str


@dataclass(frozen=True)
class Strength:
    """How strong a model is; the true value lies between low and high 95 times of a hundred."""

    model: str
    elo: float
    low: float
    high: float
    votes: int


class Votes:
    """A person's votes, a JSON line each."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or paths.home() / "votes.jsonl"

    def add(self, vote: Vote) -> None:
        """Keep a vote. Raises OSError."""
        json_lines.append(self.path, [asdict(vote)])

    def all(self) -> list[Vote]:
        """Every vote, the oldest first; a line that cannot be read is passed over."""
        found: list[Vote] = []
        for stored in json_lines.read(self.path):
            with suppress(TypeError):
                found.append(Vote(**stored))
        return found


def strengths(votes: Sequence[Vote], seed: int = 0) -> list[Strength]:
    """Every model that was voted on, the strongest first."""
    models = sorted({name for vote in votes for name in (vote.one, vote.other)})
    if not models:
        return []
    places = {name: place for place, name in enumerate(models)}
    pairs = np.array([[places[vote.one], places[vote.other]] for vote in votes])
    won = np.array([vote.won for vote in votes])
    random = np.random.default_rng(seed)
    drawn = [random.integers(0, len(votes), len(votes)) for _ in range(DRAWS)]
    spread = np.array([_elo(pairs[some], won[some], len(models)) for some in drawn])
    low, high = np.percentile(spread, (2.5, 97.5), axis=0)
    counts = np.bincount(pairs.ravel(), minlength=len(models))
    middle = _elo(pairs, won, len(models))
    found = [
        Strength(name, float(middle[n]), float(low[n]), float(high[n]), int(counts[n])) for name, n in places.items()
    ]
    return sorted(found, key=lambda each: -each.elo)


def _elo(pairs: np.ndarray, won: np.ndarray, models: int) -> np.ndarray:
    """Strengths that make the votes likeliest, by the iteration of Hunter (2004, eq. 3). Each model has besides one tie
    with an average one, so that nobody who always won is infinitely strong.

    pairs: (vote, 2) places of models; won: (vote,) of the first.
    """
    met = np.zeros((models, models))
    wins = np.full(models, 0.5)
    np.add.at(met, (pairs[:, 0], pairs[:, 1]), 1)
    np.add.at(met, (pairs[:, 1], pairs[:, 0]), 1)
    np.add.at(wins, pairs[:, 0], won)
    np.add.at(wins, pairs[:, 1], 1 - won)
    strength = np.ones(models)
    for _ in range(ROUNDS):
        shared = (met / (strength[:, None] + strength[None, :])).sum(1) + 1 / (strength + 1)
        better = wins / shared
        if np.abs(better - strength).max() < ENOUGH:
            break
        strength = better
    return MEAN + SCALE * np.log10(strength)
