"""Preferences, verdicts, reward models and reinforcement learning, on a tiny model, in a run's own code."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any

import pytest
from transformers import BertConfig, BertForSequenceClassification

from assistant.errors import BadSettings
from assistant.models import Models
from assistant.run import Run, State
from assistant.runs import Runs
from finetune.methods import create, method
from finetune.reward_model import RewardModel, rewards_of, standardise
from finetune.rewards import length_penalty, repetition_penalty
from finetune.rlhf import RLHFSettings
from finetune.settings import settings_from
from tests.finetune.doing import do

THINGS = ("sky", "grass", "blood", "snow", "coal")
PAIRS = [
    {
        "prompt": f"what colour is the {thing}{' and why' * more}",
        "chosen": "it is blue because",
        "rejected": "red red red",
    }
    for thing in THINGS
    for more in range(5)
]
VERDICTS = [
    {"prompt": f"what colour is the {thing}{' and why' * more}", "completion": said, "label": good}
    for thing in THINGS
    for more in range(2)
    for said, good in (("it is blue because", True), ("red red red", False))
]
SMALL: dict[str, Any] = {
    "per_device_train_batch_size": 4,
    "logging_steps": 1,
    "max_length": 64,
    "max_steps": 3,
    "bf16": False,  # what such small models learn would differ from processor to processor
}


def done(name: str, rows: list[dict[str, Any]], folder: Path, model: Path | str, **changes: Any) -> Run:
    """A run of the method, finished."""
    path = folder / f"{name}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    kind = method(name).settings_class()
    settings = settings_from(kind, {"model": str(model), "data": str(path), **SMALL, **changes})
    run = do(create(Runs(), name, settings))
    assert run.status().state is State.FINISHED, f"{run.status()}\n{run.log()}"
    return run


@pytest.fixture(scope="module")
def judge(tiny_decoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A reward model that has learnt which answers are chosen: its folder, beyond the home of one test."""
    folder = tmp_path_factory.mktemp("reward")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PARLEY_HOME", str(folder / "home"))
        run = done("reward", PAIRS, folder, tiny_decoder, max_steps=40, learning_rate=1e-2, save_steps=40)
    accuracies = [line["accuracy"] for line in run.metrics() if "accuracy" in line]
    assert accuracies[-1] == 1.0
    return run.model


