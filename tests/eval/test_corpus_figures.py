from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from eval import metrics
from eval.corpus_figures import Counted, counter, distance, whole
from eval.verdicts import Verdict

WORDS = [
    "the",
    "boats",
    "come",
    "in",
    "at",
    "dawn",
    "and",
    "gulls",
    "know",
    "it",
    "before",
    "anyone",
    "else",
    "on",
    "shore",
]


def sentences(count: int, seed: int, changed: float) -> tuple[list[str], list[str]]:
    """(what was said, what is right): words of which a share is another."""
    random = np.random.default_rng(seed)
    right = [" ".join(random.choice(WORDS, size=12)) for _ in range(count)]
    said = [
        " ".join(random.choice(WORDS) if random.random() < changed else word for word in each.split()) for each in right
    ]
    return said, right


def counted(metric: str, before: Sequence[str], after: Sequence[str], right: Sequence[str]) -> Counted:
    count, figure = counter(metric, list(dict.fromkeys([*right, *before, *after])))
    return Counted(count(before, right), count(after, right), figure)


@pytest.mark.parametrize(("metric", "figure"), [("bleu", metrics.bleu), ("chrf", metrics.chrf)])
def test_sums_give_the_figure_of_any_samples(metric: str, figure: Callable[..., float]) -> None:
    said, right = sentences(40, 1, 0.4)
    count, reckon = counter(metric, [])
    counts = count(said, right)
    assert whole(counts, reckon) == pytest.approx(figure(said, right))
    some = [3, 3, 17, 0, 39]
    drawn = figure([said[place] for place in some], [right[place] for place in some])
    assert whole(counts[some], reckon) == pytest.approx(drawn)


def test_labels_that_are_not_among_the_drawn_do_not_count() -> None:
    random = np.random.default_rng(2)
    right, said = (list(random.choice(list("abcd"), size=60)) for _ in range(2))
    count, reckon = counter("f1_macro", list("abcde"))
    counts = count(said, right)
    assert whole(counts, reckon) == pytest.approx(metrics.macro_f1(said, right))
    some = [place for place in range(60) if "d" not in (said[place], right[place])]
    drawn = metrics.macro_f1([said[place] for place in some], [right[place] for place in some])
    assert whole(counts[some], reckon) == pytest.approx(drawn)


@pytest.mark.parametrize("metric", ["bleu", "chrf"])
@pytest.mark.parametrize("changed", [0.33, 0.36, 0.5])
def test_the_p_is_that_of_sacrebleu_s_own_test(metric: str, changed: float) -> None:
    """Approximate randomisation there and here, with draws of their own."""
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF
    from sacrebleu.significance import PairedTest

    logging.getLogger("sacrebleu").setLevel(logging.ERROR)
    (before, right), (after, _) = sentences(60, 3, 0.3), sentences(60, 3, changed)
    name, scorer = ("BLEU", BLEU()) if metric == "bleu" else ("chrF2", CHRF())
    systems = [("before", before), ("after", after)]
    _, scores = PairedTest(systems, {name: scorer}, [right], test_type="ar", n_samples=2000)()
    baseline, theirs = scores[name]
    ours = counted(metric, before, after, right).measured(100.0)
    assert ours.difference == pytest.approx(theirs.score - baseline.score, abs=0.01)
    assert ours.p == pytest.approx(theirs.p_value, abs=0.05)


def test_what_is_said_of_translations_and_labels() -> None:
    (before, right), (after, _) = sentences(200, 4, 0.4), sentences(200, 4, 0.2)
    better = counted("chrf", before, after, right).measured(100.0)
    assert better.judged(1.0).verdict is Verdict.REAL and 0 < better.low < better.difference < better.high
    same = counted("bleu", before, before, right).measured(100.0)
    assert (same.difference, same.p, same.high) == (0.0, 1.0, 3 * 100 / 200)
    random = np.random.default_rng(5)
    right = list(random.choice(list("abc"), size=300))
    one, other = ([each if random.random() < hit else "a" for each in right] for hit in (0.5, 0.8))
    found = counted("f1_macro", one, other, right).measured()
    assert found.judged().verdict is Verdict.REAL
    assert found.difference == pytest.approx(metrics.macro_f1(other, right) - metrics.macro_f1(one, right))


def test_equals_are_seldom_called_different() -> None:
    random = np.random.default_rng(6)
    found = 0
    for _ in range(200):
        right = list(random.choice(list("abc"), size=80))
        one, other = ([each if random.random() < 0.6 else "a" for each in right] for _ in range(2))
        found += counted("f1_macro", one, other, right).measured().judged().verdict is Verdict.REAL
    assert found <= 16


def test_the_distance_from_a_half() -> None:
    """From 0.7 to 0.4 a share comes a tenth nearer to a half, from 0.7 to 0.3 no nearer."""
    before = [1.0] * 280 + [0.0] * 120
    nearer = distance(before, [1.0] * 160 + [0.0] * 240, 0.5, [1.0] * 400).measured()
    assert nearer.difference == pytest.approx(-0.1) and nearer.low < -0.1 < nearer.high
    across = distance(before, [1.0] * 120 + [0.0] * 280, 0.5, [1.0] * 400).measured()
    assert across.difference == pytest.approx(0.0) and across.p > 0.9
    weighted = distance([1.0, 0.0], [1.0, 1.0], 0.5, [3.0, 1.0]).measured()
    assert weighted.difference == pytest.approx(0.25)
