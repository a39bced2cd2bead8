"""Supervised fine-tuning of a tiny model, in a run's own process as a person has it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from assistant.engines.protocol import Message, Sampling
from assistant.errors import BadDataset, BadSettings, ModelNotAvailable, TrainingDiverged, UnknownModel
from assistant.models import Models
from assistant.run import Run, State
from assistant.runs import Runs
from finetune.following import Divergence
from finetune.methods import create
from finetune.settings import settings_from
from finetune.sft import SFTSettings
from tests.finetune.doing import do

COLOURS = {"sky": "blue", "grass": "green", "blood": "red", "snow": "white", "coal": "black"}
ROWS = [
    {
        "prompt": f"what colour is the {thing}{' and why' * more}",
        "completion": f"the {thing} is {colour}{' because it is so' * more}",
    }
    for more in (0, 1, 2)
    for thing, colour in COLOURS.items()
]


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS), "utf-8")
    return path


def new(model: Path, rows: Path, **changes: Any) -> Run:
    base = {
        "model": str(model),
        "data": str(rows),
        "max_steps": 12,
        "per_device_train_batch_size": 4,
        "logging_steps": 1,
    }
    return create(Runs(), "sft", settings_from(SFTSettings, {**base, "lora_dropout": 0.1, "save_steps": 3, **changes}))


def losses(run: Run) -> list[tuple[int, float]]:
    return [(line["step"], line["loss"]) for line in run.metrics() if "loss" in line]


def test_it_learns_and_the_chat_answers_with_it(tiny_decoder: Path, rows: Path) -> None:
    run = new(tiny_decoder, rows, finetuning_type="full", max_steps=300, learning_rate=1e-2, save_steps=300)
    do(run)
    assert run.status().state is State.FINISHED, run.status()
    figures = losses(run)
    assert figures[-1][1] < 0.1 < figures[0][1]
    assert {"gradient_norm", "learning_rate", "tokens_per_second", "accuracy"} <= run.metrics()[0].keys()
    models = Models()
    engine = models.engine(run.id)
    said = engine.generate([Message("user", "what colour is the snow")], Sampling(temperature=0, max_tokens=20))
    assert "".join(delta.text for delta in said) == "the snow is white"
    assert models.find(run.id).key in [entry.key for entry in models.catalogue]


def test_an_adapter_is_put_on_its_base(tiny_decoder: Path, rows: Path) -> None:
    run = new(tiny_decoder, rows, finetuning_type="dora", max_steps=2)
    do(run)
    assert (run.model / "adapter_model.safetensors").exists() and not (run.model / "model.safetensors").exists()
    entry = Models().find(run.id)
    assert (entry.format, entry.base, entry.family) == ("adapter", str(tiny_decoder), "decoder")
    assert Models().engine(run.id).generate([Message("user", "why")], Sampling(max_tokens=3))
    assert Models().find(str(run.model)).base == str(tiny_decoder)


def test_a_pause_changes_no_loss(tiny_decoder: Path, rows: Path) -> None:
    whole, paused = new(tiny_decoder, rows), new(tiny_decoder, rows)
    do(whole)
    (paused.folder / "request").write_text("pause")
    do(paused)
    assert (paused.status().state, paused.status().step) == (State.PAUSED, 1)
    (paused.folder / "request").unlink()
    do(paused)
    assert paused.status().state is State.FINISHED
    assert losses(paused) == losses(whole)
    assert (paused.model / "adapter_model.safetensors").read_bytes() == (
        whole.model / "adapter_model.safetensors"
    ).read_bytes()


def test_a_stop_leaves_a_model(tiny_decoder: Path, rows: Path) -> None:
    run = new(tiny_decoder, rows)
    (run.folder / "request").write_text("stop")
    do(run)
    assert run.status().state is State.STOPPED and run.status().step == 1
    assert (run.model / "adapter_model.safetensors").exists()


def test_a_run_that_was_stopped_before_it_began_leaves_none(tiny_decoder: Path, rows: Path) -> None:
    run = new(tiny_decoder, rows)
    Runs().stop(run)
    assert run.status().state is State.STOPPED
    models = Models()
    assert run.id not in [entry.key for entry in models.catalogue]
    with pytest.raises(UnknownModel):
        models.find(run.id)


def test_a_training_that_diverges_ends(tiny_decoder: Path, rows: Path) -> None:
    run = new(tiny_decoder, rows, finetuning_type="full", learning_rate=1e4, max_grad_norm=1e9, max_steps=60)
    do(run)
    status = run.status()
    assert status.state is State.FAILED and status.step < 60
    assert "every gradient is zero" in status.message and "learning_rate" in status.hint


@pytest.mark.parametrize(
    ("losses", "norms", "said"),
    [
        ([2.0] * 5 + [float("nan")], [1.0] * 6, "At step 6 the loss is not a number"),
        ([2.0] * 6, [1.0] * 5 + [float("inf")], "At step 6 the gradient norm is not a number"),
        ([2.0] * 5 + [7.0] * 5, [1.0] * 10, "The loss rose from 2.00 to"),
        ([2.0] * 5, [0.0] * 5, "every gradient is zero"),
        ([2.0, 9.0, 2.0, 1.5, 1.0, 3.0, 1.0, 0.5], [1.0] * 8, ""),
        ([0.01] * 5 + [0.3] * 5, [1.0] * 10, ""),
    ],
)
def test_signs_of_divergence(losses: list[float], norms: list[float], said: str) -> None:
    def look() -> None:
        divergence = Divergence()
        for step, (loss, norm) in enumerate(zip(losses, norms, strict=True), 1):
            divergence.look({"loss": loss, "gradient_norm": norm}, step)

    if said:
        with pytest.raises(TrainingDiverged, match=said):
            look()
    else:
        look()


def test_a_run_that_would_learn_nothing_does_not_start(tiny_decoder: Path, rows: Path) -> None:
    run = new(tiny_decoder, rows, max_length=8)
    do(run)
    assert run.status().state is State.FAILED
    assert "Nothing would be learnt" in run.status().message and "max_length" in run.status().hint


def test_packed_rows_do_not_see_each_other(tiny_decoder: Path, rows: Path) -> None:
    """The first evaluation loss is the same whether rows are packed or padded."""
    found = {}
    tests = rows.with_name("test.jsonl")
    tests.write_text(rows.read_text("utf-8").replace("colour", "hue"), "utf-8")
    measured = {"test": str(tests), "max_length": 64, "max_steps": 1, "eval_steps": 1, "learning_rate": 1e-9}
    for packing in (False, True):
        run = new(tiny_decoder, rows, packing=packing, **measured)
        do(run)
        found[packing] = next(line["eval_loss"] for line in run.metrics() if "eval_loss" in line)
    assert found[True] == pytest.approx(found[False], abs=1e-3)


def test_what_a_person_can_mend_is_said_before_it_starts(tiny_decoder: Path, rows: Path, tmp_path: Path) -> None:
    labelled = tmp_path / "labels.csv"
    labelled.write_text("text,label\ngood,1\nbad,0\n")
    with pytest.raises(
        BadDataset, match=r"labels\.csv was read as texts with a label \(text, label\), which is for classifier"
    ):
        new(tiny_decoder, labelled)
    with pytest.raises(BadDataset, match=r"none\.jsonl"):
        new(tiny_decoder, tmp_path / "none.jsonl")
    with pytest.raises(BadSettings, match="BERT-style"):
        create(Runs(), "sft", SFTSettings(model="all-minilm-l6-v2", data=str(rows)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PARLEY_MODELS", str(tmp_path / "no-models"))
        with pytest.raises(ModelNotAvailable, match="is not here"):
            create(Runs(), "sft", SFTSettings(model="qwen2.5-coder-0.5b-instruct", data=str(rows)))
    with pytest.raises(BadSettings, match="no method 'ppo'"):
        create(Runs(), "ppo", SFTSettings(data=str(rows)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("finetune.needs.find_spec", lambda _: None)
        with pytest.raises(BadSettings, match="qlora needs bitsandbytes") as told:
            new(tiny_decoder, rows, finetuning_type="qlora")
        assert "PARLEY_EXTRAS=gpu" in told.value.hint
    run = new(tiny_decoder, rows, trainer={"neftune_noise": 5})
    do(run)
    assert "SFTConfig has no field 'neftune_noise'" in run.status().message
    assert "neftune_noise_alpha" in run.status().hint
