"""Heads on the mean of an encoder's states."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import BertForSequenceClassification, BertModel

from assistant.catalogue import Family, ModelEntry
from assistant.models import Models
from finetune import bases
from finetune.mean_pooled import MeanPooledForSequenceClassification
from finetune.reward_model import rewards_of, sequence_classifier
from tests.assistant.engines.test_encoder import make

ROWS = [[2, 9, 3], [2, 6, 7, 8, 9, 3]]


def found(folder: Path) -> ModelEntry:
    return bases.find(Models(), str(folder), Family.ENCODER, Family.DECODER)


@pytest.fixture
def entry(tmp_path: Path) -> ModelEntry:
    return found(make(tmp_path / "base"))


def test_the_head_reads_the_mean_of_all_tokens(entry: ModelEntry, tmp_path: Path) -> None:
    model, _ = sequence_classifier(entry)
    assert isinstance(model, MeanPooledForSequenceClassification)
    encoder = BertModel.from_pretrained(tmp_path / "base").eval()
    with torch.inference_mode():
        states = [encoder(torch.tensor([row])).last_hidden_state[0] for row in ROWS]
        by_hand = [float(model.score.weight[0] @ each.mean(0) + model.score.bias) for each in states]
    assert rewards_of(ROWS, model.eval(), 0) == pytest.approx(by_hand, abs=1e-5)  # in one batch: padding does not count


def test_nothing_is_dropped_while_it_learns(entry: ModelEntry) -> None:
    model, _ = sequence_classifier(entry)
    assert rewards_of(ROWS, model.train(), 0) == rewards_of(ROWS, model.train(), 0)


def test_it_is_the_same_when_it_is_read_again(entry: ModelEntry, tmp_path: Path) -> None:
    model, tokenizer = sequence_classifier(entry, seed=3)
    model.save_pretrained(tmp_path / "judge")
    tokenizer.save_pretrained(tmp_path / "judge")
    again, _ = sequence_classifier(found(tmp_path / "judge"))
    assert rewards_of(ROWS, again.eval(), 0) == pytest.approx(rewards_of(ROWS, model.eval(), 0), abs=1e-6)


def test_a_head_on_the_first_token_stays_one(tmp_path: Path) -> None:
    theirs = found(make(tmp_path / "theirs", ("good",)))
    assert isinstance(sequence_classifier(theirs)[0], BertForSequenceClassification)
