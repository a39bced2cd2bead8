"""Reinforcement learning that reads each prompt once, not once for each of its answers.

TRL's RLOO and GRPO trainers repeat a prompt as often as it has answers, when they generate as well as in each of three
passes over prompts and answers (the policy's probabilities, the reference's, the gradient's). Here what comes before an
answer is read once and its keys and values are shared by all answers to it. Everything that is computed is the same but
for the order of sums; with prompts twice as long as the answers and four answers each it is half the work.

Where that cannot be (pictures, several processes, gradient checkpointing, caches that are not plain), TRL's own way is
taken.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor

from finetune.launching import world


class PromptsOnce:
    """Before a trainer class of TRL's: `class Trainer(PromptsOnce, RLOOTrainer)`."""

    def _get_per_token_logps_and_entropies(
        self,
        model: Any,
        input_ids: Tensor,
        attention_mask: Tensor,
        logits_to_keep: int,
        batch_size: int | None = None,
        compute_entropy: bool = False,
        compute_aux_loss: bool = False,
        **pictures: Any,
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """(log-probabilities (row, logits_to_keep) of each answer's tokens, entropies of the same shape or None, None).

        input_ids, attention_mask: (row, token), prompts padded on the left, answers on the right.
        """
        trainer: Any = self
        own: Any = super()
        plain = not compute_aux_loss and all(value is None for value in pictures.values())
        if not (plain and shares(trainer.accelerator.unwrap_model(model))):
            return own._get_per_token_logps_and_entropies(
                model,
                input_ids,
                attention_mask,
                logits_to_keep,
                batch_size,
                compute_entropy,
                compute_aux_loss,
                **pictures,
            )
        size = batch_size or len(input_ids)
        logps: list[Tensor] = []
        entropies: list[Tensor] = []
        for at in range(0, len(input_ids), size):
            ids, mask = input_ids[at : at + size], attention_mask[at : at + size]
            before = ids.shape[1] - logits_to_keep - 1  # the last token of a prompt foretells the first of an answer
            with trainer.accelerator.autocast():
                cache = read(model, ids[:, :before], mask[:, :before])
                labels = ids[:, before:].masked_fill(mask[:, before:] == 0, -100)
                labels[:, 0] = -100
                said = model(
                    input_ids=ids[:, before:],
                    attention_mask=mask,
                    past_key_values=cache,
                    labels=labels,
                    fused_lm_head=True,
                )
            logps.append(said.log_probs)
            if compute_entropy:
                entropies.append(said.entropy)
        return torch.cat(logps), torch.cat(entropies) if compute_entropy else None, None

    def _generate_single_turn(self, *given: Any, **more: Any) -> Any:
        trainer: Any = self
        own: Any = super()
        model = trainer.accelerator.unwrap_model(trainer.model)
        # Under autocast, as every other pass: what is drawn is what is scored.
        with sharing(model) if shares(model) else nullcontext(), trainer.accelerator.autocast():
            return own._generate_single_turn(*given, **more)


def shares(model: Any) -> bool:
    """Whether prompts can be read once for this model, here."""
    from transformers.cache_utils import DynamicCache, DynamicLayer

    names = ("is_activation_checkpointing", "is_gradient_checkpointing")  # transformers' newer name, and its older one
    checkpointing = next((name for name in names if hasattr(model, name)), "")
    if world()[1] > 1 or (checkpointing and getattr(model, checkpointing)):
        return False
    kinds = {type(layer) for layer in DynamicCache(config=model.config).layers}
    return kinds <= {DynamicLayer}  # no windows, no states


def read(model: Any, ids: Tensor, mask: Tensor, *, padding_counts: bool = True) -> Any:
    """Keys and values of each row, those of equal rows computed once. ids, mask: (row, token).

    padding_counts: whether positions begin at the padding, as in the trainers' passes, or behind it, as in `generate`.
    """
    rows, which = torch.unique(torch.stack([ids, mask], -1), dim=0, return_inverse=True)
    given = {"input_ids": rows[..., 0], "attention_mask": rows[..., 1], "use_cache": True, "logits_to_keep": 1}
    if not padding_counts:
        given["position_ids"] = (rows[..., 1].cumsum(-1) - 1).clamp(min=0)
    cache = model(**given).past_key_values
    cache.batch_select_indices(which)
    return cache


@contextmanager
def sharing(model: Any) -> Generator[None]:
    """For the time of the block, `model.generate` reads equal prompts once."""
    own = model.generate

    def generate(*, input_ids: Tensor, attention_mask: Tensor, **more: Any) -> Any:
        if input_ids.shape[1] < 2:
            return own(input_ids=input_ids, attention_mask=attention_mask, **more)
        cache = read(model, input_ids[:, :-1], attention_mask[:, :-1], padding_counts=False)
        return own(input_ids=input_ids, attention_mask=attention_mask, past_key_values=cache, **more)

    model.generate = generate
    try:
        yield
    finally:
        del model.generate
