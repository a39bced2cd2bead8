"""Where the reward rises and a second judge likes the answers less, the run ends with its best weights."""

from __future__ import annotations

import shutil
from pathlib import Path
from statistics import fmean
from types import SimpleNamespace
from typing import Any

import pytest

from assistant.run import State
from assistant.run_worker import Worker
from assistant.runs import Runs
from finetune import hacking, rewards
from finetune.hacking import ALIKE, APART, BEST, CHECK, PROXY, WINDOW, Alarm, entropy_left, liked, load, trick
from finetune.rlhf_loop import RLHFLoopSettings
from tests.finetune.test_preferences import PAIRS, done, judge  # noqa: F401 - a fixture


def lines(proxy: float, check: float, count: int = 3 * WINDOW) -> list[dict[str, float]]:
    """Figures that go from 0 to these, in standard deviations of 2."""
    return [
        {
            "step": step,
            f"{PROXY}/mean": 2 * proxy * step / (count - 1),
            f"{PROXY}/std": 2.0,
            f"{CHECK}/mean": 2 * check * step / (count - 1),
            f"{CHECK}/std": 2.0,
        }
        for step in range(count)
    ]


@pytest.mark.parametrize(
    ("proxy", "check", "rings"),
    [(1, -1, True), (1, 1, False), (-1, -1, False), (1, -0.1, False), (APART / 2, -1, False)],
)
def test_it_rings_where_one_rises_and_the_other_falls(proxy: float, check: float, rings: bool) -> None:
    assert bool(trick(lines(proxy, check))) is rings


def test_a_few_figures_say_nothing() -> None:
    assert not trick(lines(5, -5, count=2 * WINDOW - 1)) and not trick([])
    assert liked(lines(1, 1, count=WINDOW - 1)) == float("-inf")
    flat = [{**line, f"{PROXY}/std": 0.0, f"{CHECK}/std": 0.0} for line in lines(1, -1)]
    assert not trick(flat)


def test_it_rings_where_answers_become_one() -> None:
    """Which both judges may like: these rise together."""
    falling = [{**line, "entropy": 2.6 * 0.9**step} for step, line in enumerate(lines(1, 1))]
    assert entropy_left(falling[:4]) == 1.0 and not trick(falling[:5])
    assert entropy_left(falling) < ALIKE and "alike" in trick(falling)


def test_a_trick_ends_the_run_with_the_best_weights(
    tiny_decoder: Path,
    judge: Path,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = shutil.copytree(judge, tmp_path / "other")

    class Contrary:
        """The first likes vowels, the second does not."""

        def __init__(self, name: str) -> None:
            self._sign = -1 if name == str(other) else 1

        def __call__(self, conversations: Any) -> list[float]:
            return [self._sign * float(sum(map(turns[-1]["content"].count, "aeiou"))) for turns in conversations]

    monkeypatch.setattr(rewards, "RewardModel", Contrary)
    run = done(
        "rlhf", PAIRS, tmp_path, tiny_decoder, reward_models=[str(judge)], check_models=[str(other)], max_steps=80,
        max_completion_length=6, per_device_train_batch_size=32, learning_rate=5e-3, save_steps=1, beta=0.0,
        finetuning_type="full", logging_steps=1,
    )  # fmt: skip
    status = run.status()
    assert status.state is State.FINISHED and status.step < 80, status
    assert "a trick was being learnt" in status.message and "the model of step" in status.message
    figures = run.metrics()
    assert all(abs(line["reward"] - line[f"{PROXY}/mean"]) < 1e-4 for line in figures if "reward" in line)
    assert "the check less" in trick(figures) and not (run.folder / BEST).exists()
    assert any(run.model.glob("*.safetensors"))
    kept = int(status.message.partition("the model of step ")[2].split()[0])
    then = [line["reward"] for line in figures if "reward" in line and line["step"] <= kept][-5:]
    assert status.figures["train_reward"] == pytest.approx(fmean(then)), "the card is of the model that came out"
    last = max(run.folder.glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]))
    name = "model.safetensors"
    assert (run.model / name).read_bytes() != (last / name).read_bytes(), "the last weights came out"


