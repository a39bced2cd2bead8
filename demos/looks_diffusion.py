"""Looks into the diffusion model at work on a picture: a hole filled, a small picture enlarged, noise taken away, a
damaged one mended."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from demos import restoring
from demos.diffusion import Diffusion
from demos.exhibits import Exhibit, Sheet
from demos.images import SIZE
from demos.looks import Given
from demos.looks_pictures import HOLED, as_known, chosen

VERSIONS, STEPS = 8, 50
"""Pictures that are made of one, and passes for each."""


def _many(picture: Tensor, model: Diffusion) -> tuple[Tensor, Tensor]:
    """The picture as often as it is made, and no class: (VERSIONS, channels, 28, 28), (VERSIONS,)."""
    return picture.expand(VERSIONS, -1, -1, -1), torch.full((VERSIONS,), model.network.anything)


def middle() -> Tensor:
    """The mask of a square in the middle: (28, 28) bool."""
    mask = torch.zeros(SIZE, SIZE, dtype=torch.bool)
    mask[8:20, 8:20] = True
    return mask


def scratch() -> Tensor:
    """The mask of a line from the top left to the bottom right, three pixels wide: (28, 28) bool."""
    across = torch.arange(SIZE)
    return (across[:, None] - across).abs() <= 1


def diffusion_fill(model: Diffusion, folder: Path, given: Given) -> Iterator[Exhibit]:
    picture = chosen(given.picture, folder, model.channels, given.home, HOLED)
    mask = middle() if given.mask is None or not given.mask.any() else given.mask
    many, anything = _many(picture, model)
    made = restoring.fill(model.network, many, mask, anything, seed=given.seed, steps=STEPS)
    hidden = torch.where(mask, torch.zeros_like(picture), picture)
    yield Sheet(
        torch.cat([picture[None], hidden[None], made]),
        "The picture, what is left of it, and what may have been there: the rest is held fast at every step.",
    )


def diffusion_sharpen(model: Diffusion, folder: Path, given: Given) -> Iterator[Exhibit]:
    picture = chosen(given.picture, folder, model.channels, given.home, 185 + given.seed)
    factor = int(given.amount or 4)
    small = restoring.shrink(picture[None], factor)
    _, anything = _many(picture, model)
    made = restoring.sharpen(
        model.network, small.expand(VERSIONS, -1, -1, -1), factor, anything, seed=given.seed, steps=STEPS
    )
    yield Sheet(
        torch.cat([picture[None], restoring.enlarge(small, factor), made]),
        f"The picture, what is left of it at {SIZE // factor} by {SIZE // factor} pixels, and pictures that shrink "
        "to just that.",
    )


def diffusion_clean(model: Diffusion, folder: Path, given: Given) -> Iterator[Exhibit]:
    picture = chosen(given.picture, folder, model.channels, given.home, 45 + given.seed)
    strength = 0.7 if given.amount is None else given.amount
    generator = torch.Generator().manual_seed(given.seed + 1_000_003)  # no noise that cleaning draws
    noisy = picture[None] + strength * torch.randn(1, *picture.shape, generator=generator)
    _, anything = _many(picture, model)
    made = restoring.clean(
        model.network, noisy.expand(VERSIONS, -1, -1, -1), strength, anything, seed=given.seed, steps=STEPS
    )
    yield Sheet(
        torch.cat([picture[None], noisy.clamp(-1, 1), made]),
        f"The picture, the same with noise of {strength:g}, and what it may have been: the more noise, the more it "
        "is made up.",
    )


def diffusion_mend(model: Diffusion, folder: Path, given: Given) -> Iterator[Exhibit]:
    strength = 0.3 if given.amount is None else given.amount
    mask = given.mask
    if given.picture is None:  # an example is damaged first, so that there is something to mend
        picture = chosen(None, folder, model.channels, given.home, HOLED)
        generator = torch.Generator().manual_seed(given.seed + 1_000_003)
        damaged = (picture + strength * torch.randn(picture.shape, generator=generator)).clamp(-1, 1)
        mask = scratch() if mask is None or not mask.any() else mask
        shown, said = [picture[None]], "The picture, the same damaged"
    else:
        damaged = as_known(given.picture, model.channels)
        mask = torch.zeros(SIZE, SIZE, dtype=torch.bool) if mask is None else mask
        shown, said = [], "The picture as it is, without what is to be made anew"
    many, anything = _many(damaged, model)
    made = restoring.mend(model.network, many, strength, mask, anything, seed=given.seed, steps=STEPS)
    yield Sheet(
        torch.cat([*shown, torch.where(mask, 0.0, damaged)[None], made]),
        f"{said}, and what it may have been: holes are filled, and noise of {strength:g} is taken away.",
    )
