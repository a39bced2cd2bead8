"""Train a sequence-to-sequence model: a T5 from nothing, or any that goes on (Raffel et al. 2020, arXiv:1910.10683).

rows → batches of like length → an Accelerate loop → averaged weights. A killed run goes on from its last checkpoint as
if nothing had happened: the same batches, and on a CPU the same numbers. It has not run on a GPU yet.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from assistant.engines.by_length import batches
from assistant.errors import BadDataset, TrainingDiverged

IGNORED = -100


@dataclass(frozen=True)
class Row:
    """Tokens of a source, and of what it is to become."""

    source: list[int]
    target: list[int]

    @property
    def size(self) -> int:
        return max(len(self.source), len(self.target))


@dataclass(frozen=True)
class Seq2SeqConfig:
    """How a model is trained. Names that TrainingArguments has too mean the same here."""

    max_steps: int
    learning_rate: float = 3e-3
    """Of matrices: Muon's steps are as long as AdamW's (Liu et al. 2025, arXiv:2502.16982)."""
    embedding_learning_rate: float = 2e-2
    """Of embeddings, norms and biases: a T5's tables begin with values of about 1."""
    muon: bool = True
    """Matrices go by Muon (Jordan et al. 2024), the rest by AdamW; False: all by AdamW."""
    batch_tokens: int = 6000
    """Of the longer side, padding included."""
    warmup_steps: int = 200
    decay_ratio: float = 0.5
    """The share of the steps, at the end, in which the rate falls to nothing."""
    weight_decay: float = 0.0
    label_smoothing_factor: float = 0.1
    max_grad_norm: float = 1.0
    ema_decay: float = 0.998
    """Less in the first steps: `average`."""
    eval_steps: int = 500
    save_steps: int = 500
    logging_steps: int = 50
    seed: int = 0
    bf16: bool = False


def train_seq2seq(
    model: Any,
    rows: Callable[[int], Sequence[Row]],
    output: Path,
    config: Seq2SeqConfig,
    *,
    evaluate: Callable[[Any], dict[str, float]] = lambda _: {},
    on_log: Callable[[dict[str, float]], object] = lambda _: None,
) -> Any:
    """Train to the last step; the model with averaged weights, in evaluation mode. Its last checkpoint stays.

    rows: the epoch's number → its rows, the same for the same number. evaluate: hears the averaged model and gives
    figures. Raises BadDataset where there are no rows, TrainingDiverged.
    """
    from accelerate import Accelerator
    from torch.optim.swa_utils import AveragedModel

    torch.manual_seed(config.seed)
    accelerator = Accelerator(mixed_precision="bf16" if config.bf16 else "no")
    model = model.to(accelerator.device).train()
    averaged = AveragedModel(model, multi_avg_fn=partial(average, config.ema_decay))
    optimizers = optimizers_of(model, config)
    schedules = [torch.optim.lr_scheduler.LambdaLR(each, lambda step: rate(step, config)) for each in optimizers]
    kept = [model, averaged, *optimizers, *schedules]
    step, epoch, at = _resume(output, kept, accelerator.device, on_log)
    begun, tokens, losses = time.monotonic(), 0, list[Tensor]()
    while step < config.max_steps:
        for batch in order(rows(epoch), config, epoch)[at:]:
            inputs = {name: each.to(accelerator.device) for name, each in padded(batch, model.config).items()}
            with accelerator.autocast():
                loss = smoothed(model, inputs, config.label_smoothing_factor)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), config.max_grad_norm)
            for each in (*optimizers, *schedules):
                each.step()
            for each in optimizers:
                each.zero_grad(set_to_none=True)
            averaged.update_parameters(model)
            losses.append(loss.detach())
            tokens += sum(len(row.target) for row in batch)
            step, at = step + 1, at + 1
            last = step == config.max_steps
            saving = step % config.save_steps == 0 or last
            if step % config.logging_steps == 0 or saving:
                mean = float(torch.stack(losses).mean())
                if mean != mean:  # before it is saved: the last checkpoint stays one to go on from
                    raise TrainingDiverged("The loss is not a number any more.", hint="Try a lower learning_rate.")
                seconds = time.monotonic() - begun
                on_log({"step": step, "epoch": epoch, "loss": mean, "target_tokens_per_second": tokens / seconds})
                begun, tokens, losses = time.monotonic(), 0, []
            if step % config.eval_steps == 0 or last:
                on_log({"step": step, **evaluate(averaged.module.eval())})
                begun = time.monotonic()
            if saving:
                _save(output, kept, step, epoch, at)
            if last:
                break
        else:
            epoch, at = epoch + 1, 0
    return averaged.module.eval()