def spoken(asked: str, said: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": asked}, {"role": "assistant", "content": said}]


def test_a_reward_model_tells_good_from_bad(judge: Path) -> None:
    asked = "what colour is the sky"
    good, bad = RewardModel(str(judge))([spoken(asked, "it is blue because"), spoken(asked, "red red red")])
    assert good > bad + 0.5
    assert RewardModel(str(judge))([spoken(asked, "red red red")]) == pytest.approx([bad], abs=1e-4)


def test_rewards_have_a_deviation_of_one(judge: Path) -> None:
    """Whatever the scale of the head was when the learning ended: `beta` and penalties are set in rewards."""
    said = [spoken(row["prompt"], row[side]) for row in PAIRS for side in ("chosen", "rejected")]
    assert pstdev(RewardModel(str(judge))(said)) == pytest.approx(1, abs=1e-3)


def test_a_head_with_a_bias_has_a_mean_of_nought(tmp_path: Path) -> None:
    sizes = {"vocab_size": 60, "hidden_size": 16, "num_hidden_layers": 2, "intermediate_size": 32}
    model = BertForSequenceClassification(BertConfig(**sizes, num_attention_heads=2, num_labels=1)).eval()
    rows = [[5, n, n + 1, 6] for n in range(7, 40)]
    before = rewards_of(rows, model, 0)
    standardise(model, before)
    after = rewards_of(rows, model, 0)
    assert (fmean(after), pstdev(after)) == pytest.approx((0, 1), abs=1e-3)
    assert after == pytest.approx([(each - fmean(before)) / pstdev(before) for each in before], abs=1e-3)


@pytest.mark.parametrize("template", [True, False])
def test_dpo_moves_towards_the_better_answer(tiny_decoder: Path, tmp_path: Path, template: bool) -> None:
    model = tiny_decoder if template else _without_template(tiny_decoder, tmp_path / "base")
    run = done("dpo", PAIRS, tmp_path, model, max_steps=25, learning_rate=5e-3, save_steps=25)
    margins = [line["margin"] for line in run.metrics() if "margin" in line]
    assert margins[-1] > 0.1 > abs(margins[0])
    assert {"eval_loss", "eval_accuracy"} & {name for line in run.metrics() for name in line}


def test_kto_learns_from_verdicts(tiny_decoder: Path, tmp_path: Path) -> None:
    run = done("kto", VERDICTS, tmp_path, tiny_decoder, max_steps=25, learning_rate=5e-3, save_steps=25)
    margins = [line["margin"] for line in run.metrics() if "margin" in line]
    assert margins[-1] > 0.05


@pytest.mark.parametrize("algorithm", ["rloo", "grpo"])
def test_reinforcement_learning_raises_the_reward(
    tiny_decoder: Path, judge: Path, tmp_path: Path, algorithm: str
) -> None:
    run = done(
        "rlhf", PAIRS, tmp_path, tiny_decoder, algorithm=algorithm, reward_models=[str(judge)], max_steps=60,
        max_completion_length=6, per_device_train_batch_size=16, num_generations=8, learning_rate=2e-2, save_steps=60,
        finetuning_type="full", beta=0.01, length_penalty=0.01, length_wanted=4, repetition_penalty=0.1,
    )  # fmt: skip
    rewards = [line["reward"] for line in run.metrics() if "reward" in line]
    begun = fmean(rewards[:5])  # how much there is to gain differs from processor to processor, as the judge does
    assert fmean(rewards[-20:]) > begun + 0.4 * (max(rewards) - begun)
    assert [line["kl"] for line in run.metrics() if "kl" in line][-1] > 0.5
    assert {"length", "entropy"} <= {name for line in run.metrics() for name in line}
    shown = run.samples()
    assert shown[0]["step"] < shown[-1]["step"] and shown[0]["asked"].startswith("what colour")


def test_rewards_are_added_by_their_weights(tiny_decoder: Path, judge: Path, tmp_path: Path) -> None:
    given: dict[str, Any] = {"max_completion_length": 6, "per_device_train_batch_size": 8, "max_steps": 1}
    given |= {"reward_models": [str(judge), str(judge)], "reward_weights": [3.0, -1.0], "beta": 0.0}
    (line,) = [line for line in done("rlhf", PAIRS, tmp_path, tiny_decoder, **given).metrics() if "reward" in line]
    each = [line[f"rewards/reward_{place}/mean"] for place in (0, 1)]
    assert each[0] == pytest.approx(each[1]) and abs(each[0]) > 1e-3
    assert line["reward"] == pytest.approx(3 * each[0] - each[1], abs=1e-5)


def test_a_dry_run_counts_the_steps_that_answers_make(tiny_decoder: Path, judge: Path, tmp_path: Path) -> None:
    given = {"reward_models": [str(judge)], "per_device_train_batch_size": 8, "max_completion_length": 4}
    run = done("rlhf", PAIRS, tmp_path, tiny_decoder, dry_run=True, max_steps=-1, num_train_epochs=2, **given)
    assert run.status().figures["steps"] == 2 * 24 * 4 / 8  # of 25 questions one is set apart; four answers to each


def test_questions_alone_are_enough_to_learn_from(tiny_decoder: Path, judge: Path, tmp_path: Path) -> None:
    rows = [{"prompt": row["prompt"], "level": n} for n, row in enumerate(PAIRS)]
    run = done("rlhf", rows, tmp_path, tiny_decoder, reward_models=[str(judge)], max_completion_length=4, max_steps=2)
    assert [line["step"] for line in run.metrics() if "reward" in line] == [1, 2]


def test_an_adapter_is_trained_further(tiny_decoder: Path, judge: Path, tmp_path: Path) -> None:
    rows = [{"prompt": row["prompt"], "completion": row["chosen"]} for row in PAIRS]
    first = done("sft", rows, tmp_path, tiny_decoder)
    then = done("rlhf", PAIRS, tmp_path, first.id, reward_models=[str(judge)], max_completion_length=4)
    entry = Models().find(then.id)
    assert (entry.format, entry.base) == ("adapter", str(tiny_decoder))
    assert sorted(path.name for path in then.model.glob("*.safetensors")) == ["adapter_model.safetensors"]
    assert [run.status().state for run in Runs()] == [State.FINISHED] * 2


def test_a_model_that_judges_is_not_offered_for_chat(judge: Path) -> None:
    assert "chat" not in Models().find(str(judge)).tasks


def test_settings_that_cannot_be() -> None:
    given = {"data": "x", "num_generations": 3, "per_device_train_batch_size": 4, "reward_weights": [1.0]}
    with pytest.raises(BadSettings, match=r"names no run of `reward`; reward_weights needs one weight .* multiple of"):
        settings_from(RLHFSettings, given)


def test_a_chat_model_is_no_reward_model(tiny_decoder: Path, tmp_path: Path) -> None:
    rows = [{"prompt": row["prompt"], "completion": row["chosen"]} for row in PAIRS]
    run = done("sft", rows, tmp_path, tiny_decoder)
    for name in (run.id, str(tiny_decoder)):  # a whole one would be given a head of random numbers
        with pytest.raises(BadSettings, match="is no reward model"):
            RewardModel(name)
    with pytest.raises(BadSettings, match="is no reward model"):
        done("rlhf", PAIRS, tmp_path, tiny_decoder, reward_models=[str(tiny_decoder)])
    whole = done("reward", PAIRS, tmp_path, tiny_decoder, max_steps=1, finetuning_type="full")
    assert (
        len(RewardModel(whole.id)([[{"role": "user", "content": "why"}, {"role": "assistant", "content": "so"}]])) == 1
    )


def test_rewards_without_a_model() -> None:
    assert length_penalty([3, 5, 9], 5, 0.5) == [0, 0, -2]
    assert repetition_penalty(["a b c d", "red red red red", "", "one two"]) == [0, -0.5, 0, 0]


def _without_template(model: Path, folder: Path) -> Path:
    import shutil

    shutil.copytree(model, folder)
    (folder / "chat_template.jinja").unlink(missing_ok=True)
    settings = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
    settings.pop("chat_template", None)
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), "utf-8")
    return folder


