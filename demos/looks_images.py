"""Looks into what makes pictures of edges, of a drawing, of another's style; and into what a classifier sees."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from demos import classifier, pix2pix, style
from demos.classifier import Classifier
from demos.exhibits import Bars, Exhibit, Heat, Sheet
from demos.images import Pictures
from demos.lesson import read_about
from demos.looks import Given
from demos.looks_pictures import as_known, chosen, known_pictures
from demos.pix2pix import Pix2Pix

DRAWN, STYLED, MANNER, SEEN = 25, 0, 121, 145
"""Which of the known pictures is drawn, carries a style, has it, and is classified, where none is given."""
STEPS, SHARES = 60, (0.02, 0.1, 0.3, 1.0)
"""Of carrying a style; how much of it each picture has."""


def _one_of_each(known: Pictures, place: int) -> Tensor:
    """A picture of every class that has some, (classes, channels, 28, 28) uint8."""
    rows = [known.images[known.labels == label] for label in range(len(known.classes))]
    return torch.stack([row[place % len(row)] for row in rows if len(row)])


def pix2pix_edges(model: Pix2Pix, folder: Path, given: Given) -> Iterator[Exhibit]:
    some = (
        _one_of_each(known_pictures(folder, given.home), given.seed) if given.picture is None else given.picture[None]
    )
    real = torch.stack([as_known(each, model.channels) for each in some])
    x = pix2pix.edges(real)
    columns = len(real) if given.picture is None else 3
    yield Sheet(
        torch.cat([real, x.expand_as(real), model.paint(x)]),
        "Pictures, their edges, and what is made of the edges alone: the shape is given, how dark the cloth was is "
        "guessed.",
        columns,
    )


def pix2pix_drawing(model: Pix2Pix, folder: Path, given: Given) -> Iterator[Exhibit]:
    if given.mask is None or not given.mask.any():
        x = pix2pix.edges(chosen(None, folder, model.channels, given.home, DRAWN + given.seed)[None])
        said = "The edges of a picture, as nothing was drawn, and what is made of them."
    else:
        x = torch.where(given.mask, 1.0, -1.0)[None, None]
        said = "What was drawn, and what is made of it. It has learnt from lines that are one pixel wide."
    yield Sheet(torch.cat([x.expand(-1, model.channels, -1, -1), model.paint(x)]), said, 2)


def classifier_style(network: Classifier, folder: Path, given: Given) -> Iterator[Exhibit]:
    content = chosen(given.picture, folder, network.channels, given.home, STYLED + given.seed)
    manner = chosen(given.other, folder, network.channels, given.home, MANNER + given.seed)
    most = 0.8 if given.amount is None else given.amount
    made = [
        style.carry(network, content, manner, weight=most * share, steps=STEPS, seed=given.seed) for share in SHARES
    ]
    yield Sheet(
        torch.stack([content, manner, *made]),
        f"A picture, another, and the first in the manner of the second, more and more: up to {most:.0%} of what "
        "counts is the manner, the rest what is to be seen.",
        2 + len(made),
    )


def classifier_why(network: Classifier, folder: Path, given: Given) -> Iterator[Exhibit]:
    names = read_about(folder)["classes"]
    x = chosen(given.picture, folder, network.channels, given.home, SEEN + given.seed)
    shares = classifier.predict(network, x[None])[0]
    answer = names[int(shares.argmax())]
    yield Sheet(x[None], "The picture, as it sees it.", 1)
    yield Bars(
        dict(zip(names, shares.tolist(), strict=True)),
        f"It takes it for: {answer}, with a probability of {float(shares.max()):.1%}. It has to choose one, whatever "
        "the picture shows.",
    )
    lost = classifier.occlusion(network, x)
    nothing = [""] * len(lost)
    yield Heat(
        lost.tolist(),
        nothing,
        nothing,
        f"A small black square is laid over each part of the picture: how many bits less likely {answer} becomes, "
        f"{float(lost.max()):.1f} at the most. In the other colour it becomes likelier.",
    )
