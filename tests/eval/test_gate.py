from __future__ import annotations

import math
from pathlib import Path

import pytest

from assistant.errors import BadDataset
from eval.gate import drops
from eval.results import read
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
        pytest.param(0.9, 0.4, 0.01, "chrf", True, id="of a hundred, near its end"),
        pytest.param(0.5, math.nan, 0.01, "acc", False, id="no number any more"),
        pytest.param(math.nan, 0.5, 0.01, "acc", False, id="no number before"),
        pytest.param(0.5, 0.5, math.nan, "acc", False, id="no number that may be lost"),
        pytest.param(200.0, 190.0, 0.1, "tokens_per_second", True, id="a share of its speed"),
        pytest.param(200.0, 170.0, 0.1, "tokens_per_second", False, id="more of its speed"),
    ],
)
def test_what_passes(before: float, after: float, most: float, metric: str, passes: bool, tmp_path: Path) -> None:
    one, other = made(tmp_path / "a", [before] * 4, metric=metric), made(tmp_path / "b", [after] * 4, metric=metric)
    assert (not list(drops(one, other, most))) is passes


@pytest.mark.parametrize(
    ("before", "after", "metric", "passes"),
    [
        pytest.param(1.5, 1.505, "bits_per_byte", True, id="bits"),
        pytest.param(1.5, 2.49, "bits_per_byte", False, id="bits, above 1 and no percentage"),
        pytest.param(1.5, math.nan, "bits_per_byte", False, id="a model that has come apart"),
        pytest.param(0.5, 0.2, "pct_stereotype", False, id="as biased the other way"),
        pytest.param(0.7, 0.55, "pct_stereotype", True, id="less biased"),
        pytest.param(0.6, 0.4, "pct_stereotype", True, id="no more biased"),
    ],
)
def test_what_passes_where_less_is_better(
    before: float, after: float, metric: str, passes: bool, tmp_path: Path
) -> None:
    one, other = (
        made(tmp_path / name, [value] * 4, metric=metric, better=False) for name, value in (("a", before), ("b", after))
    )
    assert (not list(drops(one, other, 0.01))) is passes


def test_a_task_that_is_missing_does_not_pass(tmp_path: Path) -> None:
    (drop,) = drops(made(tmp_path / "a", [1.0]), made(tmp_path / "b", [1.0], task="other"), 0.5)
    assert drop.told() == "sums acc: 1 before, missing now"


@pytest.mark.parametrize("stored", ['{"results": {}}', '{"results": {"sums": {"alias": "sums"}}}'])
def test_a_baseline_without_figures_is_none(stored: str, tmp_path: Path) -> None:
    (tmp_path / "empty.json").write_text(stored)
    with pytest.raises(BadDataset, match=r"empty\.json has no figures to fall behind"):
        list(drops(read(tmp_path / "empty.json"), made(tmp_path / "b", [1.0]), 0.5))
