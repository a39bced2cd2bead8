"""Two policies on the same questions: answers, the rewards of judges, how far one has gone from the other, and whether
the difference is more than chance."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from assistant.catalogue import Family
from assistant.engines.by_length import batches
from assistant.engines.loading import end_tokens
from assistant.engines.prompts import prompt_tokens
from assistant.models import Models
from assistant.whole_files import write_whole
from finetune import bases
from finetune.reward_model import RewardModel
from finetune.settings import Settings
from finetune.turns import as_messages

BATCH_TOKENS = 4096
RESAMPLES = 10_000
Turns = list[Mapping[str, str]]


def compared(
    models: Models,
    before: Path,
    after: Path,
    prompts: Sequence[Turns],
    judges: Sequence[Path],
    output: Path,
    *,
    length: int,
    seed: int = 0,
) -> dict[str, float]:
    """Figures of an adapter after training beside the one before. judges: the one that was trained with, then others.

    length: tokens of an answer. Answers and rewards go to `output`, a JSON line a question.

    reward_before, reward_after, effect (the mean rise, in standard deviations of the rewards before), its 95 % interval
    effect_low to effect_high, each also for the second judge with `check_` in front; kl (nats a sequence).
    """
    policy = Policy(models, before, after)
    tokens = {name: policy.answers(prompts, name, length, seed) for name in ("before", "after")}
    found: dict[str, float] = {"prompts": len(prompts), "kl": policy.divergence(prompts, tokens["after"])}
    said = {name: policy.texts(each) for name, each in tokens.items()}
    lines: list[dict[str, Any]] = [
        {"asked": turns[-1]["content"], **{name: said[name][place] for name in said}}
        for place, turns in enumerate(prompts)
    ]
    for prefix, folder in zip(("", "check_"), judges, strict=False):
        judge = RewardModel(str(folder))
        rewards = {
            name: judge(
                [[*turns, {"role": "assistant", "content": text}] for turns, text in zip(prompts, texts, strict=True)]
            )
            for name, texts in said.items()
        }
        for name, values in rewards.items():
            found[f"{prefix}reward_{name}"] = float(np.mean(values))
            for line, value in zip(lines, values, strict=True):
                line[f"{prefix}reward_{name}"] = round(value, 4)
        effect, low, high = rise(rewards["before"], rewards["after"], seed)
        found |= {f"{prefix}effect": effect, f"{prefix}effect_low": low, f"{prefix}effect_high": high}
    write_whole(output, (json.dumps(line) + "\n" for line in lines))
    return found


def rise(before: Sequence[float], after: Sequence[float], seed: int = 0) -> tuple[float, float, float]:
    """(mean rise, the ends of its 95 % interval), in standard deviations of `before`; by a paired bootstrap."""
    differences = np.asarray(after) - np.asarray(before)
    spread = float(np.std(before, ddof=1)) or 1.0
    draws = np.random.default_rng(seed).integers(0, len(differences), (RESAMPLES, len(differences)))
    means = differences[draws].mean(1) / spread
    low, high = np.quantile(means, (0.025, 0.975))
    return float(differences.mean() / spread), float(low), float(high)


class Policy:
    """One base with two adapters, "before" and "after"."""

    def __init__(self, models: Models, before: Path, after: Path) -> None:
        entry = bases.find(models, str(before), Family.DECODER)
        self._model, self._tokenizer = bases.generator(entry, Settings(), models.machine)
        self._model.load_adapter(str(after), adapter_name="after")
        self._model.eval()
        self._model.config.use_cache = True
        self._model.to(bases.accelerator())
        self._tokenizer.padding_side = "left"
        self._ends = end_tokens(self._model, self._tokenizer)

    def _use(self, name: str) -> None:
        self._model.set_adapter("default" if name == "before" else name)

    def _encoded(self, turns: Turns) -> list[int]:
        return prompt_tokens(self._tokenizer, as_messages(turns))

    def answers(self, prompts: Sequence[Turns], name: str, length: int, seed: int) -> list[list[int]]:
        """Tokens of one drawn answer each, at temperature 1: what the policy is, not its best word."""
        import torch

        self._use(name)
        torch.manual_seed(seed)
        rows = [self._encoded(turns) for turns in prompts]
        said: list[list[int]] = [[] for _ in rows]
        for places in batches([len(row) + length for row in rows], BATCH_TOKENS):
            padded = self._tokenizer.pad({"input_ids": [rows[place] for place in places]}, return_tensors="pt")
            padded = padded.to(self._model.device)
            with torch.inference_mode():
                tokens = self._model.generate(
                    **padded, max_new_tokens=length, do_sample=True, temperature=1.0, top_k=0, top_p=1.0
                )
            for place, drawn in zip(places, tokens[:, padded["input_ids"].shape[1] :].tolist(), strict=True):
                end = next((n for n, token in enumerate(drawn, 1) if token in self._ends), len(drawn))
                said[place] = drawn[:end]
        return said

    def texts(self, said: Sequence[Sequence[int]]) -> list[str]:
        return self._tokenizer.batch_decode(said, skip_special_tokens=True)

    def divergence(self, prompts: Sequence[Turns], said: Sequence[Sequence[int]]) -> float:
        """KL(after ‖ before) of a whole answer in nats: the mean, over answers that `after` has drawn, of the sum over
        their tokens of the exact divergence of the next token (Amini et al. 2025, arXiv:2504.10637)."""
        import torch

        found: list[float] = []
        for turns, answer in zip(prompts, said, strict=True):
            prompt = self._encoded(turns)
            ids = torch.tensor([[*prompt, *answer]], device=self._model.device)
            logs: list[Any] = []  # (token, vocabulary) each
            for name in ("after", "before"):
                self._use(name)
                with torch.inference_mode():
                    logits = self._model(input_ids=ids, logits_to_keep=len(answer) + 1).logits[0, :-1]
                    logs.append(logits.float().log_softmax(-1))
            found.append(float((logs[0].exp() * (logs[0] - logs[1])).sum()))
        return float(np.mean(found))
