"""Beam search beside transformers' own, on a T5 of random weights that ends its rows at different times."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import GenerationConfig

from assistant.engines import beams
from tests.assistant.engines.test_greedy import MOST, loaded, theirs

__all__ = ["loaded"]


def ours(model: Any, inputs: Any, number: int, **options: Any) -> list[list[int]]:
    with torch.inference_mode():
        found = beams.search(model, inputs["input_ids"], inputs["attention_mask"], MOST, number, **options)
    return [row[0].tokens for row in found]


@pytest.mark.parametrize("penalty", [0.0, 0.6, 1.0, 2.0])
@pytest.mark.parametrize("number", [2, 4])
def test_it_finds_what_generate_finds(loaded: tuple[Any, Any], number: int, penalty: float) -> None:
    model = loaded[0]
    model.generation_config.length_penalty = penalty
    try:
        said = ours(*loaded, number)
        assert said == theirs(*loaded, num_beams=number)
        assert len({len(row) for row in said}) > 2, "rows of like length would prove nothing"
    finally:
        model.generation_config.length_penalty = 1.0


def test_forced_and_forbidden_tokens(loaded: tuple[Any, Any]) -> None:
    model, inputs = loaded
    assert ours(model, inputs, 3, forced=5) == theirs(model, inputs, num_beams=3, forced_bos_token_id=5)
    commonest = int(torch.tensor([token for row in ours(model, inputs, 3) for token in row]).mode().values)
    model.generation_config.bad_words_ids = [[commonest]]
    model.generation_config.forced_eos_token_id = model.generation_config.eos_token_id
    try:
        said = ours(model, inputs, 3)
        assert said == theirs(model, inputs, num_beams=3)
        assert not any(commonest in row for row in said)
    finally:
        model.generation_config.bad_words_ids = model.generation_config.forced_eos_token_id = None


def test_it_stops_when_asked(loaded: tuple[Any, Any]) -> None:
    asked = iter([False, False, True])
    assert {len(row) for row in ours(*loaded, 2, stopped=lambda: next(asked))} <= {0, 1, 2}
    assert set(map(len, ours(*loaded, 2, stopped=lambda: True))) == {0}


@pytest.mark.parametrize(
    ("settings", "able"), [({}, True), ({"early_stopping": True}, False), ({"no_repeat_ngram_size": 3}, False)]
)
def test_what_can_be_searched_so(settings: dict[str, Any], able: bool) -> None:
    assert beams.able(GenerationConfig(**settings)) == able
