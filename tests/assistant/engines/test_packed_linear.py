"""Packed layers beside torch's own, in a BERT and alone."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from torch import nn
from transformers import BertConfig, BertForMaskedLM, BertForSequenceClassification, T5Config, T5EncoderModel

from assistant.engines import packed_linear
from assistant.engines.encoder import EncoderEngine
from assistant.engines.packed_linear import PackedLinear, compiled_rows, pack
from assistant.hardware import packed_is_faster
from tests.assistant.engines.test_encoder import TEXTS, make

pytestmark = pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="torch is built without oneDNN")
TINY = {
    "vocab_size": 50,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "initializer_range": 0.5,
}


@pytest.fixture
def faster(monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor that is the faster for it, whichever this is."""
    monkeypatch.setattr(packed_linear, "has_fast_packed", lambda: True)


@pytest.mark.parametrize("rows", [(), (0,), (1,), (3, 7), (2, 300)])
@pytest.mark.parametrize("bias", [True, False])
def test_products_are_those_of_linear(rows: tuple[int, ...], bias: bool) -> None:
    torch.manual_seed(0)
    linear, x = nn.Linear(48, 33, bias=bias), torch.randn(*rows, 48)
    packed = PackedLinear(linear)
    torch.testing.assert_close(packed(x), linear(x), atol=1e-5, rtol=1e-5)
    if torch.ops.mkldnn._is_mkldnn_bf16_supported():
        rough = PackedLinear(copy.deepcopy(linear).bfloat16())
        torch.testing.assert_close(rough(x.bfloat16()).float(), linear(x), atol=3e-2, rtol=3e-2)
    packed.then = "gelu"
    torch.testing.assert_close(packed(x), nn.functional.gelu(linear(x)), atol=1e-5, rtol=1e-5)


def test_few_counts_of_rows_are_compiled_for() -> None:
    counts = [compiled_rows(rows) for rows in range(1, 1025)]
    assert len(set(counts)) == 48
    assert all(rows <= count <= max(rows + 3, 9 / 8 * rows) for rows, count in enumerate(counts, 1))


@pytest.mark.parametrize("activation", ["gelu", "relu", "gelu_new"])
def test_a_model_reads_as_it_did(faster: None, activation: str) -> None:
    torch.manual_seed(0)
    model = BertForSequenceClassification(BertConfig(**TINY, hidden_act=activation)).eval()
    tokens = torch.randint(0, 50, (3, 9))
    with torch.inference_mode():
        before = model(tokens).logits
        pack(model)
        torch.testing.assert_close(model(tokens).logits, before, atol=1e-4, rtol=1e-4)
    assert not any(type(module) is nn.Linear for module in model.modules())
    assert isinstance(model.bert.encoder.layer[0].intermediate.intermediate_act_fn, nn.Identity) is (
        activation == "gelu"
    )


def test_shared_and_output_and_other_weights_stay(faster: None) -> None:
    tied = BertForMaskedLM(BertConfig(**TINY)).eval()
    free = BertForMaskedLM(BertConfig(**TINY, tie_word_embeddings=False)).eval()
    for model in (tied, free):
        pack(model)
        assert type(model.get_output_embeddings()) is nn.Linear
    half = BertForMaskedLM(BertConfig(**TINY)).half()
    pack(half)
    assert not any(isinstance(module, PackedLinear) for module in half.modules())
    t5 = T5EncoderModel(T5Config(vocab_size=50, d_model=32, d_kv=16, d_ff=64, num_layers=1, num_heads=2)).eval()
    tokens = torch.randint(0, 50, (2, 5))
    with torch.inference_mode():
        before = t5(tokens).last_hidden_state
        pack(t5)
        torch.testing.assert_close(t5(tokens).last_hidden_state, before, atol=1e-4, rtol=1e-4)


def test_the_encoder_packs_where_the_processor_is_the_faster_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make(tmp_path / "bert")
    engines: list[EncoderEngine] = []
    for faster in (False, True):
        monkeypatch.setattr(packed_linear, "has_fast_packed", lambda faster=faster: faster)
        engines.append(EncoderEngine(folder))
        kinds = {type(module) for module in engines[-1]._loaded.modules()}  # pyright: ignore[reportPrivateUsage]
        assert (PackedLinear in kinds) is faster
    plain, packed = (engine.embed(TEXTS) for engine in engines)
    assert abs(plain - packed).max() < 1e-5
    assert packed_is_faster({"avx2", "avx512f"}, "AuthenticAMD")
    assert not packed_is_faster({"avx2"}, "AuthenticAMD") and not packed_is_faster({"avx512f"}, "GenuineIntel")
