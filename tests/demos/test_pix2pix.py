"""Edges are where they should be, the loss is the paper's, and weights paint what is drawn."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from demos import images, pix2pix
from demos.architectures import ARCHITECTURES
from demos.errors import NoData
from demos.exhibits import Sheet
from demos.lesson import save
from demos.looks import Given, look
from tests.demos.test_training import config, digits, trained


def square() -> Tensor:
    picture = torch.full((1, 1, 28, 28), -1.0)
    picture[:, :, 8:20, 6:22] = 1.0
    return picture


def test_a_square_has_its_outline_and_nothing_else() -> None:
    found = pix2pix.edges(square())[0, 0] > 0
    rows, columns = np.nonzero(found.numpy())
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (8, 20, 6, 22)  # a line between two pixels
    middle = found[11:17]  # away from the corners
    assert middle.sum(1).tolist() == [2] * 6 and middle[:, 6].all() and middle[:, 22].all()
    assert found[:, 10:18].sum(0).tolist() == [2] * 8  # one pixel thick all round
    assert not found[10:18, 8:20].any()


def test_a_slanting_border_is_thin_and_has_no_holes() -> None:
    below = torch.ones(28, 28).tril()
    found = pix2pix.edges((2 * below - 1)[None, None])[0, 0] > 0
    inner = found[3:25, 3:25]
    assert 1 <= inner.sum(1).min() <= inner.sum(1).max() <= 2
    places = torch.arange(28)
    assert (places[:, None] - places)[found].abs().max() <= 1


@pytest.mark.parametrize("value", [-1.0, 0.3, 1.0])
def test_a_flat_picture_has_no_edges(value: float) -> None:
    assert (pix2pix.edges(torch.full((2, 3, 28, 28), value)) == -1).all()


def test_edges_of_a_negative_and_of_colour_are_the_same() -> None:
    x = images.scaled(digits(6).images)
    found = pix2pix.edges(x)
    assert found.shape == (6, 1, 28, 28) and set(found.unique().tolist()) == {-1.0, 1.0}
    assert torch.equal(pix2pix.edges(-x), found) and torch.equal(pix2pix.edges(x.expand(-1, 3, -1, -1)), found)
    assert 0.02 < float((found > 0).float().mean()) < 0.3


def test_the_slope_is_that_of_scipy() -> None:
    from scipy.ndimage import sobel

    x = images.scaled(digits(4).images)
    slope = np.stack([np.hypot(*(sobel(each[0].numpy(), axis, mode="nearest") for axis in (0, 1))) / 8 for each in x])
    found = pix2pix.edges(x)[:, 0].numpy() > 0
    assert found.any() and (slope[found] > pix2pix.LEAST).all()
    largest = np.stack([each.reshape(-1).argmax() for each in slope])
    near = F.max_pool2d(torch.from_numpy(found).float()[:, None], 3, 1, 1).flatten(1)
    assert near[torch.arange(4), torch.from_numpy(largest)].all()  # the steepest place is on an edge, or beside one


def test_the_loss_is_that_of_the_paper() -> None:
    scores, made, real = torch.randn(3, 1, 7, 7), torch.rand(3, 1, 28, 28) * 2 - 1, torch.rand(3, 1, 28, 28) * 2 - 1
    loss, distance = pix2pix.objective(scores, made, real, 30.0)
    fooled = -np.log(1 / (1 + np.exp(-scores.double().numpy()))).mean()
    away = np.abs(made.double().numpy() - real.double().numpy()).mean()
    assert float(distance) == pytest.approx(away, rel=1e-5)
    assert float(loss) == pytest.approx(fooled + 30 * away, rel=1e-5)


@pytest.mark.parametrize("channels", [1, 3])
def test_networks_have_the_shapes_that_they_say(channels: int) -> None:
    x, y = torch.zeros(2, 1, 28, 28), torch.zeros(2, channels, 28, 28)
    made = pix2pix.Generator(channels, 8)(x)
    assert made.shape == y.shape and made.abs().max() <= 1
    assert pix2pix.Discriminator(channels, 8)(x, y).shape == (2, 1, 7, 7)


def test_a_patch_has_18_pixels() -> None:
    judge = pix2pix.Discriminator(1, 8)
    parts = (part for part in judge.body[2].children() if not isinstance(part, torch.nn.GroupNorm))
    judge.body[2] = torch.nn.Sequential(*parts)  # a norm sees all of the picture
    x, y = torch.randn(1, 1, 28, 28), torch.randn(1, 1, 28, 28, requires_grad=True)
    (gradient,) = torch.autograd.grad(judge(x, y)[0, 0, 3, 3], y)
    rows, columns = (gradient[0, 0] != 0).nonzero().T
    assert rows.max() - rows.min() + 1 == columns.max() - columns.min() + 1 == 18


def saved(folder: Path, **more: Any) -> pix2pix.Pix2Pix:
    asked = config("pix2pix", steps=2, data="digits", **more)
    made, _ = trained("pix2pix", folder / "work", asked)
    told = save(folder / "model", made, "pix2pix", asked, {"steps": 2})
    assert 0 < told["absolute_error"] < 2 and 0 < told["of_the_mean_picture"] < 2
    return ARCHITECTURES["pix2pix"].load(folder / "model")


def test_weights_are_saved_and_paint(tmp_path: Path) -> None:
    model = saved(tmp_path)
    x = pix2pix.edges(images.scaled(digits(12).images))
    one, same = model.paint(x), model.paint(x)
    assert one.shape == (12, 1, 28, 28) and one.abs().max() <= 1 and torch.equal(one, same)
    assert not torch.allclose(one[0], one[1])
    whole = pix2pix.paint(model.generator, x, batch=5)
    assert torch.allclose(whole, one, atol=1e-5)
    about = tmp_path / "model" / "lab.json"
    about.write_text(about.read_text().replace('"width": 8', '"width": 16'))
    with pytest.raises(NoData, match="cannot be used"):
        ARCHITECTURES["pix2pix"].load(tmp_path / "model")


def test_the_error_beside_it_is_that_of_the_mean_picture() -> None:
    found = digits(30)
    test = replace(found, images=found.images[20:], labels=found.labels[20:])
    learnt = replace(found, images=found.images[:20], labels=found.labels[:20])
    lesson = pix2pix.build(config("pix2pix"), learnt, test, torch.device("cpu"))
    values = [each.images.double().numpy() / 127.5 - 1 for each in (learnt, test)]
    wanted = np.abs(values[1] - values[0].mean(0)).mean()
    assert lesson.about()["of_the_mean_picture"] == pytest.approx(wanted, abs=1e-4)


def looked(name: str, folder: Path, **given: Any) -> Tensor:
    (sheet,) = look("pix2pix", name).show(folder, Given(**given))
    assert isinstance(sheet, Sheet) and sheet.said
    return sheet.images


def test_edges_are_looked_at(tmp_path: Path) -> None:
    model = saved(tmp_path)
    sheet = looked("edges", tmp_path / "model")
    real, x, made = sheet.split(10)
    assert torch.equal(x, pix2pix.edges(real)) and torch.allclose(made, model.paint(x), atol=1e-5)
    assert not torch.equal(looked("edges", tmp_path / "model", seed=1), sheet)
    for channels in (1, 3):  # a person's own
        own = torch.randint(256, (channels, 28, 28)).to(torch.uint8)
        three = looked("edges", tmp_path / "model", picture=own)
        assert three.shape == (3, 1, 28, 28) and torch.allclose(three[0, 0], images.scaled(own).mean(0), atol=1e-5)


def test_a_drawing_is_taken_for_edges(tmp_path: Path) -> None:
    model = saved(tmp_path)
    mask = torch.zeros(28, 28, dtype=torch.bool)
    mask[5, 4:20] = mask[5:22, 4] = True
    drawn, made = looked("drawing", tmp_path / "model", mask=mask)
    assert torch.equal(drawn[0] > 0, mask) and torch.allclose(made, model.paint(drawn[None])[0], atol=1e-5)
    nothing = looked("drawing", tmp_path / "model", mask=torch.zeros(28, 28, dtype=torch.bool))
    assert torch.equal(nothing, looked("drawing", tmp_path / "model")) and (nothing[0] > 0).any()