def test_two_judges_that_agree_change_nothing(tiny_decoder: Path, judge: Path, tmp_path: Path) -> None:  # noqa: F811
    run = done(
        "rlhf", PAIRS, tmp_path, tiny_decoder, reward_models=[str(judge)], check_models=[str(judge)], max_steps=14,
        max_completion_length=6, per_device_train_batch_size=8, learning_rate=2e-2, save_steps=7, logging_steps=1,
    )  # fmt: skip
    assert (run.status().state, run.status().step, run.status().message) == (State.FINISHED, 14, "")


def test_an_adapter_gets_its_earlier_weights_back(tiny_decoder: Path, tmp_path: Path) -> None:
    import torch
    from peft import LoraConfig, TaskType, get_peft_model
    from transformers import AutoModelForCausalLM

    model: Any = AutoModelForCausalLM.from_pretrained(tiny_decoder)
    model = get_peft_model(model, LoraConfig(task_type=TaskType.CAUSAL_LM, r=2, target_modules=["q_proj"]))
    trained = [weights for weights in model.parameters() if weights.requires_grad]
    before = [weights.detach().clone() for weights in trained]
    model.save_pretrained(tmp_path / "checkpoint-3")
    with torch.no_grad():
        for weights in trained:
            weights.add_(1)
    load(model, tmp_path / "checkpoint-3")
    assert all(torch.equal(now, then) for now, then in zip(trained, before, strict=True))


def logged(steps: int, every: int) -> list[int]:
    """Steps of which a trainer tells figures."""
    return [step for step in range(1, steps + 1) if step == 1 or step % every == 0]


def test_with_the_loops_own_settings_it_rings_before_the_night_is_over() -> None:
    own = RLHFLoopSettings(data="x").parts()["rlhf"]
    steps = logged(own.max_steps, own.logging_steps)
    assert steps[2 * WINDOW - 1] <= own.max_steps / 5, "no trick could be heard before"
    assert steps[WINDOW - 1] <= own.max_steps / 10, "no weights could be kept before"


def alarm_with(figures: list[dict[str, float]]) -> Alarm:
    worker = Worker(Runs().create("rlhf", "a", "finetune", {}).folder)
    for line in figures:
        worker.record(**line)
    return Alarm(worker)


STATE = SimpleNamespace(global_step=14, is_world_process_zero=True)


def test_all_processes_do_what_the_first_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each would read the figures at another moment, and one that went on alone would wait for the others."""
    alone, told = alarm_with(lines(1, -1)), alarm_with([])
    monkeypatch.setattr(hacking, "agreed", lambda _: "")
    control = SimpleNamespace(should_training_stop=False)
    assert not alone.on_log(None, STATE, control).should_training_stop and alone.rang_at is None
    monkeypatch.setattr(hacking, "agreed", lambda _: "a trick")
    assert told.on_log(None, STATE, control).should_training_stop and told.rang_at == 14


def test_killed_while_the_best_weights_are_copied_none_are_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alarm, args = alarm_with(lines(1, 1)), SimpleNamespace(output_dir=str(tmp_path))
    (tmp_path / "checkpoint-14").mkdir()
    for name in ("adapter_model.safetensors", "trainer_state.json"):
        (tmp_path / "checkpoint-14" / name).write_bytes(bytes(100))

    def killed(source: Path, target: Path, **_: Any) -> None:
        Path(target).mkdir(parents=True, exist_ok=True)
        (Path(target) / "adapter_model.safetensors").write_bytes(bytes(50))
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(hacking.shutil, "copytree", killed)
        patch.setattr(hacking.shutil, "rmtree", lambda *_, **__: None)  # a process that is killed tidies nothing
        with pytest.raises(KeyboardInterrupt):
            alarm.on_save(args, STATE, None)
    assert alarm.best_step == 0
    alarm.on_save(args, STATE, None)
    assert alarm.best_step == 14
    kept = alarm._best / "checkpoint-14"
    assert {file.name for file in kept.iterdir()} == {"adapter_model.safetensors", "trainer_state.json"}
    assert (kept / "adapter_model.safetensors").stat().st_size == 100
