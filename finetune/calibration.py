"""Probabilities that mean what they say: temperature scaling and its measure (Guo et al. 2017, arXiv:1706.04599)."""

from __future__ import annotations

import numpy as np
import torch


def fit_temperature(logits: np.ndarray, targets: np.ndarray) -> float:
    """The number by which logits are divided so that the cross-entropy with `targets` is least.

    logits, targets: (row, label); a target is a distribution over the labels.
    """
    scores = torch.as_tensor(logits, dtype=torch.float64)
    wanted = torch.as_tensor(targets, dtype=torch.float64)
    log_temperature = torch.zeros((), dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([log_temperature], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        value = torch.nn.functional.cross_entropy(scores / log_temperature.exp(), wanted)
        value.backward()
        return value

    optimiser.step(loss)
    return log_temperature.detach().exp().item()


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
