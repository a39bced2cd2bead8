from __future__ import annotations

import math

import numpy as np
import pytest

from eval import metrics

RIGHT = ["a", "a", "b", "c", "b", "a"]
SAID = ["a", "b", "b", "c", "c", "d"]


def test_figures_of_labels_are_scikit_learn_s() -> None:
    scores = pytest.importorskip("sklearn.metrics", reason="scikit-learn comes with lm-eval")
    assert metrics.accuracy(SAID, RIGHT) == scores.accuracy_score(RIGHT, SAID)
    assert metrics.macro_f1(SAID, RIGHT) == pytest.approx(scores.f1_score(RIGHT, SAID, average="macro"))


@pytest.mark.parametrize(
    ("confidences", "hits", "expected"),
    [
        pytest.param([1.0, 1.0], [True, True], 0.0, id="sure and right"),
        pytest.param([1.0, 1.0], [False, False], 1.0, id="sure and wrong"),
        pytest.param([0.75] * 4, [True, True, True, False], 0.0, id="as sure as it is right"),
        pytest.param([0.95, 0.55], [True, False], (0.05 + 0.55) / 2, id="two bins"),
    ],
)
def test_calibration(confidences: list[float], hits: list[bool], expected: float) -> None:
    assert metrics.calibration_error(confidences, hits) == pytest.approx(expected)


def test_errors_of_means_and_of_other_figures_agree() -> None:
    random = np.random.default_rng(1)
    hits = random.random(400) < 0.7
    said = ["x" if hit else "y" for hit in hits]
    by_formula = metrics.standard_error([float(hit) for hit in hits])
    assert by_formula == pytest.approx(math.sqrt(hits.mean() * (1 - hits.mean()) / 399))
    assert metrics.bootstrap_error(metrics.accuracy, said, ["x"] * 400) == pytest.approx(by_formula, rel=0.2)
    assert metrics.standard_error([1.0]) == 0.0


def test_rouge_is_that_of_the_best_reference_by_its_own_formula() -> None:
    found = metrics.rouge("the cat sat", ["a dog ran off", "the cat is here"])
    assert found["rouge1"] == pytest.approx(2 * (2 / 3) * (2 / 4) / (2 / 3 + 2 / 4))  # the, cat
    assert found["rouge2"] == pytest.approx(2 * (1 / 2) * (1 / 3) / (1 / 2 + 1 / 3))  # the cat
    assert found["rougeL"] == found["rouge1"]
    assert metrics.rouge("", ["the cat"])["rougeL"] == 0


def test_figures_of_texts_are_sacrebleu_s() -> None:
    import sacrebleu

    said, right = ["the cat sat on the mat", "hello there you"], ["the cat sat on a mat", "hello there, you"]
    assert metrics.bleu(said, right) == sacrebleu.corpus_bleu(said, [right]).score
    assert metrics.chrf(said, right) == sacrebleu.corpus_chrf(said, [right]).score
    assert metrics.sentence_chrf("abc", "abc") == 100
