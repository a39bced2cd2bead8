"""Probabilities that mean what they say: temperature scaling and its measure (Guo et al. 2017, arXiv:1706.04599)."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor


def fit_temperature(logits: np.ndarray, targets: np.ndarray) -> float:
    """The number by which logits are divided so that the cross-entropy with `targets` is least.

    logits, targets: (row, label); a target is a distribution over the labels.
    """
    return math.exp(_best(logits, targets, lambda scores, value: scores / value.exp()))


def fit_bias(logits: np.ndarray, targets: np.ndarray, label: int) -> float:
    """What to add to one label's logits so that the cross-entropy with `targets` is least: how common the label is in
    the training rows and how common it is elsewhere are two things.

    logits, targets: (row, label).
    """
    mask = torch.nn.functional.one_hot(torch.tensor(label), logits.shape[1]).double()
    return _best(logits, targets, lambda scores, value: scores + value * mask)


def _best(logits: np.ndarray, targets: np.ndarray, changed: Callable[[Tensor, Tensor], Tensor]) -> float:
    """The number with which the changed logits have the least cross-entropy."""
    scores = torch.as_tensor(logits, dtype=torch.float64)
    wanted = torch.as_tensor(targets, dtype=torch.float64)
    number = torch.zeros((), dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([number], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        value = torch.nn.functional.cross_entropy(changed(scores, number), wanted)
        value.backward()
        return value

    optimiser.step(loss)
    return number.item()


def expected_calibration_error(probabilities: np.ndarray, labels: np.ndarray, bins: int = 15) -> float:
    """Mean distance between confidence and accuracy over `bins` of equal width, weighted by their rows (eq. 3).

    probabilities: (row, label); labels: (row,) numbers of the true label.
    """
    confidence = probabilities.max(-1)
    right = probabilities.argmax(-1) == labels
    places = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    gaps = [
        (places == place).mean() * abs(confidence[places == place].mean() - right[places == place].mean())
        for place in np.unique(places)
    ]
    return float(sum(gaps))
