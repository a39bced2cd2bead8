"""A classifier of one's own: texts under the labels of a file, by an encoder with a new head.

rows → tokens → transformers' Trainer: the head alone, LoRA (arXiv:2106.09685) or every weight → probabilities that mean
what they say (calibration.py) → what is taken for what, and the rows that look wrongly labelled (report.json).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from assistant.catalogue import Family
from assistant.errors import BadDataset
from assistant.run_worker import Worker
from assistant.whole_files import write_whole
from finetune import bases
from finetune.calibration import fit_temperature
from finetune.classifier_report import report
from finetune.settings import Settings
from finetune.training import Job

LEARNING_RATE = 1e-3
"""Of an adapter."""
HEAD_FACTOR = 5
"""A head alone takes so many times that."""
REPORT = "report.json"


@dataclass(frozen=True, kw_only=True)
class ClassifierSettings(Settings):
    """What a classifier has besides."""

    tunings: ClassVar[tuple[str, ...]] = ("head", "lora", "dora", "full")
    most_tested: ClassVar[int] = 1000
    model: str = "all-minilm-l6-v2"
    num_train_epochs: float = 12.0
    per_device_train_batch_size: int = 32
    lora_r: int = 32
    lora_alpha: int = 64
    max_length: int = 128
    """Tokens; of a longer text the beginning is read."""
    label_smoothing: float = 0.1
    """Of labels that are sometimes wrong: so much of each is shared by all (Szegedy et al. 2016, arXiv:1512.00567)."""
    merge_labels: bool = False
    """Labels that differ in capitals, signs or a plural's s are one, called as most rows have it."""

    def problems(self) -> list[str]:
        found = super().problems()
        if not 0 <= self.label_smoothing < 1:
            found.append(f"label_smoothing must be from 0 to below 1, not {self.label_smoothing}")
        return found


def train(settings: ClassifierSettings, worker: Worker) -> None:
    """Do a run. Raises BadDataset, BadSettings, ModelNotAvailable, TrainingDiverged."""
    from transformers import AutoTokenizer, Trainer, TrainingArguments, set_seed

    from finetune.classifier_model import accuracy, adjust_head, classifier, soft_cross_entropy, with_adapter
    from finetune.classifier_rows import Padded, Row, Rows

    job = Job.begin(settings, worker, "classifier", Family.ENCODER)
    names = job.rows.report.spellings if settings.merge_labels else {}
    labels = tuple(sorted({names.get(row["label"], row["label"]) for row in (*job.rows.train, *job.rows.test)}))
    if len(labels) < 2:
        raise BadDataset(f"Every row has the label {', '.join(labels)!r}.", hint="Two labels are needed, or more.")

    def targets(rows: Sequence[Mapping[str, Any]], smoothing: float) -> list[Row]:
        rest = smoothing / len(labels)
        numbers = [labels.index(names.get(row["label"], row["label"])) for row in rows]
        table = np.full((len(rows), len(labels)), rest)
        table[range(len(rows)), numbers] += 1 - smoothing
        return [Row(row["text"], tuple(target)) for row, target in zip(rows, table.tolist(), strict=True)]

    path = bases.folder(job.entry)
    tokenizer: Any = AutoTokenizer.from_pretrained(path)
    set_seed(settings.seed)
    model = classifier(path, labels)
    architecture, rate = type(model).__name__, LEARNING_RATE
    if settings.finetuning_type == "head":
        rate *= HEAD_FACTOR
        only_the_head(model)
    elif (adapter := bases.adapter(settings, job.entry, "SEQ_CLS", model)) is not None:
        model = with_adapter(model, adapter)
    learnt = Rows(targets(job.rows.train, settings.label_smoothing), tokenizer, settings.max_length)
    tested = Rows(targets(job.rows.test, 0.0), tokenizer, settings.max_length)
    own: dict[str, Any] = {"per_device_eval_batch_size": 64, "label_names": ["labels"], "remove_unused_columns": False}
    own["include_num_input_tokens_seen"] = "non_padding"
    trainer: Any = Trainer(
        model=model,
        args=job.arguments(TrainingArguments, rows=len(learnt), rate=rate, tested=len(tested) > 0, **own),
        train_dataset=learnt,
        eval_dataset=tested if len(tested) else None,
        data_collator=Padded(tokenizer),
        compute_loss_func=soft_cross_entropy,
        compute_metrics=accuracy,
    )
    figures: dict[str, float] = {}

    def settle() -> None:
        """Calibrate the head and write what the held-out rows say."""
        if len(tested):
            worker.tell(doing="measuring")
            trainer.args.train_sampling_strategy = "random"  # by length, predictions would not be in the rows' order
            predicted = trainer.predict(tested)
            temperature = fit_temperature(predicted.predictions, predicted.label_ids)
            adjust_head(trainer.model, temperature)
            said = report(predicted.predictions / temperature, predicted.label_ids, labels, job.rows.test)
            figures.update(said.pop("figures"))
            write_whole(worker.run.folder / REPORT, [json.dumps(said, ensure_ascii=False)])
        config = trainer.accelerator.unwrap_model(trainer.model).config
        config.architectures = [architecture]
        config.save_pretrained(worker.run.model)  # an adapter's own file does not name the labels

    job.go(trainer, tokenizer, lambda: figures, settle=settle)


def only_the_head(model: Any) -> None:
    """Leave the encoder as it is; its pooler, which makes one vector of a text's many, belongs to the head."""
    for name, weights in model.base_model.named_parameters():
        weights.requires_grad = "pooler" in name.split(".")
