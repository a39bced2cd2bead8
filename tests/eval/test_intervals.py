"""Intervals from samples, beside the deviation of a bootstrap."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eval import intervals, report
from eval.leaderboard import leaderboard
from eval.results import Figure, Results, write
from ui.web.evaluate_board import leaderboard_html


def texts(folder: Path, parts: list[tuple[float, int]], model: str = "some") -> Results:
    """An evaluation of a person's own texts, as the harness leaves one. parts: log-likelihood and bytes of each."""
    folder.mkdir()
    nats, size = -sum(one for one, _ in parts), sum(two for _, two in parts)
    figures = {
        "bits_per_byte,none": nats / size / math.log(2),
        "bits_per_byte_stderr,none": "N/A",
        "byte_perplexity,none": math.exp(nats / size),
    }
    rows = [
        {"doc_id": n, "doc_hash": f"h{n}", "filter": "none", "bits_per_byte": each, "byte_perplexity": each}
        for n, each in enumerate(parts)
    ]
    found = {
        "results": {"own_text": figures},
        "higher_is_better": {"own_text": {"bits_per_byte": False}},
        "n-samples": {"own_text": {"effective": len(parts)}},
        "config": {"model": model},
    }
    return write(folder, found, {"own_text": rows})


def error_of(results: Results, metric: str) -> float:
    (figure,) = (each for each in intervals.figures(results) if each.metric == metric)
    return figure.error


def test_bits_and_perplexities_are_as_sure_as_a_bootstrap_says(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    sizes = random.integers(50, 600, 200)
    nats = sizes * random.normal(1.1, 0.2, 200)
    found = texts(tmp_path / "a", [(-float(one), int(two)) for one, two in zip(nats, sizes, strict=True)])
    drawn = [random.integers(0, 200, 200) for _ in range(4000)]
    ratios = np.array([nats[each].sum() / sizes[each].sum() for each in drawn])
    assert error_of(found, "bits_per_byte") == pytest.approx((ratios / math.log(2)).std(), rel=0.06)
    assert error_of(found, "byte_perplexity") == pytest.approx(np.exp(ratios).std(), rel=0.06)


def test_a_mean_that_came_without_one_has_its_samples_standard_error(tmp_path: Path) -> None:
    rows = [{"doc_id": n, "filter": "none", "right": float(n < 15)} for n in range(20)]
    found = write(tmp_path, {"results": {"sums": {"right,none": 0.75, "ece,none": 0.1}}}, {"sums": rows})
    assert error_of(found, "right") == pytest.approx(math.sqrt(0.75 * 0.25 / 19))
    assert error_of(found, "ece") == 0.0


@pytest.mark.parametrize(
    ("value", "samples"),
    [
        pytest.param(0.9, [{"own": 0.0}, {"own": 1.0}], id="no mean of its samples"),
        pytest.param(1.5, [{"own": [-3.0, 2]}], id="one sample"),
        pytest.param(1.5, [{"own": ["said", "right"]}] * 2, id="texts"),
        pytest.param(1.5, [{"own": [-3.0, 2]}, {"own": None}], id="not of every sample"),
        pytest.param(1.5, [{"own": [-3.0, 0]}] * 2, id="nothing to spread it over"),
        pytest.param(-1.5, [{"own": [-3.0, 2]}] * 2, id="no perplexity"),
        pytest.param(1.5, [], id="none kept"),
    ],
)
def test_where_none_can_be_had_there_is_none(value: float, samples: list[dict[str, Any]], tmp_path: Path) -> None:
    rows = [{"doc_id": n, "filter": "none", **each} for n, each in enumerate(samples)]
    assert error_of(write(tmp_path, {"results": {"t": {"own,none": value}}}, {"t": rows}), "own") == 0.0
    (tmp_path / "samples_t.jsonl").write_text('{"half')
    assert error_of(Results(tmp_path / "results.json", {"results": {"t": {"own,none": value}}}), "own") == 0.0


def test_samples_that_were_written_anew_are_read_anew(tmp_path: Path) -> None:
    rows = [{"doc_id": n, "filter": "none", "right": float(n % 2)} for n in range(4)]
    found = write(tmp_path, {"results": {"sums": {"right,none": 0.5}}}, {"sums": rows})
    before = error_of(found, "right")
    path = tmp_path / "samples_sums.jsonl"
    path.write_text("".join(json.dumps({**row, "right": 0.5}) + "\n" for row in rows))
    os.utime(path, ns=(1, 1))
    assert before > 0 and error_of(found, "right") == 0.0


def test_the_board_and_the_reports_show_it_or_say_that_there_is_none(tmp_path: Path) -> None:
    one = texts(tmp_path / "a", [(-100.0, 90), (-120.0, 95), (-80.0, 88)], "sure")
    other = texts(tmp_path / "b", [(-300.0, 273)], "alone")
    shown = leaderboard_html(leaderboard([one, other]))
    assert "± 0." in shown and shown.count('title="no interval"') == 1
    assert isinstance(report.main_figures(one)[0], Figure) and report.main_figures(one)[0].error > 0
    said = report.markdown([one, other])
    line = next(line for line in said.splitlines() if "bits_per_byte" in line)
    assert line.count("±") == 1 and "A figure without it has no interval." in said
