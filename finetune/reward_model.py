"""A trained reward model at work: conversations in, one number for each."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from assistant.catalogue import Family, ModelEntry
from assistant.engines.by_length import batches
from assistant.engines.quiet import silent_loading
from assistant.errors import BadSettings
from assistant.models import Models
from assistant.whole_files import read_object, write_whole
from finetune import bases
from finetune.masks import written

BATCH_TOKENS = 4096
LENGTH = "reward.json"
"""Beside the weights: {"max_length": tokens of a question and its answer that it has learnt to judge}."""
USUAL_LENGTH = 256
"""Of models that do not say."""


def sequence_classifier(entry: ModelEntry, seed: int = 0) -> tuple[Any, Any]:
    """(a model with a fresh head of one number, its tokeniser)."""
    import torch
    from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

    from finetune.mean_pooled import MeanPooledForSequenceClassification

    path = bases.folder(entry)
    tokenizer: Any = AutoTokenizer.from_pretrained(path, truncation_side="left")
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    config = AutoConfig.from_pretrained(path, num_labels=1)
    heads = {name for name in config.architectures or [] if name.endswith("ForSequenceClassification")}
    theirs = entry.family is Family.DECODER or heads - {MeanPooledForSequenceClassification.__name__}
    kind: Any = AutoModelForSequenceClassification if theirs else MeanPooledForSequenceClassification
    torch.manual_seed(seed)
    with silent_loading():  # that the head is new is no news
        model: Any = kind.from_pretrained(path, config=config, dtype=torch.float32)
    model.config.pad_token_id = tokenizer.pad_token_id
    return model, tokenizer


def encoded(turns: Sequence[Mapping[str, str]], tokenizer: Any, max_length: int) -> list[int]:
    """A conversation that ends with an answer, as tokens; a long one loses its beginning."""
    text = written({"messages": list(turns)}, tokenizer)[0]
    special = tokenizer.chat_template is None  # a template writes its own
    return tokenizer(text, add_special_tokens=special, truncation=True, max_length=max_length)["input_ids"]


def write_length(folder: Path, max_length: int) -> None:
    """Say beside a reward model how much of an answer it reads: judged at another length, it would be another judge."""
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / LENGTH, [json.dumps({"max_length": max_length})])


def require_judge(entry: ModelEntry) -> None:
    """Raises BadSettings for what gives no single number: a chat model would get a head that knows nothing."""
    folder = bases.located(entry)
    adapter, config = (read_object(folder / name) for name in ("adapter_config.json", "config.json"))
    labels = len(config.get("id2label") or {"0": ""} if adapter else config.get("id2label") or {})
    heads = ["Classification"] if adapter.get("task_type") == "SEQ_CLS" else config.get("architectures") or []
    if labels != 1 or not any("Classification" in head for head in heads):
        raise BadSettings(f"{entry.title} is no reward model.", hint="Train one: parley train reward data=pairs.jsonl")


class RewardModel:
    """What a run of `reward` left: a run's id, or a folder."""

    def __init__(self, name: str) -> None:
        """Raises UnknownModel, BadSettings where it is no reward model."""
        models = Models()
        entry = bases.find(models, name, Family.DECODER, Family.ENCODER)
        require_judge(entry)
        folder = Path(bases.located(entry))
        if entry.format == "adapter":
            from peft import PeftModel

            model, self._tokenizer = sequence_classifier(bases.whole(models, entry))
            with silent_loading():
                model = PeftModel.from_pretrained(model, str(folder))
        else:
            model, self._tokenizer = sequence_classifier(entry)
        self._model: Any = model.to(bases.accelerator()).eval()
        self._max_length = int(read_object(folder / LENGTH).get("max_length", USUAL_LENGTH))

    def __call__(self, conversations: Sequence[Sequence[Mapping[str, str]]]) -> list[float]:
        """A reward for the last answer of each."""
        rows = [encoded(turns, self._tokenizer, self._max_length) for turns in conversations]
        return rewards_of(rows, self._model, self._tokenizer.pad_token_id)


def rewards_of(rows: Sequence[Sequence[int]], model: Any, padding: int) -> list[float]:
    """The reward of each row of tokens."""
    import torch
    from torch.nn.utils.rnn import pad_sequence

    tensors = [torch.tensor(row) for row in rows]
    found = [0.0] * len(rows)
    for places in batches([len(row) for row in rows], BATCH_TOKENS):
        some = [tensors[place] for place in places]
        ids = pad_sequence(some, batch_first=True, padding_value=padding).to(model.device)
        mask = pad_sequence([torch.ones_like(row) for row in some], batch_first=True).to(model.device)
        with torch.inference_mode():
            logits = model(input_ids=ids, attention_mask=mask).logits
        for place, reward in zip(places, logits[:, 0].float().tolist(), strict=True):
            found[place] = reward
    return found


def standardise(model: Any, rewards: Sequence[float]) -> None:
    """Change the head so that answers with these rewards have a mean of 0 and a standard deviation of 1.

    Which of two answers is better stays as it is. A head without a bias keeps its mean.
    """
    import numpy as np

    from finetune.classifier_model import adjust_head

    spread = float(np.std(rewards))
    if spread > 0:
        adjust_head(model, spread, np.array([-float(np.mean(rewards)) / spread], np.float32))
