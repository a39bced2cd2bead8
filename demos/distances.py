"""How far made pictures are from real ones, in a feature space: (count, features) tensors in, numbers out."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def frechet(one: Tensor, other: Tensor) -> float:
    """‖μ₁ − μ₂‖² + tr(Σ₁ + Σ₂ − 2 (Σ₁Σ₂)^½): the Fréchet distance of two Gaussians (Heusel et al. 2017,
    arXiv:1706.08500)."""
    one, other = one.double(), other.double()
    first, second = torch.cov(one.T), torch.cov(other.T)
    values, vectors = torch.linalg.eigh(first)
    root = vectors * values.clamp_min(0).sqrt() @ vectors.T
    cross = torch.linalg.eigvalsh(root @ second @ root).clamp_min(0).sqrt().sum()  # has the eigenvalues of Σ₁Σ₂
    between = (one.mean(0) - other.mean(0)).square().sum()
    return float(between + first.trace() + second.trace() - 2 * cross)


def kernel(one: Tensor, other: Tensor) -> float:
    """The squared maximum mean discrepancy with the kernel (x·y / features + 1)³, unbiased: KID (Bińkowski et al.
    2018, arXiv:1801.01401)."""
    one, other = one.double(), other.double()

    def k(a: Tensor, b: Tensor) -> Tensor:
        return (a @ b.T / a.shape[1] + 1) ** 3

    def within(a: Tensor) -> Tensor:
        values = k(a, a)
        return (values.sum() - values.trace()) / (len(a) * (len(a) - 1))

    return float(within(one) + within(other) - 2 * k(one, other).mean())


def precision_recall(real: Tensor, made: Tensor, neighbours: int = 3) -> tuple[float, float]:
    """(share of made pictures that lie among the real, share of real ones that lie among the made): "among" is
    closer to one than its k-th neighbour of its own kind (Kynkäänniemi et al. 2019, arXiv:1904.06991)."""

    def among(points: Tensor, others: Tensor) -> float:
        radii = torch.cdist(others, others).kthvalue(neighbours + 1, dim=1).values
        return float((torch.cdist(points, others) <= radii).any(1).float().mean())

    return among(made, real), among(real, made)


def diversities(made: Tensor, labels: Tensor, most: int = 2000) -> dict[int, float]:
    """Class → the mean distance of two of its pictures: near 0 where a generator makes the same one again and again.
    Classes with fewer than two are left out; most: of a class, the first, whose pairs are all measured."""
    found = {int(label): made[labels == label][:most] for label in labels.unique()}
    return {label: float(torch.pdist(own.float()).mean()) for label, own in found.items() if len(own) > 1}


def diversity(made: Tensor, labels: Tensor) -> float:
    """The mean distance of two made pictures of the same class, each class counted alike."""
    found = diversities(made, labels).values()
    return sum(found) / max(1, len(found))


def spreads(made: Tensor, labels: Tensor) -> Tensor:
    """Standard deviation within each class that has two pictures or more, the mean over pixels: (classes,).

    made: (count, channels, height, width). Cheap enough for each step of a training.
    """
    owns = (made[labels == label].flatten(1) for label in labels.unique())
    found = [own.std(0).mean() for own in owns if len(own) > 1]
    return torch.stack(found) if found else made.new_zeros(1)


def sharpness(images: Tensor) -> float:
    """The variance of a picture's Laplacian over its pixels, the mean over pictures: little where edges are blurred
    (Pech-Pacheco et al. 2000, "Diatom autofocusing in brightfield microscopy"). Noise has much of it too.

    images: (count, channels, height, width) in [-1, 1]; the mean of the channels is taken.
    """
    laplacian = images.new_tensor([[0, 1, 0], [1, -4, 1], [0, 1, 0]])[None, None]
    return float(F.conv2d(images.mean(1, keepdim=True), laplacian).flatten(1).var(1).mean())


def histogram(labels: Tensor, classes: int) -> list[float]:
    """What share of pictures each class has: a class that a generator has forgotten shows."""
    return (torch.bincount(labels, minlength=classes) / max(1, len(labels))).tolist()


def roc(strange: Tensor, own: Tensor) -> list[tuple[float, float]]:
    """For every threshold the share of the family and of strangers above it, from (0, 0) to (1, 1): scores (count,)."""
    thresholds = torch.cat([strange, own]).unique().flip(0)
    points = [((own >= each).float().mean(), (strange >= each).float().mean()) for each in thresholds]
    return [(0.0, 0.0), *((float(x), float(y)) for x, y in points)]


def roc_auc(strange: Tensor, own: Tensor) -> float:
    """How often a stranger's score is above one of the family's: scores (count,) each, ties count half."""
    ordered = own.sort().values
    below = torch.searchsorted(ordered, strange, right=False)
    equal = torch.searchsorted(ordered, strange, right=True) - below
    return float((below + equal / 2).mean() / len(own))
