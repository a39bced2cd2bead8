"""Distances against scipy's and scikit-learn's, and against what is known of Gaussians."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from scipy.ndimage import laplace
from sklearn.metrics import roc_auc_score
from sklearn.metrics.pairwise import polynomial_kernel
from sklearn.neighbors import NearestNeighbors

from demos import distances
from demos.images import digits


def two(count: int = 300, features: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    one = torch.randn(count, features, generator=generator)
    return one, torch.randn(count, features, generator=generator) @ torch.diag(torch.linspace(0.5, 2, features)) + 0.3


def test_frechet_is_that_of_the_matrix_root() -> None:
    one, other = two()
    a, b = np.cov(one.numpy().T), np.cov(other.numpy().T)
    wanted = ((one.mean(0) - other.mean(0)) ** 2).sum().item() + np.trace(a + b - 2 * sqrtm(a @ b).real)
    assert distances.frechet(one, other) == pytest.approx(wanted, rel=1e-5)
    assert distances.frechet(one, one) == pytest.approx(0, abs=1e-9)


def test_frechet_of_pictures_with_dead_features() -> None:
    one, other = two()
    one[:, 0] = other[:, 0] = 0
    assert np.isfinite(distances.frechet(one, other))


def test_kernel_is_the_unbiased_estimate() -> None:
    one, other = (each.numpy() for each in two(80))
    kind = {"degree": 3, "gamma": 1 / 6, "coef0": 1}
    xx, yy, xy = (polynomial_kernel(a, b, **kind) for a, b in ((one, one), (other, other), (one, other)))
    n = len(one)
    wanted = sum((k.sum() - np.trace(k)) / (n * (n - 1)) for k in (xx, yy)) - 2 * xy.mean()
    assert distances.kernel(torch.tensor(one), torch.tensor(other)) == pytest.approx(wanted, rel=1e-6)


def test_precision_and_recall_are_those_of_neighbours() -> None:
    real, made = two(120)
    made = made[:100] * 0.5

    def among(points: torch.Tensor, others: torch.Tensor) -> float:
        radii = NearestNeighbors(n_neighbors=4).fit(others).kneighbors(others)[0][:, 3]
        away = np.linalg.norm(points.numpy()[:, None] - others.numpy()[None], axis=2)
        return float((away <= radii).any(1).mean())

    assert distances.precision_recall(real, made) == pytest.approx((among(made, real), among(real, made)), abs=0.011)


def test_a_generator_that_makes_one_picture_is_precise_and_forgets() -> None:
    real, _ = two()
    precision, recall = distances.precision_recall(real, real[:1].repeat(50, 1))
    assert precision == 1 and recall < 0.05
    assert (
        distances.diversity(real[:1].repeat(50, 1), torch.zeros(50)) == 0 < distances.diversity(real, torch.zeros(300))
    )


def test_diversity_is_the_mean_over_pairs_and_shows_a_class_that_collapsed() -> None:
    made, labels = torch.randn(9, 4), torch.tensor([0, 0, 0, 1, 1, 1, 1, 2, 2])
    made[3:7] = made[3].clone()  # class 1 is one picture
    found = distances.diversities(torch.cat([made, torch.ones(1, 4)]), torch.cat([labels, torch.tensor([5])]))
    pairs = [np.linalg.norm(one - other) for one, other in combinations(made[:3].numpy(), 2)]
    assert list(found) == [0, 1, 2] and found[0] == pytest.approx(np.mean(pairs), rel=1e-5) and found[1] == 0
    assert distances.diversity(made, labels) == pytest.approx(np.mean(list(found.values())))
    assert distances.diversity(made[:1], labels[:1]) == 0


def test_spreads_are_numpys_within_each_class() -> None:
    made, labels = torch.randn(7, 1, 3, 3), torch.tensor([4, 4, 4, 0, 0, 2, 0])
    made[labels == 0] = made[3].clone()
    four = made[:3].numpy().std(0, ddof=1).mean()
    assert distances.spreads(made, labels).tolist() == pytest.approx([0, four])  # of class 2 there is one
    assert distances.spreads(made[:1], labels[:1]).tolist() == [0]


def test_sharpness_is_the_variance_of_scipys_laplacian_and_falls_with_blur() -> None:
    pictures = digits().images[:30].float() / 127.5 - 1
    inner = [laplace(each[0].numpy())[1:-1, 1:-1] for each in pictures]
    assert distances.sharpness(pictures) == pytest.approx(np.mean([each.var(ddof=1) for each in inner]), rel=1e-5)
    assert distances.sharpness(pictures.expand(-1, 3, -1, -1)) == pytest.approx(distances.sharpness(pictures))
    blurred = torch.nn.functional.avg_pool2d(pictures, 3, 1, 1)
    noisy = pictures + 0.3 * torch.randn_like(pictures)
    assert 2 * distances.sharpness(blurred) < distances.sharpness(pictures) < distances.sharpness(noisy)


def test_roc_is_scikit_learns() -> None:
    strange, own = torch.randint(0, 20, (200,)).float() + 3, torch.randint(0, 20, (300,)).float()
    wanted = roc_auc_score([1] * 200 + [0] * 300, torch.cat([strange, own]).numpy())
    assert distances.roc_auc(strange, own) == pytest.approx(wanted, rel=1e-6)


def test_histogram_shows_what_is_forgotten() -> None:
    assert distances.histogram(torch.tensor([0, 0, 2, 2]), 4) == [0.5, 0, 0.5, 0]
