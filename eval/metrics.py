"""Figures of what was said and what is right: pure functions of lists.

Of labels: accuracy, macro-F1, expected calibration error (Guo et al. 2017, arXiv:1706.04599). Of texts: BLEU and chrF
as sacrebleu counts them, ROUGE-L as rouge_score does.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from functools import cache
from random import Random
from typing import Any

BINS = 10
"""Of confidences, for their calibration."""
BOOTSTRAPS = 200
ROUGE = ("rouge1", "rouge2", "rougeL")


def accuracy(said: Sequence[str], right: Sequence[str]) -> float:
    """Share of labels that are right."""
    return statistics.fmean(one == other for one, other in zip(said, right, strict=True))


def macro_f1(said: Sequence[str], right: Sequence[str]) -> float:
    """Mean over the labels, each counted alike, of 2 · right / (said + there)."""
    scores: list[float] = []
    for label in dict.fromkeys([*right, *said]):
        hits = sum(one == other == label for one, other in zip(said, right, strict=True))
        scores.append(2 * hits / (said.count(label) + right.count(label)))
    return statistics.fmean(scores)


def calibration_error(confidences: Sequence[float], hits: Sequence[bool], bins: int = BINS) -> float:
    """How far the confidence is from the share that is right, on average over bins of like confidence (eq. 3)."""
    sorted_in: list[list[tuple[float, bool]]] = [[] for _ in range(bins)]
    for confidence, hit in zip(confidences, hits, strict=True):
        sorted_in[min(int(confidence * bins), bins - 1)].append((confidence, hit))
    gaps = [abs(sum(one for one, _ in part) - sum(hit for _, hit in part)) for part in sorted_in]
    return sum(gaps) / len(hits)


def bleu(said: Sequence[str], right: Sequence[str]) -> float:
    """BLEU of the whole, 0 to 100."""
    from sacrebleu.metrics.bleu import BLEU

    return BLEU().corpus_score(list(said), [list(right)]).score


def chrf(said: Sequence[str], right: Sequence[str]) -> float:
    """chrF of the whole, 0 to 100."""
    from sacrebleu.metrics.chrf import CHRF

    return CHRF().corpus_score(list(said), [list(right)]).score


def sentence_chrf(said: str, right: str) -> float:
    """chrF of one text."""
    from sacrebleu.metrics.chrf import CHRF

    return CHRF().sentence_score(said, [right]).score


def rouge(said: str, references: Sequence[str]) -> dict[str, float]:
    """ROUGE-1, -2 and -L of one text with the best of its references, stemmed, 0 to 1 (Lin 2004, F measure)."""
    scorer = _scorer()
    found = [scorer.score(each, said) for each in references]
    return {kind: max(each[kind].fmeasure for each in found) for kind in ROUGE}


@cache
def _scorer() -> Any:
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(list(ROUGE), use_stemmer=True)


def standard_error(values: Sequence[float]) -> float:
    """Of a mean."""
    return statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else 0.0


def bootstrap_error(
    figure: Callable[[Sequence[str], Sequence[str]], float], said: Sequence[str], right: Sequence[str], seed: int = 0
) -> float:
    """Standard error of a figure that is no mean: its deviation over samples drawn anew (Efron 1979)."""
    random, places = Random(seed), range(len(said))  # noqa: S311 - nobody's secret
    found: list[float] = []
    for _ in range(BOOTSTRAPS if len(said) > 1 else 0):
        drawn = random.choices(places, k=len(said))
        found.append(figure([said[place] for place in drawn], [right[place] for place in drawn]))
    return statistics.stdev(found) if found else 0.0