def optimizers_of(model: Any, config: Seq2SeqConfig) -> list[torch.optim.Optimizer]:
    """AdamW for embeddings, norms and biases, Muon for the matrices between them where the config says so."""
    tables = {id(each.weight) for each in model.modules() if isinstance(each, torch.nn.Embedding)}
    tables.add(id(model.get_output_embeddings().weight))
    weights = [each for each in model.parameters() if each.requires_grad]
    matrices = [each for each in weights if each.ndim == 2 and id(each) not in tables]
    chosen = {id(each) for each in matrices}
    groups = [{"params": [each for each in weights if id(each) not in chosen], "lr": config.embedding_learning_rate}]
    decay = config.weight_decay
    if config.muon and matrices:
        muon = torch.optim.Muon(matrices, config.learning_rate, decay, adjust_lr_fn="match_rms_adamw")
    else:
        groups.append({"params": matrices, "lr": config.learning_rate})
        muon = None
    adam = torch.optim.AdamW(groups, betas=(0.9, 0.98), weight_decay=decay, fused=True)
    return [adam, muon] if muon else [adam]


def rate(step: int, config: Seq2SeqConfig) -> float:
    """Share of the learning rate at a step: up in a line, level, down in a line to 0."""
    left = (config.max_steps - step) / max(1, config.decay_ratio * config.max_steps)
    return min(1.0, (step + 1) / max(1, config.warmup_steps), left)


@torch.no_grad()
def average(decay: float, averaged: Sequence[Tensor], current: Sequence[Tensor], count: Tensor | int) -> None:
    """Move the average towards the weights of now: further in the first steps, or it would hold those of the start."""
    kept = min(decay, (1 + int(count)) / (10 + int(count)))
    for each, now in zip(averaged, current, strict=True):
        each.lerp_(now, 1 - kept)


def order(rows: Sequence[Row], config: Seq2SeqConfig, epoch: int) -> list[list[Row]]:
    """The epoch's batches: rows of like length together, drawn anew for each epoch. Raises BadDataset."""
    if not rows:
        raise BadDataset("There are no rows to train on.", hint="Check the data file.")
    draw = random.Random(f"{config.seed} {epoch}")  # noqa: S311 - the same each time
    shuffled = draw.sample(rows, len(rows))
    found = [[shuffled[n] for n in each] for each in batches([r.size for r in shuffled], config.batch_tokens, 2**20)]
    draw.shuffle(found)
    return found


def padded(rows: Sequence[Row], settings: Any) -> dict[str, Tensor]:
    """A batch: input_ids and attention_mask (row, source token), decoder_input_ids and labels (row, target token)."""
    start = settings.decoder_start_token_id if settings.decoder_start_token_id is not None else settings.pad_token_id
    shifted = [[start, *row.target[:-1]] for row in rows]
    return {
        "input_ids": _filled([row.source for row in rows], settings.pad_token_id),
        "attention_mask": _filled([[1] * len(row.source) for row in rows], 0),
        "decoder_input_ids": _filled(shifted, settings.pad_token_id),
        "labels": _filled([row.target for row in rows], IGNORED),
    }


def _filled(rows: Sequence[Sequence[int]], padding: int) -> Tensor:
    return pad_sequence([torch.tensor(row) for row in rows], batch_first=True, padding_value=padding)


def smoothed(model: Any, inputs: dict[str, Tensor], smoothing: float) -> Tensor:
    """Cross-entropy with label smoothing (Szegedy et al. 2016, arXiv:1512.00567), averaged over target tokens."""
    labels = inputs["labels"]
    given = {name: each for name, each in inputs.items() if name != "labels"}
    there = labels != IGNORED  # (row, token)
    head = model.get_output_embeddings()
    if hasattr(model, "final_logits_bias"):  # BART adds it after the head
        logits = model(**given, use_cache=False).logits[there]
    else:
        head.forward = _as_it_is  # (row, token, width): picked before they are as wide as the vocabulary
        try:
            states = model(**given, use_cache=False).logits[there]
        finally:
            del head.forward
        logits = head(states)
    return F.cross_entropy(logits.float(), labels[there], label_smoothing=smoothing)


def _as_it_is(states: Tensor) -> Tensor:
    return states


def checkpoint(output: Path) -> Path:
    """Where a run keeps what it needs to go on."""
    return output.with_name(f"{output.name}.checkpoint.pt")


def _save(output: Path, kept: Sequence[Any], step: int, epoch: int, at: int) -> None:
    output.parent.mkdir(parents=True, exist_ok=True)
    beside = output.with_name(f"{output.name}.checkpoint.writing")
    state = {"kept": [each.state_dict() for each in kept], "place": (step, epoch, at), "random": torch.get_rng_state()}
    torch.save(state, beside)
    beside.replace(checkpoint(output))


def _resume(
    output: Path, kept: Sequence[Any], device: torch.device, on_log: Callable[[dict[str, float]], object]
) -> tuple[int, int, int]:
    """(step, epoch, batch of it) to go on from."""
    if not checkpoint(output).exists():
        return 0, 0, 0
    state = torch.load(checkpoint(output), map_location=device, weights_only=True)
    for each, values in zip(kept, state["kept"], strict=True):
        each.load_state_dict(values)
    torch.set_rng_state(state["random"].cpu())
    step, epoch, at = state["place"]
    on_log({"step": step, "epoch": epoch, "resumed": 1})
    return step, epoch, at
