"""Settings of a run: from YAML and the command line, wrong ones said together."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import get_args

import pytest

import finetune
from assistant.errors import BadSettings
from finetune.dpo import DPOSettings, Loss
from finetune.loop_parts import USUAL
from finetune.methods import METHODS
from finetune.rlhf_loop import RLHFLoopSettings
from finetune.seq2seq import Seq2SeqSettings
from finetune.settings import read_pairs, read_yaml, settings_from
from finetune.sft import SFTSettings


def test_later_layers_win(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text("data: rows.jsonl\nlearning_rate: 1e-4\nlora_target_modules: [q_proj, v_proj]\n", "utf-8")
    pairs = read_pairs(["learning_rate=2e-5", "packing=true", "trainer.neftune_noise_alpha=5", "model=org/name"])
    made = settings_from(SFTSettings, read_yaml(file), pairs)
    assert (made.data, made.learning_rate, made.packing, made.model) == ("rows.jsonl", 2e-5, True, "org/name")
    assert made.lora_target_modules == ["q_proj", "v_proj"] and made.trainer == {"neftune_noise_alpha": 5}
    assert settings_from(SFTSettings, made.to_json()) == made


def test_a_group_is_laid_over_the_group_below(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text("rlhf: {max_steps: 60, beta: 0.1}\nsft: {max_steps: 5}\n", "utf-8")
    made = settings_from(RLHFLoopSettings, read_yaml(file), {"data": "x"}, read_pairs(["rlhf.max_steps=30"]))
    assert made.rlhf == {"max_steps": 30, "beta": 0.1} and made.sft == {"max_steps": 5}
    assert made.of("rlhf") == {**USUAL["rlhf"], "max_steps": 30, "beta": 0.1}


def test_the_loop_refuses_what_no_part_of_it_would_hear() -> None:
    with pytest.raises(BadSettings, match=r"num_train_epochs is for nothing here: each part has its own, sft\.num"):
        settings_from(RLHFLoopSettings, {"data": "x", "num_train_epochs": 1})


def test_the_file_of_the_loop_says_what_the_loop_does_by_itself() -> None:
    path = next(path for path in CONFIGS if path.stem == "rlhf-loop")
    made = settings_from(RLHFLoopSettings, read_yaml(path), {"data": "x"})
    alone = RLHFLoopSettings(data="x")
    assert {part: getattr(made, part) for part in USUAL} == USUAL == {part: alone.of(part) for part in USUAL}
    assert (made.test_share, made.compared_prompts) == (alone.test_share, alone.compared_prompts)


def test_every_mistake_is_told_at_once() -> None:
    given = {"learningrate": 1, "lora_r": 0, "max_length": "long", "finetuning_type": "some"}
    with pytest.raises(BadSettings) as told:
        settings_from(SFTSettings, given)
    for part in ("'learningrate', did you mean learning_rate", "max_length: ", "finetuning_type: "):
        assert part in told.value.message
    with pytest.raises(BadSettings, match=r"data names no file; lora_r must be above 0.*warmup_ratio must be from 0"):
        settings_from(SFTSettings, {"lora_r": -1, "warmup_ratio": 2})


def test_a_text_that_ends_in_a_colon_is_a_text() -> None:
    found = read_pairs(["prefix=translate Welsh to English: ", "sft={max_steps: 5}", "x.prefix=summarize: "])
    assert found == {"prefix": "translate Welsh to English: ", "sft": {"max_steps": 5}, "x": {"prefix": "summarize: "}}


@pytest.mark.parametrize(
    "text",
    [
        "novel #2.txt",
        "1:30",
        "2024-02-30",
        "2024-02-03",
        "no",
        "0b_",
        "007",
        "1e5",
        "[a].txt",
        "a: b: ",
        "- x",
        "*.txt",
    ],
)
def test_a_text_is_taken_as_it_is_given(text: str) -> None:
    found = read_pairs([f"data={text}", f"prefix={text}", "learning_rate=1e-4", "bf16=no"], Seq2SeqSettings)
    assert found == {"data": text, "prefix": text, "learning_rate": 1e-4, "bf16": False}


@pytest.mark.parametrize(
    ("text", "read"), [("null", None), ("", None), ("~", None), ('"a #b "', "a #b "), ("'5'", "5")]
)
def test_a_text_may_be_none_or_in_quotation_marks(text: str, read: str | None) -> None:
    assert read_pairs([f"prefix={text}"], Seq2SeqSettings) == {"prefix": read}


@pytest.mark.parametrize("pairs", [["seed=1", "seed.x=2"], ["trainer=", "trainer.x=2"]])
def test_what_is_one_value_has_no_fields(pairs: list[str]) -> None:
    with pytest.raises(BadSettings, match=r"\.x=2' is no setting: \w+ is one value"):
        read_pairs(pairs)
    assert read_pairs(["trainer={y: 1}", "trainer.x=2"]) == {"trainer": {"y": 1, "x": 2}}


@pytest.mark.parametrize("pair", ["learning_rate", "=3", "x=[1", "data", "x=0b_", "x=2024-02-30"])
def test_pairs_that_are_none(pair: str) -> None:
    with pytest.raises(BadSettings, match=r"no setting|cannot be read"):
        read_pairs([pair])


@pytest.mark.parametrize("text", ["- a\n- b\n", "a: [", "", "only words", "\x00", "a: 2024-02-30"])
def test_files_that_hold_no_settings(tmp_path: Path, text: str) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(text, "utf-8")
    with pytest.raises(BadSettings, match=r"x\.yaml"):
        read_yaml(file)
    with pytest.raises(BadSettings, match="cannot be read"):
        read_yaml(tmp_path / "none.yaml")


@pytest.mark.parametrize("name", METHODS)
def test_every_method_has_its_parts(name: str) -> None:
    method = METHODS[name]
    given = {"reward_models": ["a-run"]} if name == "rlhf" else {}
    assert settings_from(method.settings_class(), {"data": "x", **given})
    assert callable(method.trainer())


CONFIGS = sorted((Path(finetune.__file__).parent / "configs").glob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_the_configs_that_come_with_it_are_right(path: Path) -> None:
    kind = METHODS[_method(path)].settings_class()
    given = {"reward_models": ["a-run"]} if path.stem == "rlhf" else {}
    settings_from(kind, read_yaml(path), {"data": "rows.jsonl", **given})


def test_every_method_has_a_config() -> None:
    assert set(map(_method, CONFIGS)) == set(METHODS)


def _method(config: Path) -> str:
    """The name of a config begins with its method's."""
    return max((name for name in METHODS if config.stem.startswith(name)), key=len)


