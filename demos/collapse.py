"""Whether a GAN collapses while it learns: how much what it makes differs, and which kinds it still makes."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from demos import classifier
from demos.architectures import WEIGHTS
from demos.classifier import Classifier
from demos.distances import histogram, spreads
from demos.errors import NoData
from demos.images import Pictures
from demos.lesson import read_about

JUDGE = WEIGHTS / "classifier"
MANY = 200
"""Pictures that are counted, as many of each kind as can be."""
LEAST = 0.02
"""Share of them from which on a kind is made."""


def spread(fake: Tensor, y: Tensor) -> dict[str, float]:
    """What falls to nothing: the standard deviation of all pictures of a batch, of those of a class, and of those of
    the class that has the least, which a mean over classes would hide. Each a mean over pixels. fake: (batch, channels,
    height, width); y: (batch,)."""
    within = spreads(fake, y)
    found = {
        "diversity": fake.std(0).mean(),
        "diversity within a class": within.mean(),
        "least diverse class": within.min(),
    }
    return {name: value.item() for name, value in found.items()}


def judge_of(pictures: Pictures, folder: Path = JUDGE) -> Classifier | None:
    """The lab's own classifier, if its kinds are those of the pictures; there is none for others."""
    try:
        about = read_about(folder)
        known = (tuple(about["classes"]), about["channels"]) == (pictures.classes, pictures.channels)
        return classifier.load(folder) if known else None
    except (NoData, KeyError):
        return None


def covered(judge: Classifier, made: Tensor) -> dict[str, float]:
    """How many kinds are made, and what share the rarest has. made: (count, channels, 28, 28) in [-1, 1]."""
    shares = torch.tensor(histogram(classifier.predict(judge, made).argmax(1), judge.head.out_features))
    return {"classes made": float((shares >= LEAST).sum()), "rarest class": float(shares.min())}
