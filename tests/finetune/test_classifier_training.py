"""Training a classifier on a tiny encoder: it learns, it is calibrated, and anybody can load it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from peft import AutoPeftModelForSequenceClassification
from safetensors.torch import load_file

from assistant.engines.encoder import EncoderEngine
from assistant.errors import BadDataset
from finetune.classifier_rows import Row
from finetune.classifier_training import ClassifierConfig, build, train_classifier
from tests.assistant.engines.test_encoder import make

GOOD, BAD = (0.0, 1.0), (1.0, 0.0)
TRAIN = [
    Row(f"{start} film was {end}", GOOD if end == "good" else BAD)
    for start in ("the", "a", "it", "very long", "short", "dog on mat")
    for end in ("good", "bad")
] * 8
CONFIG = ClassifierConfig(
    ("bad", "good"), num_train_epochs=5, learning_rate=5e-3, patience=8, per_device_train_batch_size=8
)


def test_an_adapter_learns_and_is_in_peft_s_own_format(tmp_path: Path) -> None:
    base = make(tmp_path / "base", spread=0.1)
    logs: list[dict[str, float]] = []
    trained = train_classifier(base, TRAIN, TRAIN[:12], tmp_path / "adapter", CONFIG, on_log=logs.append)
    assert trained.accuracy == 1
    assert any("eval_loss" in log for log in logs)
    assert all(log["steps"] >= log["step"] for log in logs)
    found = EncoderEngine(base, adapter=tmp_path / "adapter").classify(["the cat was good", "the cat was bad"])
    assert found[0]["good"] > 0.8
    assert found[1]["bad"] > 0.8
    assert "classifier" in json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())["modules_to_save"]
    theirs = AutoPeftModelForSequenceClassification.from_pretrained(str(tmp_path / "adapter"), num_labels=2).eval()
    from transformers import AutoTokenizer

    with torch.inference_mode():
        inputs = AutoTokenizer.from_pretrained(base)("the cat was good", return_tensors="pt")
        expected = theirs(**inputs).logits.softmax(-1)[0, 1].item()
    assert found[0]["good"] == pytest.approx(expected, abs=1e-4)


def test_a_calibration_of_one_s_own_goes_into_the_head(tmp_path: Path) -> None:
    base = make(tmp_path / "base", spread=0.1)
    config = replace(CONFIG, num_train_epochs=1, patience=None)

    def always_good(logits: np.ndarray, targets: np.ndarray) -> tuple[float, np.ndarray]:
        assert logits.shape == targets.shape == (12, 2)
        return 100.0, np.array([0.0, 5.0])

    train_classifier(base, TRAIN, TRAIN[:12], tmp_path / "adapter", config, calibrate=always_good)
    for found in EncoderEngine(base, adapter=tmp_path / "adapter").classify(["the cat was bad", "a film was good"]):
        assert found["good"] == pytest.approx(1 / (1 + np.exp(-5)), abs=0.02)


def test_every_weight_can_be_trained(tmp_path: Path) -> None:
    config = replace(CONFIG, learning_rate=1e-3, full=True)
    trained = train_classifier(make(tmp_path / "base", spread=0.1), TRAIN, TRAIN[:12], tmp_path / "model", config)
    assert trained.accuracy == 1
    assert EncoderEngine(tmp_path / "model").classify(["a film was good"])[0]["good"] > 0.8


def test_the_encoder_s_dropout_is_the_config_s_where_it_names_one(tmp_path: Path) -> None:
    base = make(tmp_path / "base", spread=0.1)
    found = {
        given: {m.p for m in build(base, replace(CONFIG, dropout=given)).modules() if isinstance(m, torch.nn.Dropout)}
        for given in (None, 0.25)
    }
    assert found == {None: {0.1, CONFIG.lora_dropout}, 0.25: {0.25, CONFIG.lora_dropout}}


@pytest.mark.parametrize(
    ("train", "validation", "said"),
    [
        ([], TRAIN[:4], "no training rows"),
        (TRAIN, [], "no validation rows"),
        ([Row("a", (1.0, 0.0, 0.0))], TRAIN[:4], "1 rows have another number of labels than 2"),
    ],
)
def test_data_that_cannot_be_trained_on(tmp_path: Path, train: list[Row], validation: list[Row], said: str) -> None:
    with pytest.raises(BadDataset, match=said):
        train_classifier(tmp_path, train, validation, tmp_path / "out", CONFIG)


def test_the_mean_of_the_last_weights_is_kept_where_that_is_asked_for(tmp_path: Path) -> None:
    base = make(tmp_path / "base", spread=0.1)
    folders: dict[float | None, Path] = {}
    for decay in (None, 0.0, 0.9):
        folders[decay] = tmp_path / f"adapter-{decay}"
        train_classifier(base, TRAIN, TRAIN[:12], folders[decay], replace(CONFIG, patience=None, ema_decay=decay))
    last, same, mean = (load_file(folder / "adapter_model.safetensors") for folder in folders.values())
    assert all(torch.equal(same[name], each) for name, each in last.items())
    assert not all(torch.equal(mean[name], each) for name, each in last.items())
    found = EncoderEngine(base, adapter=folders[0.9]).classify(["the cat was good", "the cat was bad"])
    assert found[0]["good"] > 0.7 and found[1]["bad"] > 0.7
