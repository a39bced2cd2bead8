from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from assistant.errors import BadDataset
from eval.compare import Verdict, compare, compare_all, judge, mcnemar
from eval.results import Results, read, write
from tests.eval.made import made


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


def test_what_is_said_of_two_evaluations(tmp_path: Path) -> None:
    before = made(tmp_path / "a", [1.0, 0.0] * 100)
    after = made(tmp_path / "b", [1.0, 1.0] * 90 + [0.0, 0.0] * 10)
    (found,) = compare(before, after)
    assert (found.task, found.before, found.after, found.samples) == ("sums", 0.5, 0.9, 200)
    assert found.verdict is Verdict.REAL and found.better
    assert found.told().startswith("Real: +0.400 [+0.3")
    assert len(found.flips) == 100
    first = found.flips[0]
    assert (first.asked, first.right, first.before, first.after) == ("What is 1?", "right", "wrong", "right")
    (back,) = compare(after, before)
    assert not back.better and "worse" in back.told()


def test_too_few_samples_say_how_many_more(tmp_path: Path) -> None:
    before, after = made(tmp_path / "a", [1.0, 0.0] * 20), made(tmp_path / "b", [1.0, 0.0] * 17 + [1.0, 1.0] * 3)
    (found,) = compare(before, after)
    assert found.verdict is Verdict.TOO_FEW
    assert f"take {found.needed:,} more" in found.told()
    assert 50 < found.needed < 200


def test_bits_are_bits_and_a_perplexity_is_told_by_its_logarithm(tmp_path: Path) -> None:
    """Texts of 10 bytes that cost 20 bits before and 15 after: half a bit a byte, 0.347 nats."""
    found: list[Results] = []
    for name, bits in (("a", 20.0), ("b", 15.0)):
        figures = {"bits_per_byte,none": bits / 10, "byte_perplexity,none": 2 ** (bits / 10)}
        pair = [-bits * math.log(2), 10]
        rows = [
            {"doc_id": n, "doc_hash": f"h{n}", "arguments": [[f"text {n}"]], "filtered_resps": [""], "filter": "none"}
            | {"target": "", "bits_per_byte": pair, "byte_perplexity": pair}
            for n in range(40)
        ]
        packed = {"results": {"t": figures}, "higher_is_better": {"t": dict.fromkeys(("bits_per_byte",), False)}}
        (tmp_path / name).mkdir()
        found.append(write(tmp_path / name, {**packed, "n-samples": {"t": {"effective": 40}}}, {"t": rows}))
    told = {each.metric: each.told() for each in compare(*found)}
    assert "Real: -0.500 [-0.500, -0.500]" in told["bits_per_byte,none"] and "p < 0.0001" in told["bits_per_byte,none"]
    assert "-0.347 nats [" in told["byte_perplexity,none"]


def test_several_are_set_beside_the_first_and_must_be_surer(tmp_path: Path) -> None:
    """Ten flips to none have p = 0.002, five 0.06; among thirty comparisons the first is not enough either."""
    before = made(tmp_path / "a", [1.0] * 100 + [0.0] * 100, model="base")
    little = made(tmp_path / "b", [1.0] * 110 + [0.0] * 90, model="one")
    much = made(tmp_path / "c", [1.0] * 150 + [0.0] * 50, model="two")
    first, second = compare_all([before, little, much])
    assert (first.candidate, second.candidate) == ("one (2)", "two (3)")
    assert first.told().startswith("one (2): Real: +0.050") and second.told().startswith("two (3): Real: +0.250")
    assert compare_all([before, much])[0].told().startswith("Real:") and compare_all([before]) == []
    many = compare_all([before, *[little] * 30])
    assert {each.verdict for each in many} == {Verdict.TOO_FEW}


def test_a_copy_of_the_figures_alone_cannot_be_compared(tmp_path: Path) -> None:
    one, other = made(tmp_path / "a", [1.0] * 5), made(tmp_path / "b", [1.0] * 5)
    copy = tmp_path / "copy.json"
    copy.write_bytes(other.path.read_bytes())
    with pytest.raises(BadDataset, match=r"copy.json has figures, but not the answers"):
        compare(one, read(copy))


def test_only_the_same_questions_are_compared(tmp_path: Path) -> None:
    one, other = made(tmp_path / "a", [1.0] * 5), made(tmp_path / "b", [1.0] * 5, task="others")
    with pytest.raises(BadDataset, match="no question in common"):
        compare(one, other)
