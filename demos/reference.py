"""Real pictures as a classifier sees them: what makers of pictures are measured against."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from demos import distances
from demos.classifier import Classifier, features
from demos.errors import BadConfig, NoData
from demos.images import Pictures, scaled, unscaled
from demos.lesson import keep_tensors, read_about

SHOWN, LEAST = 20, 50
"""Pictures that are shown; test pictures that it takes to measure."""
KEPT, KEPT_ROWS = "real.safetensors", 1000
"""The file beside a classifier's weights, and the pictures whose features are in it."""


@dataclass(frozen=True)
class Real:
    """test, train: features (count, FEATURES) of what makers are measured against, and of other real pictures, whose
    distance is the floor; sheet: a few of the latter, (count, channels, 28, 28) in [-1, 1]; sharpness: of all of them,
    as distances.sharpness has it."""

    test: Tensor
    train: Tensor
    sheet: Tensor
    classes: tuple[str, ...]
    sharpness: float


def real(judge: Classifier, train: Pictures, test: Pictures, *, count: int = 10_000, seed: int = 0) -> Real:
    """All of the test pictures, and `count` of the training's. Raises BadConfig for too few to measure with."""
    if len(test) < LEAST:
        raise BadConfig(f"{len(test)} test pictures are too few to measure.", hint="Take a larger set.")
    places = torch.randperm(len(train), generator=torch.Generator().manual_seed(seed))[:count]
    own = train.images[places]
    sharp = distances.sharpness(scaled(own))
    return Real(features(judge, test.images), features(judge, own), scaled(own[:SHOWN]), train.classes, sharp)


def keep(folder: Path, found: Real) -> None:
    """Write the first KEPT_ROWS of both beside a classifier's weights, so that the pictures are not needed any more.

    Raises OSError.
    """
    kept = {name: each[:KEPT_ROWS].half().contiguous() for name, each in (("test", found.test), ("train", found.train))}
    sharp = torch.tensor([found.sharpness])
    keep_tensors({**kept, "sheet": unscaled(found.sheet), "sharpness": sharp}, folder / KEPT)


def kept(folder: Path) -> Real:
    """What was kept beside a classifier's weights. Raises NoData."""
    try:
        tensors = load_file(folder / KEPT)
        test, train = tensors["test"].float(), tensors["train"].float()
        sheet = scaled(tensors["sheet"])
        known = tensors.get("sharpness")  # a classifier of before it was measured has the few pictures alone
        sharp = distances.sharpness(sheet) if known is None else float(known)
        return Real(test, train, sheet, tuple(read_about(folder)["classes"]), sharp)
    except (OSError, SafetensorError, KeyError) as error:
        raise NoData(f"{folder / KEPT} cannot be used: {error}.", hint="Say which pictures with --data.") from error
