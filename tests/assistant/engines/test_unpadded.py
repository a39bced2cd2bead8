"""Layers that read no padding beside a transformers model as it comes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForSequenceClassification,
    BertConfig,
    BertModel,
    DistilBertConfig,
    DistilBertModel,
)

from assistant.engines import packed_linear
from assistant.engines.encoder import EncoderEngine
from assistant.engines.unpadded import FAMILIES, UnpaddedLayers, unpad
from tests.assistant.engines.test_encoder import TEXTS, make

TINY = {
    "vocab_size": 50,
    "hidden_size": 32,
    "embedding_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "initializer_range": 0.5,
    "pad_token_id": 1,
}
NO_PACKING = pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="torch is built without oneDNN")
PACKED = pytest.mark.parametrize("packed", [False, pytest.param(True, marks=NO_PACKING)])
MASK = torch.arange(9) < torch.tensor([9, 2, 5, 1])[:, None]


def batch() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return {"input_ids": torch.randint(2, 50, MASK.shape).where(MASK, 1), "attention_mask": MASK.long()}


@pytest.mark.parametrize("family", sorted(FAMILIES))
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@PACKED
def test_texts_are_read_as_they_were(
    family: str, dtype: torch.dtype, packed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packed_linear, "has_fast_packed", lambda: packed)
    torch.manual_seed(0)
    near = {"atol": 1e-5, "rtol": 1e-5} if dtype is torch.float32 else {"atol": 0.15, "rtol": 0.1}
    for kind in (AutoModel, AutoModelForSequenceClassification):
        model = kind.from_config(AutoConfig.for_model(family, **TINY), dtype=dtype).eval()
        with torch.inference_mode():
            before, alone = model(**batch())[0], model(input_ids=batch()["input_ids"][:1])[0]
            packed_linear.pack(model)
            assert unpad(model)
            after = model(**batch())[0]
            torch.testing.assert_close(model(input_ids=batch()["input_ids"][:1])[0], alone, **near)
        assert after.shape == before.shape and after.isfinite().all()
        real = MASK if kind is AutoModel else slice(None)
        torch.testing.assert_close(after[real], before[real], **near)


@PACKED
def test_layers_meet_no_padding(packed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed_linear, "has_fast_packed", lambda: packed)
    model = BertModel(BertConfig(**TINY)).eval()
    packed_linear.pack(model)
    assert unpad(model)
    rows: list[int] = []
    model.encoder.encoder.layer[1].register_forward_pre_hook(lambda _, args: rows.append(args[0].shape[1]))
    with torch.inference_mode():
        model(**batch())
    assert int(MASK.sum()) == 17 and rows == [20 if packed else 17]


def test_others_are_left_as_they_are() -> None:
    small = {"vocab_size": 50, "dim": 32, "n_layers": 1, "n_heads": 2, "hidden_dim": 64}
    assert not unpad(DistilBertModel(DistilBertConfig(**small)))
    assert not unpad(BertModel(BertConfig(**TINY, is_decoder=True)))
    eager = BertModel._from_config(BertConfig(**TINY), attn_implementation="eager")
    assert not unpad(eager) and not isinstance(eager.encoder, UnpaddedLayers)


def test_an_engine_reads_texts_of_unlike_length_in_one_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = EncoderEngine(make(tmp_path / "model"))
    passes: list[int] = []
    real = engine._pass
    monkeypatch.setattr(engine, "_pass", lambda pieces, work: passes.append(len(pieces)) or real(pieces, work))
    engine.embed(TEXTS)
    assert passes == [len(TEXTS)]
