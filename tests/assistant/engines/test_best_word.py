"""The best word of an output layer by way of int8, beside the whole layer in float32."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import T5Config, T5ForConditionalGeneration

from assistant import hardware
from assistant.engines.best_word import BLOCK, FEW, BestWord, without_output_layer

needs_int8 = pytest.mark.skipif(not hardware.cpu_multiplies_int8(), reason="this CPU does not multiply int8 natively")


def layer(words: int, dtype: torch.dtype = torch.float32) -> tuple[torch.Tensor, torch.Tensor]:
    """(weight, bias) of a layer in which some words are far more common than others."""
    torch.manual_seed(words)
    return (torch.randn(words, 48) * torch.rand(words, 1)).to(dtype), torch.randn(words) * 2


@needs_int8
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("words", [FEW, BLOCK - 1, BLOCK, 1000, 5001])
def test_it_is_the_best_of_all(words: int, dtype: torch.dtype) -> None:
    weight, bias = layer(words, dtype)
    hidden = torch.nn.functional.layer_norm(torch.randn(300, 48).exp(), [48])
    found = BestWord(weight, bias)(hidden)
    assert torch.equal(found, (hidden @ weight.float().T + bias).argmax(1))


@needs_int8
def test_what_enters_may_be_nothing_or_one_row() -> None:
    weight, bias = layer(200)
    assert BestWord(weight, bias)(torch.zeros(2, 48)).tolist() == [int(bias.argmax())] * 2


@needs_int8
def test_a_word_that_must_not_come_does_not() -> None:
    weight, bias = layer(400)
    hidden = torch.randn(50, 48)
    logits = hidden @ weight.T + bias
    never = logits.argmax(1).unique()
    bias[never] = logits[:, never] = -torch.inf
    assert torch.equal(BestWord(weight, bias)(hidden), logits.argmax(1))


@pytest.fixture
def model() -> Any:
    config = T5Config(vocab_size=128, d_model=16, d_kv=8, d_ff=16, num_heads=2, num_layers=1, decoder_start_token_id=0)
    return T5ForConditionalGeneration(config).eval()


@needs_int8
def test_a_model_whose_logits_are_more_than_its_output_layer_has_none(model: Any) -> None:
    assert BestWord.of(model, []) is not None
    model.config.final_logit_softcapping = 30.0
    assert BestWord.of(model, []) is None
    model.config.final_logit_softcapping = None
    model.set_output_embeddings(torch.nn.Sequential(model.get_output_embeddings()))
    assert BestWord.of(model, []) is None


def test_a_model_gets_its_output_layer_back(model: Any) -> None:
    inputs = {"input_ids": torch.tensor([[5, 6, 1]]), "decoder_input_ids": torch.tensor([[0]])}
    before, head = model(**inputs).logits, model.get_output_embeddings()
    with pytest.raises(ZeroDivisionError), without_output_layer(model):
        assert torch.allclose(head(model(**inputs).logits), before)
        raise ZeroDivisionError
    assert model.get_output_embeddings() is head
    assert torch.equal(model(**inputs).logits, before)


def test_the_bias_of_the_logits_is_set_aside_too() -> None:
    head, bias = torch.nn.Linear(4, 9, bias=False), torch.randn(1, 9)
    kept = SimpleNamespace(final_logits_bias=bias, head=head)
    kept.get_output_embeddings = lambda: kept.head
    kept.set_output_embeddings = lambda new: setattr(kept, "head", new)
    hidden = torch.randn(2, 4)
    with without_output_layer(kept):
        assert torch.equal(kept.head(hidden) + kept.final_logits_bias, hidden)
    assert torch.equal(kept.head(hidden) + kept.final_logits_bias, head(hidden) + bias)
