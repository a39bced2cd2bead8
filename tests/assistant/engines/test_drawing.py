from __future__ import annotations

import threading
from collections import Counter
from dataclasses import replace

import pytest
import torch
from transformers import (
    LogitsProcessorList,
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from assistant.engines.drawing import PENALTY_WINDOW, Drawer, draw
from assistant.engines.protocol import Sampling

FREE = Sampling(temperature=1, top_p=1, top_k=0, min_p=0)
VOCABULARY = 50


def logits(rows: int = 1, seed: int = 0) -> torch.Tensor:
    return torch.randn(rows, VOCABULARY, generator=torch.Generator().manual_seed(seed)) * 3


def frequencies(sampling: Sampling, row: torch.Tensor, draws: int = 4000) -> torch.Tensor:
    drawer = Drawer(replace(sampling, seed=1))
    counted = Counter(draw(row, [drawer])[0].token for _ in range(draws))
    return torch.tensor([counted[token] / draws for token in range(row.shape[-1])])


@pytest.mark.parametrize(
    ("sampling", "warpers"),
    [
        (FREE, []),
        (replace(FREE, temperature=0.5), [TemperatureLogitsWarper(0.5)]),
        (replace(FREE, top_k=5), [TopKLogitsWarper(5)]),
        (replace(FREE, top_p=0.7), [TopPLogitsWarper(0.7)]),
        (replace(FREE, min_p=0.2), [MinPLogitsWarper(0.2)]),
        (replace(FREE, top_k=10, top_p=0.8, min_p=0.1), [TopKLogitsWarper(10), TopPLogitsWarper(0.8)]),
        # The temperature comes after the filters, as in llama.cpp.
        (replace(FREE, top_p=0.7, temperature=2), [TopPLogitsWarper(0.7), TemperatureLogitsWarper(2.0)]),
    ],
)
def test_draws_from_the_distribution_of_transformers(sampling: Sampling, warpers: list[object]) -> None:
    row = logits()
    expected = LogitsProcessorList(warpers)(None, row.clone()).softmax(-1)[0]
    if sampling.min_p == 0.1:
        expected = MinPLogitsWarper(0.1)(None, expected.log()[None]).softmax(-1)[0]
    seen = frequencies(sampling, row)
    assert set(seen.nonzero().flatten().tolist()) <= set(expected.nonzero().flatten().tolist())
    assert (seen - expected).abs().sum() / 2 < 0.05  # total variation


def test_penalty_is_that_of_transformers() -> None:
    row, seen = logits(), [3, 3, 7, 41]
    expected = RepetitionPenaltyLogitsProcessor(1.7)(torch.tensor([seen]), row.clone()).argmax().item()
    sampling = Sampling(temperature=0, repeat_penalty=1.7)
    assert draw(row, [Drawer(sampling, recent=seen)])[0].token == expected
    top = int(row.argmax())
    assert draw(row, [Drawer(replace(sampling, repeat_penalty=5.0), recent=[top])])[0].token != top


def test_penalty_forgets() -> None:
    top = int(logits().argmax())
    drawer = Drawer(Sampling(temperature=0, repeat_penalty=5), recent=[top])
    for token in range(PENALTY_WINDOW):
        drawer.remember(top + 1 if token % 2 else top + 2)
    assert len(drawer.recent) == PENALTY_WINDOW
    assert draw(logits(), [drawer])[0].token == top


def test_greedy_rows_and_drawn_rows_share_a_batch() -> None:
    rows = logits(3)
    drawers = [Drawer(Sampling(temperature=0)), Drawer(replace(FREE, seed=4)), Drawer(replace(FREE, top_k=1))]
    drawn = draw(rows, drawers)
    assert drawn[0].token == int(rows[0].argmax()) and drawn[2].token == int(rows[2].argmax())
    assert drawn[1] == draw(rows[1:2], [Drawer(replace(FREE, seed=4))])[0]


def test_probabilities_are_those_of_the_model_before_any_filter() -> None:
    row = logits()
    sampling = Sampling(temperature=0.1, top_k=2, repeat_penalty=3, seed=0)
    drawn = draw(row, [Drawer(sampling, probabilities=5, recent=[1, 2, 3])])[0]
    expected = row.log_softmax(-1)[0]
    assert drawn.logprob == pytest.approx(float(expected[drawn.token]))
    assert [token for token, _ in drawn.alternatives] == expected.topk(5).indices.tolist()
    assert [logprob for _, logprob in drawn.alternatives] == pytest.approx(expected.topk(5).values.tolist())


def test_a_seed_repeats_whatever_other_threads_draw() -> None:
    def reply() -> list[int]:
        drawer = Drawer(replace(FREE, seed=11))
        return [draw(logits(seed=step), [drawer])[0].token for step in range(30)]

    expected = reply()
    replies: list[list[int]] = []
    threads = [threading.Thread(target=lambda: replies.append(reply())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert replies == [expected] * 4
    assert torch.initial_seed() != 11  # the process's own generator is left alone


def test_without_a_seed_replies_differ() -> None:
    replies = {tuple(draw(logits(seed=step), [Drawer(FREE)])[0].token for step in range(8)) for _ in range(5)}
    assert len(replies) > 1
