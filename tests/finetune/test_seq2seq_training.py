"""Training of sequence-to-sequence models: a tiny T5 that learns to copy, killed and gone on with."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import BartConfig, BartForConditionalGeneration, T5Config, T5ForConditionalGeneration

from assistant.errors import BadDataset, TrainingDiverged
from finetune.seq2seq_training import (
    IGNORED,
    Row,
    Seq2SeqConfig,
    average,
    checkpoint,
    optimizers_of,
    order,
    padded,
    rate,
    smoothed,
    train_seq2seq,
)

WORDS = 12
CONFIG = Seq2SeqConfig(max_steps=24, learning_rate=5e-3, batch_tokens=64, warmup_steps=4, eval_steps=8, save_steps=8)


def model(dropout: float = 0.1) -> Any:
    torch.manual_seed(1)
    shape: dict[str, Any] = {"d_model": 16, "d_kv": 8, "num_heads": 2, "d_ff": 32, "num_layers": 1}
    return T5ForConditionalGeneration(
        T5Config(vocab_size=WORDS, decoder_start_token_id=0, dropout_rate=dropout, **shape)
    )


def lessons(epoch: int) -> list[Row]:
    draw = random.Random(epoch)
    texts = [[draw.randrange(2, WORDS) for _ in range(draw.randint(1, 5))] for _ in range(40)]
    return [Row([*text, 1], [*text, 1]) for text in texts]


def test_it_learns(tmp_path: Path) -> None:
    logs: list[dict[str, float]] = []
    config = replace(CONFIG, max_steps=150, logging_steps=50, eval_steps=10**6, save_steps=10**6)
    trained = train_seq2seq(model(), lessons, tmp_path / "out", config, on_log=logs.append)
    losses = [log["loss"] for log in logs if "loss" in log]
    assert losses[-1] < losses[0] - 0.2
    assert not trained.training
    assert trained.shared.weight is not None


@pytest.mark.parametrize("muon", [True, False])
def test_a_killed_run_goes_on_exactly(tmp_path: Path, muon: bool) -> None:
    config = replace(CONFIG, muon=muon)
    whole = train_seq2seq(model(), lessons, tmp_path / "whole", config)

    def killed(now: Any) -> dict[str, float]:
        raise KeyboardInterrupt  # at step 16, after the checkpoint of step 8

    with pytest.raises(KeyboardInterrupt):
        train_seq2seq(model(), lessons, tmp_path / "cut", replace(config, eval_steps=16), evaluate=killed)
    logs: list[dict[str, float]] = []
    again = train_seq2seq(model(), lessons, tmp_path / "cut", config, on_log=logs.append)
    assert logs[0]["step"] == 8 and logs[0]["resumed"]
    for (name, one), other in zip(whole.state_dict().items(), again.state_dict().values(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0, msg=name)
    assert checkpoint(tmp_path / "cut").exists()
    assert not list(tmp_path.glob("*.writing"))


def test_the_loss_is_cross_entropy_with_a_share_for_every_word() -> None:
    """Against the formula: (1 − ε)·(−log p of the word) + ε·(mean of −log p over the vocabulary)."""
    some = [Row([3, 4, 1], [5, 1]), Row([6, 1], [7, 8, 9, 1])]
    learner = model().eval()
    inputs = padded(some, learner.config)
    assert inputs["input_ids"].tolist() == [[3, 4, 1], [6, 1, 0]]
    assert inputs["attention_mask"].tolist() == [[1, 1, 1], [1, 1, 0]]
    assert inputs["decoder_input_ids"].tolist() == [[0, 5, 0, 0], [0, 7, 8, 9]]
    assert inputs["labels"].tolist() == [[5, 1, IGNORED, IGNORED], [7, 8, 9, 1]]
    expected: list[float] = []
    for row in some:
        start = torch.tensor([[0, *row.target[:-1]]])
        said = learner(input_ids=torch.tensor([row.source]), decoder_input_ids=start).logits[0].log_softmax(-1)
        expected += [
            float(-0.9 * said[place, word] - 0.1 * said[place].mean()) for place, word in enumerate(row.target)
        ]
    assert float(smoothed(learner, inputs, 0.1)) == pytest.approx(sum(expected) / len(expected), abs=1e-5)


@pytest.mark.parametrize(
    ("step", "expected"), [(0, 0.01), (49, 0.5), (99, 1.0), (500, 1.0), (750, 0.5), (999, 0.002), (1000, 0.0)]
)
def test_the_rate_goes_up_stays_and_goes_down(step: int, expected: float) -> None:
    config = Seq2SeqConfig(max_steps=1000, warmup_steps=100, decay_ratio=0.5)
    assert rate(step, config) == pytest.approx(expected)


def test_matrices_go_by_muon_and_tables_by_adamw() -> None:
    learner = model()
    adam, muon = optimizers_of(learner, CONFIG)
    chosen = {id(each) for each in muon.param_groups[0]["params"]}
    names = {name for name, each in learner.named_parameters() if id(each) in chosen}
    assert "encoder.block.0.layer.0.SelfAttention.q.weight" in names
    assert not [name for name in names if "shared" in name or "bias" in name or "norm" in name]
    count = sum(len(group["params"]) for each in (adam, muon) for group in each.param_groups)
    assert count == len(list(learner.parameters()))
    assert len(optimizers_of(learner, replace(CONFIG, muon=False))) == 1


def test_each_part_has_its_learning_rate() -> None:
    config = replace(CONFIG, learning_rate=1e-3, embedding_learning_rate=1e-2)
    adam, muon = optimizers_of(model(), config)
    assert [group["lr"] for group in (*adam.param_groups, *muon.param_groups)] == [1e-2, 1e-3]
    (alone,) = optimizers_of(model(), replace(config, muon=False))
    assert [group["lr"] for group in alone.param_groups] == [1e-2, 1e-3]


def test_the_average_follows_quickly_at_first() -> None:
    """After n steps from 0 to 1 it holds 1 − Π min(decay, (1 + k) / (10 + k)) of the new weights."""
    averaged, current = [torch.zeros(2)], [torch.ones(2)]
    rest = 1.0
    for count in range(1, 30):
        average(0.7, averaged, current, torch.tensor(count))
        rest *= min(0.7, (1 + count) / (10 + count))
    torch.testing.assert_close(averaged[0], torch.full((2,), 1 - rest))


def test_the_loss_of_a_model_with_a_bias_behind_its_head_holds_it() -> None:
    shape: dict[str, Any] = {"d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2}
    config = BartConfig(
        vocab_size=WORDS, decoder_attention_heads=2, encoder_ffn_dim=16, decoder_ffn_dim=16, dropout=0.0, **shape
    )
    learner: Any = BartForConditionalGeneration(config).eval()
    learner.final_logits_bias[0, 7] = 50.0
    inputs = padded([Row([3, 4, 2], [7, 7])], config)
    assert float(smoothed(learner, inputs, 0.0)) < 1e-6


def test_batches_hold_every_row_once_and_change_with_the_epoch() -> None:
    rows = lessons(0)
    first, again, other = order(rows, CONFIG, 0), order(rows, CONFIG, 0), order(rows, CONFIG, 1)
    assert first == again != other
    assert sorted(map(str, (row for batch in first for row in batch))) == sorted(map(str, rows))
    assert all(len(batch) * max(row.size for row in batch) <= CONFIG.batch_tokens for batch in first)


def test_what_cannot_be_trained_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadDataset, match="no rows"):
        train_seq2seq(model(), lambda _: [], tmp_path / "out", CONFIG)
    learner = model()
    with torch.no_grad():
        learner.shared.weight.fill_(float("nan"))
    with pytest.raises(TrainingDiverged, match="not a number"):
        train_seq2seq(learner, lessons, tmp_path / "out", CONFIG)
    assert not checkpoint(tmp_path / "out").exists()
