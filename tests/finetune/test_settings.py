"""Settings of a run: from YAML and the command line, wrong ones said together."""

from __future__ import annotations

from pathlib import Path

import pytest

import finetune
from assistant.errors import BadSettings
from finetune.methods import METHODS
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


def test_every_mistake_is_told_at_once() -> None:
    given = {"learningrate": 1, "lora_r": 0, "max_length": "long", "finetuning_type": "some"}
    with pytest.raises(BadSettings) as told:
        settings_from(SFTSettings, given)
    for part in ("'learningrate', did you mean learning_rate", "max_length: ", "finetuning_type: "):
        assert part in told.value.message
    with pytest.raises(BadSettings, match=r"data names no file; lora_r must be above 0.*warmup_ratio must be from 0"):
        settings_from(SFTSettings, {"lora_r": -1, "warmup_ratio": 2})


@pytest.mark.parametrize("pair", ["learning_rate", "=3", "x=[1", "data"])
def test_pairs_that_are_none(pair: str) -> None:
    with pytest.raises(BadSettings, match=r"no setting|cannot be read"):
        read_pairs([pair])


@pytest.mark.parametrize("text", ["- a\n- b\n", "a: [", "", "only words", "\x00"])
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
