from __future__ import annotations

from pathlib import Path

import pytest

from eval.gate import drops
from tests.eval.made import made


@pytest.mark.parametrize(
    ("before", "after", "most", "metric", "passes"),
    [
        pytest.param(0.5, 0.5, 0.0, "acc", True, id="the same"),
        pytest.param(0.5, 0.49, 0.01, "acc", True, id="as much as it may"),
        pytest.param(0.5, 0.48, 0.01, "acc", False, id="more"),
        pytest.param(0.5, 0.9, 0.01, "acc", True, id="better"),
        pytest.param(50.0, 49.5, 0.01, "chrf", True, id="of a hundred"),
        pytest.param(50.0, 48.0, 0.01, "chrf", False, id="of a hundred, more"),
    ],
)
def test_what_passes(before: float, after: float, most: float, metric: str, passes: bool, tmp_path: Path) -> None:
    one, other = made(tmp_path / "a", [before] * 4, metric=metric), made(tmp_path / "b", [after] * 4, metric=metric)
    assert (not list(drops(one, other, most))) is passes


def test_a_task_that_is_missing_does_not_pass(tmp_path: Path) -> None:
    (drop,) = drops(made(tmp_path / "a", [1.0]), made(tmp_path / "b", [1.0], task="other"), 0.5)
    assert drop.told() == "sums acc: 1 before, missing now"
