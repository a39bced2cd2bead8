"""What a run will take, and what is offered where it does not fit."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from assistant.errors import DiskFull, EngineFailed
from assistant.run import State
from assistant.run_worker import Worker
from assistant.runs import Runs
from finetune import preflight
from finetune.classifier import ClassifierSettings
from finetune.kto import KTOSettings
from finetune.memory import watched
from finetune.methods import create
from finetune.preflight import FirstSteps, in_turn, smaller
from finetune.rlhf import RLHFSettings
from finetune.rlhf_loop import RLHFLoopSettings
from finetune.settings import read_pairs, settings_from
from finetune.sft import SFTSettings
from tests.finetune.doing import do
from tests.finetune.test_preferences import PAIRS, done, judge  # noqa: F401 - a fixture


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    made = [{"prompt": f"what is {n}", "completion": "blue " * n} for n in range(1, 30)]
    path.write_text("".join(json.dumps(row) + "\n" for row in made), "utf-8")
    return path


def test_three_steps_are_measured_and_nothing_is_kept(tiny_decoder: Path, rows: Path) -> None:
    given = {"model": str(tiny_decoder), "data": str(rows), "dry_run": True, "per_device_train_batch_size": 2}
    run = create(Runs(), "sft", settings_from(SFTSettings, {**given, "max_steps": 500}))
    do(run)
    assert run.status().state is State.FINISHED, run.status()
    found = run.status().figures
    assert found["steps"] == 500 and 0 < found["seconds_per_step"] < 5
    assert found["eta_seconds"] == pytest.approx(500 * found["seconds_per_step"])
    assert found["peak_bytes"] > 1e8 and found["disk_bytes"] > 1e4 and found["tokens_per_second"] > 0
    assert not list(run.folder.glob("checkpoint-*")) and not run.model.exists()


def test_a_full_disk_is_told_before_it_starts(tiny_decoder: Path, rows: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage:
        free = 1000

    monkeypatch.setattr(preflight.shutil, "disk_usage", lambda _: Usage)
    run = create(Runs(), "sft", SFTSettings(model=str(tiny_decoder), data=str(rows)))
    do(run)
    assert run.status().state is State.FAILED
    assert "are free on the disk" in run.status().message and "finetuning_type=lora" in run.status().hint
    assert issubclass(DiskFull, Exception)


def test_what_cannot_fit_is_refused_with_what_would(
    tiny_decoder: Path, rows: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("finetune.training.has_bytes", lambda *_: 1000)
    run = create(Runs(), "sft", SFTSettings(model=str(tiny_decoder), data=str(rows), finetuning_type="full"))
    do(run)
    status = run.status()
    assert status.state is State.FAILED and not run.metrics()
    assert status.message.startswith("Gradients and moments") and "finetuning_type=lora" in status.hint


def test_a_run_ends_before_the_system_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    worker, left = Worker(Runs().create("sft", "a", "finetune", {}).folder), threading.Event()
    monkeypatch.setattr("assistant.hardware.memory", lambda: (100, 50))
    with watched(worker, "Try less.", leave=lambda _: left.set()):
        assert not left.wait(0.5)
        monkeypatch.setattr("assistant.hardware.memory", lambda: (100, 1))
        assert left.wait(20)
    status = worker.run.status()
    assert (status.state, status.hint) == (State.FAILED, "Try less.") and "memory" in status.message


@pytest.mark.parametrize(
    ("changes", "first", "absent"),
    [
        ({}, "per_device_train_batch_size=4 gradient_accumulation_steps=2", "finetuning_type=lora"),
        ({"per_device_train_batch_size": 1}, "gradient_checkpointing=true", "per_device"),
        ({"finetuning_type": "full", "per_device_train_batch_size": 1}, "gradient_checkpointing=true", "qlora"),
        (
            {
                "finetuning_type": "qlora",
                "per_device_train_batch_size": 1,
                "gradient_checkpointing": True,
                "max_length": 512,
            },
            "max_length=256",
            "qlora",
        ),
        (
            {
                "finetuning_type": "qlora",
                "per_device_train_batch_size": 1,
                "gradient_checkpointing": True,
                "max_length": 64,
            },
            "a smaller model",
            "Try",
        ),
    ],
)
def test_what_is_offered_where_memory_does_not_suffice(changes: dict[str, object], first: str, absent: str) -> None:
    offer = smaller(SFTSettings(data="x", **changes))  # pyright: ignore[reportArgumentType]
    assert first in offer.split(";")[0] and absent not in offer


@pytest.mark.parametrize("name", ["dpo", "kto", "reward", "rlhf"])
def test_the_longest_rows_are_in_the_second_step(
    name: str,
    tiny_decoder: Path,
    judge: Path,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    long = {"prompt": "why because it is so " * 6, "chosen": "it is blue because", "rejected": "red red red"}
    rows = [*PAIRS[:12], long, *PAIRS[12:]]
    if name == "kto":
        rows = [
            {"prompt": row["prompt"], "completion": row["chosen"], "label": bool(n % 2)} for n, row in enumerate(rows)
        ]
    seen: list[int] = []
    arrange = preflight._arrange

    def watched_batches(trainer: Any) -> bool:
        done = arrange(trainer)
        collate = trainer.data_collator

        def looked(some: list[dict[str, Any]]) -> Any:
            seen.append(max(map(preflight._length, some)))
            return collate(some)

        trainer.data_collator = looked
        return done

    monkeypatch.setattr(preflight, "_arrange", watched_batches)
    given = {"reward_models": [str(judge)], "max_completion_length": 4} if name == "rlhf" else {}
    run = done(name, rows, tmp_path, tiny_decoder, dry_run=True, test_share=0.0, **given)
    assert seen[1] == max(seen) > max(seen[0], seen[2])
    assert run.status().figures["seconds_per_step"] > 0


def test_which_rows_three_steps_have() -> None:
    lengths = [10, 1, 9, 2, 8, 3, 7, 4, 6, 5]
    places = in_turn(lengths, 2)
    assert [lengths[place] for place in places] == [8, 3, 10, 9, 8, 3]
    assert in_turn([5], 3) == [0] * 9


def test_answers_of_the_second_step_are_as_long_as_any_may_be() -> None:
    generation = SimpleNamespace(max_new_tokens=48, min_new_tokens=None)
    watch, least = preflight._Watch(generation), []
    for _ in range(3):
        watch.on_step_begin(None, None, None)
        least.append(generation.min_new_tokens)
        watch.on_step_end(None, None, None)
    assert least == [None, 48, None]


def test_a_checkpoint_more_than_are_kept_lies_on_the_disk() -> None:
    import torch

    layer = torch.nn.Linear(10, 10, bias=False)
    trainer = SimpleNamespace(model=layer, args=SimpleNamespace(save_total_limit=2))
    assert preflight.disk_bytes(trainer) == 3 * 100 * (4 + 8)


@pytest.mark.parametrize(
    ("taken", "peak", "fits"),
    [((100, 250), (90, 90), True), ((100, 350), (90, 90), False), ((100, 150), (120, 350), False)],
    ids=["it fits", "what is taken does not", "what was taken between does not"],
)
def test_two_steps_say_whether_memory_holds_a_run(
    taken: tuple[int, int], peak: tuple[int, int], fits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = FirstSteps(SFTSettings(data="x"), free=200)
    for place, step in ((0, 40), (1, 41), (1, 42)):
        monkeypatch.setattr(preflight, "taken_bytes", lambda place=place: taken[place])
        monkeypatch.setattr(preflight, "peak_bytes", lambda place=place: peak[place])
        state = SimpleNamespace(global_step=step)
        if not place:
            watch.on_train_begin(None, state, None)
        elif step == 42 and not fits:
            with pytest.raises(EngineFailed, match="first 2 steps took") as told:
                watch.on_step_end(None, state, None)
            assert "gradient_accumulation_steps=2" in told.value.hint
        else:
            watch.on_step_end(None, state, None)


def test_a_run_that_took_too_much_ends_after_two_steps(
    tiny_decoder: Path, rows: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = iter([0])
    monkeypatch.setattr(preflight, "taken_bytes", lambda: next(taken, 10**15))
    monkeypatch.setattr(preflight, "peak_bytes", lambda: 0)
    given = {"model": str(tiny_decoder), "data": str(rows), "max_steps": 9}
    run = do(create(Runs(), "sft", settings_from(SFTSettings, given)))
    assert (run.status().state, run.status().step) == (State.FAILED, 2), run.status()
    assert run.status().message.startswith("Its first 2 steps took 1000000.0 GB")
    assert "per_device_train_batch_size=4" in run.status().hint


def test_what_is_offered_can_be_had() -> None:
    assert "batch" not in smaller(settings_from(KTOSettings, {"data": "x", "per_device_train_batch_size": 2}))
    assert "qlora" not in smaller(settings_from(ClassifierSettings, {"data": "x"}))
    long = settings_from(RLHFSettings, {"data": "x", "reward_models": ["a"], "max_completion_length": 512})
    assert "max_completion_length=256" in smaller(long) and "max_length=" not in smaller(long)
    of_loop = smaller(settings_from(RLHFLoopSettings, {"data": "x"}))
    assert of_loop.startswith("Try rlhf.per_device_train_batch_size=16 rlhf.gradient_accumulation_steps=2, which")
    assert settings_from(RLHFLoopSettings, {"data": "x"}, read_pairs(of_loop.split(",")[0].split()[1:]))
