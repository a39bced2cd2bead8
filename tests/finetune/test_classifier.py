"""A classifier of one's own on a tiny encoder: it learns, says what it confuses, and texts are sorted by it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assistant.batches import Batch
from assistant.errors import BadSettings
from assistant.run import Run, State
from assistant.runs import Runs
from assistant.service import Assistant
from finetune.classifier import ClassifierSettings
from finetune.classifier_report import report
from finetune.methods import create
from finetune.settings import settings_from
from tests.assistant.engines.test_encoder import make
from tests.finetune.doing import do

STARTS = (
    "the",
    "a",
    "it",
    "very long",
    "short",
    "dog on mat",
    "cat",
    "film was long",
    "mat",
    "it was the",
    "a very",
    "on",
)
ROWS = [{"text": f"{start} film was {end}", "label": end} for start in STARTS for end in ("good", "bad")]
QUICK: dict[str, Any] = {"max_steps": 60, "per_device_train_batch_size": 8, "learning_rate": 5e-3, "logging_steps": 5}
QUICK |= {"lora_r": 16, "lora_alpha": 32, "label_smoothing": 0.0}  # twenty rows that are all right


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return make(tmp_path / "base", spread=0.1)


def new(base: Path, rows: list[dict[str, str]], **changes: Any) -> Run:
    path = base.parent / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    given = {"model": str(base), "data": str(path), "test": None, "test_share": 0.25, **QUICK, **changes}
    return create(Runs(), "classifier", settings_from(ClassifierSettings, given))


@pytest.mark.parametrize("kind", ["lora", "dora", "full"])
def test_it_learns_and_sorts_by_its_own_labels(base: Path, kind: str, tmp_path: Path) -> None:
    slower = {"learning_rate": 1e-3, "max_steps": 150} if kind == "full" else {}
    run = do(new(base, ROWS, finetuning_type=kind, **slower))
    status = run.status()
    assert status.state is State.FINISHED, status
    assert status.figures["accuracy"] == status.figures["macro_f1"] == 1
    assert any("eval_accuracy" in line for line in run.metrics())
    said = run.report()
    assert said["labels"] == ["bad", "good"]
    assert np.trace(said["matrix"]) == np.sum(said["matrix"]) == 6
    assistant = Assistant()
    assert assistant.own_labels(run.id)
    assert run.id in [entry.key for entry in assistant.able_here("classify")]
    found = assistant.labels(["the cat was good", "the cat was bad"], (), model=run.id)
    assert found[0]["good"] > 0.8 and found[1]["bad"] > 0.8
    with pytest.raises(BadSettings, match="labels of its own"):
        assistant.labels(["a"], ["praise", "blame"], model=run.id)
    texts = tmp_path / "texts.csv"
    texts.write_text("text\nthe dog was good\na long bad film\n", "utf-8")
    job: Batch = assistant.label_batch(texts, tmp_path / "sorted.csv", labels=(), model=run.id)
    job.run()
    assert (tmp_path / "sorted.csv").read_text().splitlines()[0] == "text,label,bad,good"
    assert [line.split(",")[1] for line in (tmp_path / "sorted.csv").read_text().splitlines()[1:]] == ["good", "bad"]


def test_a_head_alone_leaves_the_encoder_as_it_is(base: Path) -> None:
    from safetensors.torch import load_file

    run = do(new(base, ROWS, finetuning_type="head", max_steps=3))
    assert run.status().state is State.FINISHED, run.status()
    before, after = (load_file(folder / "model.safetensors") for folder in (base, run.model))
    names = {name.removeprefix("bert."): name for name in after}
    assert any("encoder" in name for name in before)
    for name, weights in before.items():
        if "pooler" not in name:
            assert (after[names[name.removeprefix("bert.")]] == weights).all(), name
    assert Assistant().own_labels(run.id)


def test_labels_that_look_alike_are_one_where_that_is_asked_for(base: Path) -> None:
    rows = [*ROWS, {"text": "mat was good", "label": "Goods"}, {"text": "mat was bad", "label": "BAD"}]
    apart, together = (do(new(base, rows, max_steps=2, merge_labels=merged)) for merged in (False, True))
    assert apart.report()["labels"] == ["BAD", "Goods", "bad", "good"]
    assert together.report()["labels"] == ["bad", "good"]


def test_the_row_that_is_wrongly_labelled_is_the_one_that_is_named(base: Path) -> None:
    wrong = "a film was very long very long very long good"
    tests = base.parent / "tests.jsonl"  # of many lengths: they are batched by them while it trains
    some = [*ROWS[:5], {"text": wrong, "label": "bad"}, *ROWS[5:12]]
    tests.write_text("".join(json.dumps(row) + "\n" for row in some), "utf-8")
    run = do(new(base, ROWS[12:], test=str(tests)))
    assert [(each["text"], each["said"]) for each in run.report()["doubted"]] == [(wrong, "good")]


def test_rows_beyond_max_rows_are_measured_on(base: Path) -> None:
    run = do(new(base, ROWS, max_steps=2, max_rows=10))
    assert np.sum(run.report()["matrix"]) == 14


def test_one_label_is_nothing_to_learn(base: Path) -> None:
    run = do(new(base, [{**row, "label": "good"} for row in ROWS]))
    assert run.status().state is State.FAILED
    assert "Every row has the label 'good'" in run.status().message


def test_qlora_is_not_for_encoders(base: Path) -> None:
    with pytest.raises(BadSettings, match="finetuning_type can be head, lora, dora, full here, not qlora"):
        new(base, ROWS, finetuning_type="qlora")


def test_a_report_counts_what_is_taken_for_what() -> None:
    logits = np.array([[2.0, 0.0, 0.0], [0.0, 3.0, 0.0], [5.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    targets = np.eye(3)[[0, 1, 1, 2]]
    rows = [{"text": text} for text in "abcd"]
    found = report(logits, targets, ["x", "y", "z"], rows)
    assert found["matrix"] == [[1, 0, 0], [1, 1, 0], [0, 0, 1]]
    assert found["f1"] == {"x": 0.6667, "y": 0.6667, "z": 1.0}
    assert found["doubted"] == [{"text": "c", "label": "y", "said": "x", "probability": 0.9867}]
    assert found["figures"]["accuracy"] == 0.75
