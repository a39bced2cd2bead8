from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest

from eval.verdicts import Verdict, holm, judge, mcnemar, measure


@pytest.mark.parametrize(("gained", "lost"), [(0, 0), (1, 0), (5, 5), (12, 3), (3, 12), (130, 70), (1200, 1000)])
def test_mcnemar_is_the_binomial_test(gained: int, lost: int) -> None:
    stats = pytest.importorskip("scipy.stats")
    expected = stats.binomtest(gained, gained + lost).pvalue if gained + lost else 1.0
    assert mcnemar(gained, lost) == pytest.approx(expected)


def pairs(random: np.random.Generator, count: int, better: float, alike: float = 0.6) -> np.ndarray:
    """Differences of two models, of which one is right half the time, the other so much more often."""
    before = random.random(count) < 0.5
    anew = random.random(count) < 0.5 + better / (1 - alike)
    after = np.where(random.random(count) < alike, before, anew)
    return after.astype(float) - before


def test_equals_are_seldom_called_different() -> None:
    random = np.random.default_rng(3)
    assert sum(judge(pairs(random, 500, 0.0))[3] is Verdict.REAL for _ in range(1000)) <= 50


def test_three_points_are_found_in_two_thousand_samples() -> None:
    random = np.random.default_rng(4)
    assert sum(judge(pairs(random, 2000, 0.03))[3] is Verdict.REAL for _ in range(500)) >= 400


def test_figures_that_are_not_right_or_wrong() -> None:
    random = np.random.default_rng(5)
    noise = random.standard_t(5, 300)
    assert judge(noise + 0.5)[3] is Verdict.REAL
    low, high, p, _, _ = judge(noise - noise.mean())
    assert low < 0 < high and p > 0.9
    assert sum(judge(random.standard_t(5, 60))[3] is Verdict.REAL for _ in range(200)) <= 16


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    random = np.random.default_rng(6)
    held = 0
    for _ in range(300):
        low, high, *_ = judge(pairs(random, 400, 0.05))
        held += low <= 0.05 <= high
    assert 275 <= held <= 295


def test_equal_answers_are_noise_only_where_there_are_many() -> None:
    assert judge([0.0] * 8)[3:] == (Verdict.TOO_FEW, 292)
    low, high, p, verdict, _ = judge([0.0] * 400)
    assert (verdict, p) == (Verdict.NOISE, 1.0)
    assert (low, high) == (-3 / 400, 3 / 400)


def test_more_samples_are_asked_for_where_a_figure_must_be_surer() -> None:
    """As many as the power of a paired z-test wants, at 5 % and at a tenth of that."""
    random = np.random.default_rng(7)
    differences = pairs(random, 100, 0.03).tolist()
    spread, mean = float(np.std(differences, ddof=1)), float(np.mean(differences))
    for among in (1, 10):
        errors = NormalDist().inv_cdf(1 - 0.025 / among) + NormalDist().inv_cdf(0.8)
        wanted = (errors * spread / max(abs(mean), 0.01)) ** 2
        assert judge(differences, among=among).needed == pytest.approx(wanted - 100, abs=1)


def test_of_a_hundred_a_hundred_times_as_much_matters() -> None:
    assert measure([0.0] * 8, scale=100.0).judged(matters=1.0)[3:] == (Verdict.TOO_FEW, 292)
    low, high, *_ = measure([0.0] * 400, scale=100.0).judged(matters=1.0)
    assert (low, high) == (-0.75, 0.75)


@pytest.mark.parametrize(
    ("ps", "adjusted"),
    [
        pytest.param([0.02], [0.02], id="alone"),
        pytest.param([0.01, 0.04, 0.03], [0.03, 0.06, 0.06], id="never below the one before"),
        pytest.param([0.6, 0.001, 0.5], [1.0, 0.003, 1.0], id="never above 1"),
        pytest.param([], [], id="none"),
    ],
)
def test_a_family_s_own_p(ps: list[float], adjusted: list[float]) -> None:
    assert holm(ps) == pytest.approx(adjusted)


def test_of_many_equals_hardly_any_family_has_one_that_is_real() -> None:
    random = np.random.default_rng(8)
    found = sum(min(holm([judge(pairs(random, 100, 0.0)).p for _ in range(20)])) < 0.045 for _ in range(100))
    assert found <= 9