def test_a_reward_model_judges_by_as_much_as_it_has_learnt_from(tiny_decoder: Path, tmp_path: Path) -> None:
    run = done("reward", PAIRS, tmp_path, tiny_decoder, max_steps=1, max_length=16)
    judged = RewardModel(run.id)
    ends = "blue because it is so blue because it is so blue because it is so"
    one, other = judged([spoken("why", ends), spoken("what colour is the sky", ends)])
    assert one == pytest.approx(other, abs=1e-6), "what lies before the last 16 tokens was read"
    longer = done("reward", PAIRS, tmp_path, tiny_decoder, max_steps=1, max_length=64)
    one, other = RewardModel(longer.id)([spoken("why", ends), spoken("what colour is the sky", ends)])
    assert abs(one - other) > 1e-4


def test_a_reward_model_begins_from_a_whole_model(tiny_decoder: Path, tmp_path: Path) -> None:
    rows = [{"prompt": row["prompt"], "completion": row["chosen"]} for row in PAIRS]
    tuned = done("sft", rows, tmp_path, tiny_decoder)
    with pytest.raises(BadSettings, match=rf"is an adapter, which reward does not train further.* from {tiny_decoder}"):
        done("reward", PAIRS, tmp_path, tuned.id)
    with pytest.raises(BadSettings, match="finetuning_type can be lora, dora, full here, not qlora"):
        done("reward", PAIRS, tmp_path, tiny_decoder, finetuning_type="qlora")


def test_questions_that_are_too_long_are_counted(tiny_decoder: Path, judge: Path, tmp_path: Path) -> None:
    rows = [*PAIRS[:10], {**PAIRS[0], "prompt": "why because " * 20}]
    given: dict[str, Any] = {"reward_models": [str(judge)], "max_completion_length": 4, "max_steps": 1}
    run = done("rlhf", rows, tmp_path, tiny_decoder, max_prompt_length=40, **given)
    assert run.status().message == "1 of 11 questions have more than 40 tokens (max_prompt_length) and were left out."
    with pytest.raises(
        AssertionError, match=r"longer than max_prompt_length, 2 tokens: none is left.*The shortest has"
    ):
        done("rlhf", rows, tmp_path, tiny_decoder, max_prompt_length=2, **given)


def test_rows_to_be_measured_on_may_be_of_another_kind(tiny_decoder: Path, judge: Path, tmp_path: Path) -> None:
    tests = tmp_path / "tests.jsonl"
    rows = [{"messages": spoken(f"what colour is snow {n}", "white")} for n in range(4)]
    tests.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    given: dict[str, Any] = {"reward_models": [str(judge)], "max_completion_length": 4, "max_steps": 1}
    run = done("rlhf", PAIRS, tmp_path, tiny_decoder, test=str(tests), eval_steps=1, **given)
    assert "eval_reward" in run.status().figures


def test_the_card_of_reinforcement_learning_has_its_figures(tiny_decoder: Path, judge: Path, tmp_path: Path) -> None:
    from huggingface_hub import ModelCard

    run = done("rlhf", PAIRS, tmp_path, tiny_decoder, reward_models=[str(judge)], max_completion_length=4)
    card = ModelCard.load(run.model / "README.md")
    rewards = [line["reward"] for line in run.metrics() if "reward" in line]
    named = {result.metric_type: result.metric_value for result in card.data.eval_results or []}
    assert named["train_reward"] == pytest.approx(fmean(rewards[-5:]), abs=1e-4) and {"train_kl"} < named.keys()
    assert "## Figures of the last steps" in card.text and "set apart" not in card.text.partition("## Figures")[2]


def test_a_layer_that_there_is_not_is_named(tiny_decoder: Path, tmp_path: Path) -> None:
    for name, rows in (("dpo", PAIRS), ("reward", PAIRS)):
        with pytest.raises(AssertionError, match=r"the model has no layer 'nope'.*It has .*q_proj, k_proj"):
            done(name, rows, tmp_path, tiny_decoder, lora_target_modules=["q_proj", "nope"])