def test_mistakes_of_every_part_are_told_before_the_loop_begins() -> None:
    given = {"rlhf": {"betta": 0.3}, "reward": {"max_length": 0}, "sft": {"packing": "perhaps"}}
    with pytest.raises(BadSettings) as told:
        settings_from(RLHFLoopSettings, {"data": "x", **given})
    for part in (
        "rlhf: there is no setting 'betta', did you mean beta",
        "reward: max_length must be above 0",
        "sft: packing:",
    ):
        assert part in told.value.message


@pytest.mark.parametrize("given", [{"finetuning_type": "full"}, {"rlhf": {"finetuning_type": "full"}}])
def test_a_loop_of_whole_models_is_refused_before_it_begins(given: dict[str, object]) -> None:
    with pytest.raises(BadSettings, match=r"finetuning_type can be lora, qlora, dora"):
        settings_from(RLHFLoopSettings, {"data": "x", **given})


@pytest.mark.parametrize("given", [{"bf16": False}, {"report_to": ["trackio"]}, {"trainer": {"seed": 1}}])
def test_what_the_loop_would_not_pass_on_is_refused(given: dict[str, object]) -> None:
    with pytest.raises(BadSettings, match=rf"{next(iter(given))} is for nothing here: each part has its own"):
        settings_from(RLHFLoopSettings, {"data": "x", **given})


def test_names_that_a_library_would_not_know() -> None:
    with pytest.raises(BadSettings, match=r"lr_scheduler_type can be linear, cosine.*, not foo"):
        settings_from(SFTSettings, {"data": "x", "lr_scheduler_type": "foo"})
    assert settings_from(SFTSettings, {"data": "x", "lr_scheduler_type": "constant"}).lr_scheduler_type == "constant"
    with pytest.raises(BadSettings, match=r"loss_type: Input should be 'sigmoid'"):
        settings_from(DPOSettings, {"data": "x", "loss_type": "foo"})
    with pytest.raises(BadSettings, match=r"exo_pair needs trainer\.label_smoothing"):
        settings_from(DPOSettings, {"data": "x", "loss_type": "exo_pair"})


def test_the_losses_are_those_of_the_trainer() -> None:
    from trl.trainer import dpo_trainer

    known = set(re.findall(r'loss_type == "(\w+)"', inspect.getsource(dpo_trainer)))
    assert set(get_args(Loss)) == known
