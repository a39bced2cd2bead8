"""A style is a Gram matrix, and is carried; and a classifier is seen to look where it does."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from demos import classifier, images, style
from demos.exhibits import Bars, Exhibit, Heat, Sheet
from demos.lesson import save
from demos.looks import Given, look
from tests.demos.test_training import config, trained


@pytest.fixture
def network() -> classifier.Classifier:
    torch.manual_seed(0)
    made = classifier.Classifier(1, 10, 4)
    made(torch.randn(50, 1, 28, 28))  # its norms have seen something
    return made.eval()


def stripes() -> Tensor:
    return (torch.arange(28) % 4 < 2).float().mul(2).sub(1).expand(1, 28, 28)


def blob() -> Tensor:
    x = torch.full((1, 28, 28), -1.0)
    x[:, 6:22, 8:20] = 0.6
    return x


def test_a_gram_matrix_counts_filters_that_answer_together() -> None:
    f = torch.randn(3, 5, 49)
    wanted = np.einsum("bip,bjp->bij", f.numpy(), f.numpy()) / 49
    assert np.allclose(style.gram(f).numpy(), wanted, atol=1e-5)
    assert torch.allclose(style.gram(f[:, :, torch.randperm(49)]), style.gram(f), atol=1e-5)  # not where they do


def test_distances_are_shares_of_what_is_to_be_met() -> None:
    one, other = ([torch.rand(1, 4, 9) for _ in range(4)] for _ in range(2))
    wanted = []
    for a, b in zip(one, other, strict=True):
        a, b = (each[0].double().numpy() for each in (a, b))
        wanted.append(np.square(a @ a.T - b @ b.T).sum() / np.square(b @ b.T).sum())
    assert float(style.style_distance(one, other)) == pytest.approx(np.mean(wanted), rel=1e-5)
    assert float(style.share(torch.zeros(3, 3), one[0][:, :3, :3])) == pytest.approx(1)
    assert float(style.style_distance(one, one)) == 0


def test_roughness_is_total_variation() -> None:
    x = torch.randn(2, 1, 6, 5)
    values = x.numpy()
    wanted = np.abs(np.diff(values, axis=2)).mean() + np.abs(np.diff(values, axis=3)).mean()
    assert float(style.roughness(x)) == pytest.approx(wanted, rel=1e-5)


def test_responses_are_those_of_the_classifiers_own_blocks(network: classifier.Classifier) -> None:
    x = torch.randn(2, 1, 28, 28)
    found = style.responses(network, x)
    assert [tuple(each.shape) for each in found] == [(2, 4, 784), (2, 8, 196), (2, 8, 196), (2, 16, 49)]
    assert torch.allclose(found[3], network.body[:12](x).flatten(2))


def distances(network: classifier.Classifier, x: Tensor, content: Tensor, manner: Tensor) -> tuple[float, float]:
    with torch.no_grad():
        found, whole, wanted = (style.responses(network, each[None]) for each in (x, content, manner))
    return float(style.share(found[3], whole[3])), float(style.style_distance(found, wanted))


def test_a_style_is_carried_as_far_as_it_weighs(network: classifier.Classifier) -> None:
    content, manner = blob(), stripes()
    before = distances(network, content, content, manner)
    made = [
        distances(network, style.carry(network, content, manner, weight=weight, steps=60, seed=0), content, manner)
        for weight in (0.0, 0.5, 0.95)
    ]
    kept, moved = zip(*made, strict=True)
    assert kept[0] < 0.02 and moved[0] > 0.8 * before[1]
    assert moved[2] < 0.3 * before[1] and moved[0] > moved[1] > moved[2] and kept[0] < kept[1] < kept[2]


def test_without_weight_the_content_stays(network: classifier.Classifier) -> None:
    made = style.carry(network, blob(), stripes(), weight=0.0, steps=60, seed=0)
    assert float((made - blob()).abs().mean()) < 0.1 < 0.5 < float((made - stripes()).abs().mean())


def test_a_film_ends_with_what_is_carried(network: classifier.Classifier) -> None:
    frames = list(style.film(network, blob(), stripes(), weight=0.5, steps=5, seed=1))
    assert len(frames) == 5 and all(each.shape == (1, 28, 28) and each.abs().max() <= 1 for each in frames)
    assert not torch.equal(frames[0], frames[4])
    made = [style.carry(network, blob(), stripes(), weight=0.5, steps=5, seed=seed) for seed in (1, 2)]
    assert torch.equal(made[0], frames[4]) and not torch.equal(made[0], made[1])
    assert all(parameter.grad is None for parameter in network.parameters())


class Corner(nn.Module):
    """Looks at the upper left quarter alone: the brighter, the likelier is the first of two classes."""

    def forward(self, x: Tensor) -> Tensor:
        score = x[:, :, :14, :14].sum((1, 2, 3)) / 20
        return torch.stack([score, torch.zeros_like(score)], 1)


def test_what_is_covered_matters_where_it_is_looked_at() -> None:
    x = torch.zeros(1, 28, 28)
    found = classifier.occlusion(Corner(), x, side=6, stride=2)
    assert found.shape == (14, 14) and found[9:].abs().max() == 0 and found[:, 9:].abs().max() == 0
    fallen = math.log2(1 + math.exp(36 / 20)) - 1  # 36 black pixels in place of grey ones
    assert float(found[3, 3]) == pytest.approx(fallen, rel=1e-4)
    assert 0 < float(found[0, 0]) < float(found[3, 3])  # at a border less is covered


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    asked = config("classifier", steps=2, data="digits")
    made, _ = trained("classifier", tmp_path / "work", asked)
    save(tmp_path / "model", made, "classifier", asked, {})
    return tmp_path / "model"


def looked(name: str, folder: Path, **given: Any) -> list[Exhibit]:
    return list(look("classifier", name).show(folder, Given(**given)))


@pytest.mark.parametrize("channels", [1, 3])
def test_a_style_is_looked_at(folder: Path, channels: int) -> None:
    own, other = torch.randint(256, (2, channels, 28, 28)).to(torch.uint8)
    (sheet,) = looked("style", folder, picture=own, other=other, amount=0.9)
    assert isinstance(sheet, Sheet) and sheet.images.shape == (6, 1, 28, 28) == (sheet.columns, 1, 28, 28)
    assert torch.allclose(sheet.images[1, 0], images.scaled(other).mean(0), atol=1e-5) and "90%" in sheet.said
    assert len(looked("style", folder)) == 1


def test_why_is_looked_at(folder: Path) -> None:
    sheet, bars, heat = looked("why", folder)
    assert isinstance(sheet, Sheet) and isinstance(bars, Bars) and isinstance(heat, Heat)
    assert sum(bars.shares.values()) == pytest.approx(1, abs=1e-4) and list(bars.shares) == list("0123456789")
    assert len(heat.values) == len(heat.rows) == len(heat.columns) == 14
    likeliest = max(bars.shares, key=lambda name: bars.shares[name])
    assert f"takes it for: {likeliest}" in bars.said
