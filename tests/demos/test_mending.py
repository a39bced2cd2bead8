"""Damaged pictures are mended: what comes out of the shipped weights is nearer to what they were."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from demos import images
from demos.architectures import ARCHITECTURES
from demos.exhibits import Sheet
from demos.looks import Given, look
from demos.looks_diffusion import scratch

SHIPPED = ARCHITECTURES["diffusion"].shipped
LOOK = look("diffusion", "mend")


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("demos.looks_diffusion.VERSIONS", 4)


def away(made: Tensor, clean: Tensor) -> float:
    return float((made - clean).square().mean())


def seen(given: Given) -> Sheet:
    (sheet,) = LOOK.show(SHIPPED, given)
    assert isinstance(sheet, Sheet)
    return sheet


@pytest.mark.parametrize("noise", [0.0, 0.3, 0.8])
@pytest.mark.parametrize("place", [5, 65, 150])
def test_what_is_mended_is_nearer_to_the_picture_before(place: int, noise: float) -> None:
    clean = images.scaled(images.examples().images[place])
    mask = scratch()
    damaged = clean + noise * torch.randn(clean.shape, generator=torch.Generator().manual_seed(place))
    damaged = images.unscaled(torch.where(mask, torch.ones_like(clean), damaged))
    sheet = seen(Given(picture=damaged, mask=mask, amount=noise))
    shown, made = sheet.images[0], sheet.images[1:]
    assert torch.equal(shown[:, ~mask], images.scaled(damaged)[:, ~mask])  # as it was given: nothing is added
    before = away(images.scaled(damaged), clean)
    assert max(away(each, clean) for each in made) < 0.3 * before
    assert max(away(each[:, mask], clean[:, mask]) for each in made) < away(
        images.scaled(damaged)[:, mask], clean[:, mask]
    )
    if noise:
        rest = images.scaled(damaged)[:, ~mask]
        assert max(away(each[:, ~mask], clean[:, ~mask]) for each in made) < 0.3 * away(rest, clean[:, ~mask])
    else:
        assert torch.equal(made[:, :, ~mask], shown[:, ~mask].expand(4, -1, -1))


def test_without_a_picture_an_example_is_damaged_first() -> None:
    sheet = seen(Given())
    clean, damaged, made = sheet.images[0], sheet.images[1], sheet.images[2:]
    assert (damaged[:, scratch()] == 0).all() and "the same damaged" in sheet.said
    assert max(away(each, clean) for each in made) < away(damaged, clean)


def test_what_is_whole_is_only_cleaned() -> None:
    given = Given(picture=images.examples().images[65], amount=0.2)
    one, other = seen(given), seen(replace(given, mask=torch.zeros(28, 28, dtype=torch.bool)))
    assert torch.equal(one.images, other.images) and torch.equal(one.images[0], images.scaled(given.picture))  # pyright: ignore[reportArgumentType]
