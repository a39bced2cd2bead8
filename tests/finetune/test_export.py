"""What was trained leaves as files: they answer as the model that was trained, or they do not leave."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from assistant.engines.protocol import Capability, TokenProbability
from assistant.errors import BadSettings, EngineFailed
from assistant.models import Models
from assistant.run import Run, State
from assistant.runs import Runs
from assistant.tuned import ADAPTER_GGUF, write_about
from assistant.weights.gguf_files import read_gguf_header
from finetune import bases, gguf_export, parity
from finetune.export import FEW_BITS, ROUNDED, SAME, export, give_adapter
from finetune.methods import create
from finetune.parity import Tolerance
from finetune.settings import settings_from
from finetune.sft import SFTSettings
from tests.assistant.embedded import embedded
from tests.finetune.doing import do

SMALL = "smollm2-135m-instruct"
SURE = (
    "Count from 1 to 20.",
    "Repeat this: one two three four five six seven eight nine ten.",
    "Write the alphabet.",
    "List the days of the week.",
    "List the months of the year.",
    "Repeat this: red, green, blue, red, green, blue, red, green, blue.",
)
"""Prompts that leave little doubt about the next word: where there is some, either way of rounding may be right."""


def adapter_on(name: str, folder: Path, **changes: Any) -> Path:
    """An adapter of random numbers that changes what the model says, and does not ruin it."""
    import torch
    from peft import LoraConfig, TaskType, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer

    entry = Models().find(name)
    path = bases.folder(entry)  # pyright: ignore[reportArgumentType]
    model: Any = AutoModelForCausalLM.from_pretrained(path)
    targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    config = LoraConfig(task_type=TaskType.CAUSAL_LM, r=4, lora_alpha=8, target_modules=targets, **changes)
    model = get_peft_model(model, config)
    draw = torch.Generator().manual_seed(0)
    for parameter_name, weights in model.named_parameters():
        if "lora_B" in parameter_name:
            weights.data.normal_(0, 0.06, generator=draw)
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(path).save_pretrained(folder)
    write_about(folder, name)
    return folder


@pytest.mark.slow  # nearly two minutes; tests/browser/test_train.py exports one form
@pytest.mark.model
def test_every_form_answers_as_the_model_that_was_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parity, "TOKENS", 8)
    base, gguf = embedded(SMALL)
    tuned = adapter_on(SMALL, tmp_path / "tuned")
    models = Models()
    assert models.explain(str(tuned)).engine == "transformers"
    give_adapter(tuned, base)
    assert models.explain(str(tuned)).engine == "llamacpp"
    assert models.explain(str(tuned), capability=Capability.SCORE).engine == "transformers"

    full, quick = (
        models.engine(str(tuned), engine="transformers", capability=Capability.SCORE),
        models.engine(str(tuned)),
    )
    ones = parity.answers(full, SURE)
    through_llamacpp = parity.compared(ones, parity.answers(quick, SURE), same_template=True)
    assert through_llamacpp.mean_difference < 0.2 and through_llamacpp.agreement > 0.9, through_llamacpp
    without = parity.compared(ones, parity.answers(models.engine(SMALL), SURE), same_template=True)
    assert without.mean_difference > 2 * through_llamacpp.mean_difference, "the adapter changes nothing"

    for form, kind in (("adapter", "q8_0"), ("merged", "q8_0"), ("gguf", "f16")):
        done = export(models, str(tuned), form, tmp_path / f"{form}-{kind}", type=kind, check=form != "adapter")
        assert done.parity is None or (done.parity.same_template and done.parity.agreement > 0.85), (form, done)
        assert done.bytes > 1e6
    assert (tmp_path / "adapter-q8_0" / ADAPTER_GGUF).is_file()
    assert Models().explain(str(tmp_path / "adapter-q8_0")).engine == "llamacpp"
    header, of_base = read_gguf_header(tmp_path / "gguf-f16"), read_gguf_header(gguf)
    assert header.parameters == of_base.parameters and header.metadata["general.file_type"] == 1
    with pytest.raises(BadSettings, match="there already"):
        export(models, str(tuned), "merged", tmp_path / "merged-q8_0")

    monkeypatch.setattr(gguf_export, "_arranging", lambda _: lambda _, weights: weights)  # RoPE in the wrong order
    with pytest.raises(EngineFailed, match="answers otherwise"):
        export(models, str(tuned), "gguf", tmp_path / "wrong.gguf")
    from safetensors.torch import load_file, save_file

    path = tuned / "adapter_model.safetensors"  # as QLoRA keeps it
    save_file({name: weights.bfloat16() for name, weights in load_file(path).items()}, path)
    (tuned / ADAPTER_GGUF).unlink()
    give_adapter(tuned, base)
    assert (tuned / ADAPTER_GGUF).is_file()
    assert not list(tmp_path.glob("*wrong*")) and not list(tmp_path.glob(".*"))


def test_what_llamacpp_has_no_adapters_of_is_refused(tmp_path: Path) -> None:
    for name, value in {"use_dora": True, "rank_pattern": {"q_proj": 8}, "modules_to_save": ["lm_head"]}.items():
        config = {"peft_type": "LORA", "r": 4, "lora_alpha": 8, name: value}
        (tmp_path / "adapter_config.json").write_text(json.dumps(config))
        with pytest.raises(BadSettings, match=name):
            gguf_export.adapter_to_gguf(tmp_path, tmp_path / "none.gguf")


def test_a_base_that_is_no_gguf_needs_the_converter(tiny_decoder: Path, tmp_path: Path) -> None:
    tuned = adapter_on(str(tiny_decoder), tmp_path / "tuned")
    with pytest.raises(BadSettings, match="converter"):
        export(Models(), str(tuned), "gguf", tmp_path / "out.gguf")
    script = tmp_path / "convert.py"
    script.write_text(
        "import sys, pathlib\nfolder, out = sys.argv[1], sys.argv[sys.argv.index('--outfile') + 1]\n"
        "assert (pathlib.Path(folder) / 'model.safetensors').is_file()\n"
        "sys.exit('no such architecture') if 'bf16' in sys.argv else pathlib.Path(out).write_bytes(b'GGUF')\n"
    )
    models = Models()
    done = export(models, str(tuned), "gguf", tmp_path / "out.gguf", converter=script, check=False)
    assert done.path.read_bytes() == b"GGUF"
    with pytest.raises(EngineFailed, match="no such architecture"):
        export(models, str(tuned), "gguf", tmp_path / "two.gguf", type="bf16", converter=script, check=False)
    assert not (tmp_path / "two.gguf").exists()
    merged = export(models, str(tuned), "merged", tmp_path / "merged")
    assert merged.parity is not None and merged.parity.agreement == 1
    for wrong, said in (("q9", "no type"), ("merged", "whole model already")):
        with pytest.raises(BadSettings, match=said):
            name = str(tuned if wrong == "q9" else tmp_path / "merged")
            export(models, name, "merged", tmp_path / "x", type=wrong if wrong == "q9" else "f16")


def said(*words: tuple[str, float]) -> list[TokenProbability]:
    return [TokenProbability(text, value, ((text, value), ("rare", -9.0))) for text, value in words]


def test_answers_are_compared_word_by_word_until_they_part() -> None:
    found = parity.compared(
        [said(("a", -0.1), ("b", -0.5), ("c", -0.2))], [said(("a", -0.2), ("x", -0.5), ("c", -9))], same_template=True
    )
    assert (found.tokens, found.agreement) == (2, 0.5)
    assert found.difference == pytest.approx(8.5), "b is no likelier than the rarest that the other names"
    assert found.mean_difference == pytest.approx((0.1 + 8.5) / 2)


def test_how_engines_write_a_token_is_no_difference() -> None:
    ones = [TokenProbability("Red", -0.1, (("Red", -0.1), ("", -2.5))), *said(("\N{REPLACEMENT CHARACTER}", -0.1))]
    found = parity.compared([ones], [said((" Red", -0.1), ("", -0.1))], same_template=True)
    assert (found.tokens, found.agreement, found.difference) == (2, 1.0, 0.0)


@pytest.mark.parametrize("tolerance", [SAME, ROUNDED, FEW_BITS])
def test_what_says_nothing_is_another_model(tolerance: Tolerance) -> None:
    ones = [said(("a", -0.1)), said(("b", -0.1))]
    for others in ([[], []], [said(("\N{REPLACEMENT CHARACTER}", -0.1))] * 2, [said(("x", -0.1))] * 2):
        assert parity.compared(ones, others, same_template=True).beyond(tolerance)
    broken_off = parity.compared([said(("a", -0.1), ("b", -0.1))], [said(("a", -0.1))], same_template=True)
    assert (broken_off.tokens, broken_off.agreement) == (2, 0.5)
    nothing = parity.compared([[]], [[]], same_template=True)
    assert nothing.beyond(tolerance) == "none of its words can be compared"


@pytest.mark.parametrize(
    ("changes", "allowed"),
    [
        ({}, True),
        ({"mean_difference": 0.3}, False),
        ({"difference": 1.6}, False),
        ({"agreement": 0.5}, False),
        ({"same_template": False}, False),
    ],
)
def test_the_mean_the_largest_difference_and_the_words_are_judged(changes: dict[str, Any], allowed: bool) -> None:
    found = replace(parity.Parity(40, 0.9, 0.6, 0.1, same_template=True), **changes)
    assert (found.beyond(ROUNDED) == "") is allowed


def test_an_export_that_ends_at_once_is_not_left(
    tiny_decoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from finetune import export as exporting

    mute = SimpleNamespace(generate=lambda *_, **__: iter(()), close=lambda: None)
    monkeypatch.setattr(exporting, "_opened", lambda *_: mute)
    tuned = adapter_on(str(tiny_decoder), tmp_path / "tuned")
    mute.template_hash = Models().engine(str(tuned), engine="transformers", capability=Capability.SCORE).template_hash
    with pytest.raises(EngineFailed, match="none of its words can be compared"):
        export(Models(), str(tuned), "merged", tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


@pytest.mark.slow
@pytest.mark.model
@pytest.mark.timeout(600)
def test_a_run_leaves_no_adapter_that_answers_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tuned = adapter_on(SMALL, tmp_path / "tuned")
    rows = tmp_path / "rows.jsonl"
    rows.write_text("".join(json.dumps({"prompt": f"q {n}", "completion": f"a {n}"}) + "\n" for n in range(4)))
    given = {"model": str(tuned), "data": str(rows), "max_steps": 1, "learning_rate": 1e-9, "max_length": 96}

    def run() -> Run:
        return do(create(Runs(), "sft", settings_from(SFTSettings, given)))

    right = run()
    assert right.status().message == "" and (right.model / ADAPTER_GGUF).is_file(), right.status()
    monkeypatch.setattr(gguf_export, "_arranging", lambda _: lambda _, weights: 4 * weights)  # 16 times as strong
    wrong = run()
    assert wrong.status().state is State.FINISHED and not (wrong.model / ADAPTER_GGUF).exists()
    assert wrong.status().message.startswith("The adapter for llama.cpp was left out: "), wrong.status()
    assert Models().explain(wrong.id).engine == "transformers"


def test_the_card_says_what_was_done(tiny_decoder: Path, tmp_path: Path) -> None:
    from huggingface_hub import ModelCard

    rows = tmp_path / "rows.jsonl"
    rows.write_text("".join(json.dumps({"prompt": f"q {n}", "completion": f"a {n}"}) + "\n" for n in range(30)))
    given = {"model": str(tiny_decoder), "data": str(rows), "max_steps": 2, "lora_r": 4}
    run = create(Runs(), "sft", settings_from(SFTSettings, given), title="Answers | to *questions*")
    do(run)
    card = ModelCard.load(run.model / "README.md")
    assert card.data.to_dict()["library_name"] == "peft" and card.data.to_dict()["tags"] == ["parley", "sft"]
    (result, *_) = card.data.eval_results or []
    assert result.metric_type == "eval_loss" and np.isfinite(result.metric_value)
    assert "| lora_r | 4 |" in card.content and "rows to train on" in card.content
    assert str(tmp_path) not in card.content, "it names places of this machine"
