"""Prompts that are read once: answers, probabilities and gradients are those of TRL's own way."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from accelerate import Accelerator
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, MistralConfig
from trl.trainer.grpo_trainer import GRPOTrainer
from trl.trainer.rloo_trainer import RLOOTrainer
from trl.trainer.utils import add_fused_lm_head

from finetune.prompts_once import PromptsOnce, read, shares, sharing

PROMPT, ANSWER = 6, 4


class Theirs:
    """What the trainers' method needs of a trainer."""

    _get_per_token_logps_and_entropies = RLOOTrainer._get_per_token_logps_and_entropies

    def __init__(self) -> None:
        self.accelerator = Accelerator(cpu=True)


class Ours(PromptsOnce, Theirs):
    """The same with prompts that are read once."""


@pytest.fixture
def model(tiny_decoder: Path) -> Any:
    torch.manual_seed(0)
    base: Any = AutoModelForCausalLM.from_pretrained(tiny_decoder)
    add_fused_lm_head(base, temperature=0.7, outputs=("log_probs", "entropy"))
    made = get_peft_model(base, LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM"))
    for name, weights in made.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weights, std=0.1)
    return made


@pytest.fixture
def batch() -> tuple[torch.Tensor, torch.Tensor]:
    """Three prompts of several lengths with four answers each, in any order, as a training step has them."""
    torch.manual_seed(1)
    prompts, answers = torch.randint(5, 60, (3, PROMPT)), torch.randint(5, 60, (12, ANSWER))
    mask = torch.ones(12, PROMPT + ANSWER, dtype=torch.long)
    order = torch.randperm(12)
    ids = torch.cat([prompts.repeat_interleave(4, 0), answers], 1)
    for row in range(12):
        mask[row, : (0, 2, 5)[row // 4]] = 0
        mask[row, PROMPT + 1 + row % 4 :] = 0
    return (ids * mask)[order], mask[order]


@pytest.mark.parametrize("size", [None, 5])
def test_probabilities_and_gradients_are_the_same(
    model: Any, batch: tuple[torch.Tensor, torch.Tensor], size: int | None
) -> None:
    found: dict[str, Any] = {}
    for name, trainer in (("theirs", Theirs()), ("ours", Ours())):
        model.zero_grad()
        logps, entropies, aux = trainer._get_per_token_logps_and_entropies(model, *batch, ANSWER, size, True)  # type: ignore[arg-type]
        (logps.sum() - 0.1 * entropies.sum()).backward()  # type: ignore[union-attr]
        gradients = [weights.grad.clone() for _, weights in model.named_parameters() if weights.grad is not None]
        found[name] = (logps, entropies, gradients)
        assert aux is None and logps.shape == (12, ANSWER)
    for theirs, ours in zip(found["theirs"][:2], found["ours"][:2], strict=True):
        assert torch.allclose(theirs, ours, atol=1e-5)
    assert len(found["ours"][2]) > 10
    for theirs, ours in zip(found["theirs"][2], found["ours"][2], strict=True):
        assert torch.allclose(theirs, ours, atol=1e-4) and theirs.abs().max() > 0


def test_a_prompt_is_read_once(model: Any, batch: tuple[torch.Tensor, torch.Tensor]) -> None:
    seen: list[torch.Size] = []
    model.base_model.model.model.register_forward_pre_hook(
        lambda _, given, named: seen.append(named["input_ids"].shape), with_kwargs=True
    )
    Ours()._get_per_token_logps_and_entropies(model, *batch, ANSWER)
    assert seen == [(3, PROMPT - 1), (12, ANSWER + 1)]


@pytest.mark.parametrize("sampled", [False, True])
def test_answers_are_the_same(model: Any, batch: tuple[torch.Tensor, torch.Tensor], sampled: bool) -> None:
    ids, mask = (each[:, :PROMPT] for each in batch)
    given = {"input_ids": ids, "attention_mask": mask, "max_new_tokens": 8, "do_sample": sampled, "pad_token_id": 0}
    model.eval()
    torch.manual_seed(2)
    theirs = model.generate(**given)
    with sharing(model), torch.no_grad():
        torch.manual_seed(2)
        ours = model.generate(**given)
    assert torch.equal(theirs, ours) and ours.shape[1] > PROMPT
    assert "generate" not in vars(model)


def test_keys_of_equal_rows_are_shared(model: Any) -> None:
    ids = torch.tensor([[7, 8, 9], [5, 6, 7], [7, 8, 9]])
    cache = read(model, ids, torch.ones_like(ids))
    assert torch.equal(cache.layers[0].keys[0], cache.layers[0].keys[2])
    assert not torch.equal(cache.layers[0].keys[0], cache.layers[0].keys[1])


def test_where_it_cannot_be_the_trainers_do_it_their_way(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert shares(model)
    model.base_model.model.gradient_checkpointing_enable()
    assert not shares(model)
    model.base_model.model.gradient_checkpointing_disable()
    windows = MistralConfig(num_hidden_layers=2, sliding_window=4)
    assert not shares(SimpleNamespace(config=windows, is_activation_checkpointing=False))
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert not shares(model)


def test_both_trainers_have_what_is_taken_over() -> None:
    import inspect

    for trainer in (RLOOTrainer, GRPOTrainer):
        names = list(inspect.signature(trainer._get_per_token_logps_and_entropies).parameters)
        wanted = list(inspect.signature(PromptsOnce._get_per_token_logps_and_entropies).parameters)[:-1]
        assert names[: len(wanted)] == wanted
        assert "generate(" in inspect.getsource(trainer._generate_single_turn)
