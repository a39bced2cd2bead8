"""Temperature and calibration error, beside what their definitions give."""

from __future__ import annotations

import numpy as np
import pytest

from finetune.calibration import expected_calibration_error, fit_temperature


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_that_made_logits_overconfident_is_found(temperature: float) -> None:
    random = np.random.default_rng(0)
    honest = random.normal(0, 2, (20_000, 3))
    probabilities = np.exp(honest) / np.exp(honest).sum(1, keepdims=True)
    drawn = np.array([random.choice(3, p=row) for row in probabilities])
    assert fit_temperature(honest * temperature, np.eye(3)[drawn]) == pytest.approx(temperature, rel=0.05)


def test_calibration_error_of_cases_worked_by_hand() -> None:
    always_sure = np.array([[1.0, 0.0]] * 4)
    assert expected_calibration_error(always_sure, np.array([0, 0, 0, 1])) == pytest.approx(0.25)
    assert expected_calibration_error(always_sure, np.array([0, 0, 0, 0])) == 0
    two_bins = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.6, 0.4]])
    # at 0.9 both are right (gap 0.1), at 0.6 one is (gap 0.1)
    assert expected_calibration_error(two_bins, np.array([0, 0, 0, 1])) == pytest.approx(0.1)
