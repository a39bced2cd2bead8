"""Temperature and calibration error, beside what their definitions give."""

from __future__ import annotations

import numpy as np
import pytest

from finetune.calibration import expected_calibration_error, fit_bias, fit_temperature
from finetune.sentiment import LABELS, calibrated


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_that_made_logits_overconfident_is_found(temperature: float) -> None:
    random = np.random.default_rng(0)
    honest = random.normal(0, 2, (20_000, 3))
    probabilities = np.exp(honest) / np.exp(honest).sum(1, keepdims=True)
    drawn = np.array([random.choice(3, p=row) for row in probabilities])
    assert fit_temperature(honest * temperature, np.eye(3)[drawn]) == pytest.approx(temperature, rel=0.05)


def drawn(logits: np.ndarray) -> np.ndarray:
    """Labels as often as the logits say, one-hot."""
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    random = np.random.default_rng(1)
    return np.eye(logits.shape[1])[[random.choice(logits.shape[1], p=row) for row in shares]]


def test_what_was_taken_off_a_label_s_logits_is_found() -> None:
    honest = np.random.default_rng(0).normal(0, 2, (20_000, 3))
    assert fit_bias(honest - np.array([0, 1.5, 0]), drawn(honest), 1) == pytest.approx(1.5, abs=0.1)


def test_how_common_neutral_is_is_not_learnt_from_films() -> None:
    honest = np.random.default_rng(0).normal(0, 2, (30_000, 3))
    targets = drawn(honest)
    films = np.arange(30_000) < 10_000
    told = honest.copy()
    told[:, LABELS.index("neutral")] = -np.inf  # they are labelled as one or the other
    targets[films] = drawn(told[films])
    temperature, biases = calibrated(1.4 * (honest - np.array([0, 0.8, 0])), targets, films)
    assert temperature == pytest.approx(1.4, rel=0.05)
    assert biases[LABELS.index("neutral")] == pytest.approx(0.8, abs=0.1)
    assert biases[[0, 2]].tolist() == [0, 0]


def test_calibration_error_of_cases_worked_by_hand() -> None:
    always_sure = np.array([[1.0, 0.0]] * 4)
    assert expected_calibration_error(always_sure, np.array([0, 0, 0, 1])) == pytest.approx(0.25)
    assert expected_calibration_error(always_sure, np.array([0, 0, 0, 0])) == 0
    two_bins = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.6, 0.4]])
    # at 0.9 both are right (gap 0.1), at 0.6 one is (gap 0.1)
    assert expected_calibration_error(two_bins, np.array([0, 0, 0, 1])) == pytest.approx(0.1)
