"""Greedy decoding beside transformers' own, on a T5 of random weights that ends its rows at different times."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer, GenerationConfig

from assistant import hardware
from assistant.engines import greedy
from tests.assistant.engines.test_seq2seq import make

MOST = 24
TEXTS = [f"number {n}, " * (1 + n % 3) for n in range(32)]


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    folder = make(tmp_path_factory.mktemp("t5"))
    model = AutoModelForSeq2SeqLM.from_pretrained(folder).eval()
    inputs = AutoTokenizer.from_pretrained(folder)(TEXTS, padding=True, return_tensors="pt")
    with torch.inference_mode():
        said = model.generate(**inputs, max_new_tokens=MOST, do_sample=False)
    model.generation_config.eos_token_id = int(said[:, 6].mode().values)  # some rows say it early, others late
    return model, inputs


def theirs(model: Any, inputs: Any, **options: Any) -> list[list[int]]:
    """What `generate` says, without the start, from the first end on."""
    with torch.inference_mode():
        said = model.generate(**inputs, max_new_tokens=MOST, do_sample=False, **options)[:, 1:].tolist()
    end = model.generation_config.eos_token_id
    return [row[: row.index(end)] if end in row else row for row in said]


def ours(model: Any, inputs: Any, **options: Any) -> list[list[int]]:
    """With the output layer in whole, and the same by way of int8 where this CPU can."""

    def decoded(**more: Any) -> list[list[int]]:
        with torch.inference_mode():
            return greedy.decode(model, inputs["input_ids"], inputs["attention_mask"], MOST, **options, **more)

    said = decoded()
    if hardware.cpu_multiplies_int8() and "stopped" not in options:
        assert decoded(best=greedy.best_word(model)) == said
    return said


def test_rows_that_leave_the_batch_do_not_change_the_others(loaded: tuple[Any, Any]) -> None:
    said = ours(*loaded)
    assert said == theirs(*loaded)
    assert len({len(row) for row in said}) > 3, "rows of like length would prove nothing"


def test_a_forced_first_token_and_a_forced_last_one(loaded: tuple[Any, Any]) -> None:
    model, inputs = loaded
    assert ours(model, inputs, forced=5) == theirs(model, inputs, forced_bos_token_id=5)
    model.generation_config.forced_eos_token_id = model.generation_config.eos_token_id
    try:
        assert ours(model, inputs) == theirs(model, inputs)
        assert max(map(len, ours(model, inputs))) == MOST - 1
    finally:
        model.generation_config.forced_eos_token_id = None


def test_tokens_that_must_not_come(loaded: tuple[Any, Any]) -> None:
    model, inputs = loaded
    commonest = int(torch.tensor([token for row in ours(model, inputs) for token in row]).mode().values)
    model.generation_config.bad_words_ids = [[commonest]]
    try:
        said = ours(model, inputs)
        assert said == theirs(model, inputs)
        assert not any(commonest in row for row in said)
    finally:
        model.generation_config.bad_words_ids = None


def test_it_stops_when_asked(loaded: tuple[Any, Any]) -> None:
    asked = iter([False, False, True])
    assert {len(row) for row in ours(*loaded, stopped=lambda: next(asked))} <= {0, 1, 2}


@pytest.mark.parametrize(
    ("settings", "able"),
    [
        ({}, True),
        ({"output_attentions": False, "min_length": 0}, True),
        ({"num_beams": 4, "length_penalty": 2.0, "forced_eos_token_id": 1, "bad_words_ids": [[7]]}, True),
        ({"no_repeat_ngram_size": 3}, False),
        ({"repetition_penalty": 1.2}, False),
        ({"min_length": 5}, False),
        ({"bad_words_ids": [[7, 8]]}, False),
    ],
)
def test_what_can_be_decoded_so(settings: dict[str, Any], able: bool) -> None:
    assert greedy.able(GenerationConfig(**settings)) == able


def test_a_model_that_wants_more_is_left_to_generate(tmp_path: Path) -> None:
    from assistant.engines.protocol import Rewriting
    from assistant.engines.seq2seq import Seq2SeqEngine

    folder = make(tmp_path)
    model = AutoModelForSeq2SeqLM.from_pretrained(folder)
    model.generation_config.no_repeat_ngram_size = 2
    model.generation_config.save_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    expected = model.eval().generate(**tokenizer("Hello.", return_tensors="pt"), max_new_tokens=12, do_sample=False)
    found = Seq2SeqEngine(folder).text2text(["Hello."], Rewriting(max_tokens=12))
    assert found == tokenizer.batch_decode(expected, skip_special_tokens=True)
