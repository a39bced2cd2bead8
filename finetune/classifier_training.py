"""Train a classifier on what a teacher thinks of each text: a LoRA adapter and a head on an encoder (Hu et al. 2021,
arXiv:2106.09685); classifier.py is the method for plain labels.

config → rows → transformers' Trainer with PEFT → calibrated adapter. The folder that comes out is PEFT's own format:
`AutoPeftModelForSequenceClassification.from_pretrained` reads it as well as Parley does.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from assistant.errors import BadDataset, TrainingDiverged
from finetune.calibration import expected_calibration_error, fit_temperature
from finetune.classifier_model import accuracy, adjust_head, classifier, soft_cross_entropy, with_adapter
from finetune.classifier_rows import Padded, Row, Rows

Calibrate = Callable[[np.ndarray, np.ndarray], tuple[float, np.ndarray]]


def cooled(logits: np.ndarray, targets: np.ndarray) -> tuple[float, np.ndarray]:
    """The calibration that suits most data: a temperature, and no bias."""
    return fit_temperature(logits, targets), np.zeros(logits.shape[1])


@dataclass(frozen=True)
class ClassifierConfig:
    """How a classifier is trained. Names that TrainingArguments has too mean the same here."""

    labels: tuple[str, ...]
    learning_rate: float = 5e-4
    num_train_epochs: float = 5
    per_device_train_batch_size: int = 32
    weight_decay: float = 0.01
    warmup_ratio: float = 0.06
    max_length: int = 128
    """Tokens; longer texts lose their end in training."""
    lora_r: int = 16
    lora_alpha: int = 32
    lora_dropout: float = 0.05
    lora_targets: tuple[str, ...] = ("query", "key", "value", "dense")
    dropout: float | None = None
    """Of the encoder itself while it is trained; None leaves it as its files say."""
    full: bool = False
    """Train every weight instead of an adapter: the ceiling that an adapter is measured against."""
    patience: int | None = 2
    """Epochs without a better validation loss before it stops, and the best is kept; None keeps the last epoch."""
    ema_decay: float | None = None
    """Train on, and keep the running mean of the weights over about 1 / (1 − this) steps: averaging.py."""
    seed: int = 0
    bf16: bool = False


@dataclass(frozen=True)
class Trained:
    """What came out: figures on the validation rows after calibration."""

    accuracy: float
    loss: float
    calibration_error: float
    temperature: float
    epochs: float


def train_classifier(
    base: Path,
    train: Sequence[Row],
    validation: Sequence[Row],
    output: Path,
    config: ClassifierConfig,
    *,
    calibrate: Calibrate = cooled,
    on_log: Callable[[dict[str, float]], object] = lambda _: None,
) -> Trained:
    """Train on `train`, stop when `validation` gets no better, calibrate on it and write the model to `output`.

    base: folder of an encoder. output: gets an adapter, or with `config.full` a whole model. calibrate: from the
    validation rows' logits and targets to the temperature that divides logits, and what is added to each label's then.

    Raises BadDataset where rows are missing or have other labels, TrainingDiverged.
    """
    from transformers import AutoTokenizer, EarlyStoppingCallback, Trainer, TrainerCallback, TrainingArguments
    from transformers.trainer_callback import PrinterCallback

    from finetune.averaging import Averaged

    _check(train, validation, config)
    tokenizer: Any = AutoTokenizer.from_pretrained(base)
    torch.manual_seed(config.seed)
    model = build(base, config)

    class Told(TrainerCallback):
        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            on_log({**(logs or {}), "step": state.global_step, "steps": state.max_steps})

    with tempfile.TemporaryDirectory(prefix="parley-train-") as scratch:
        arguments = TrainingArguments(
            output_dir=scratch,
            learning_rate=config.learning_rate,
            num_train_epochs=config.num_train_epochs,
            per_device_train_batch_size=config.per_device_train_batch_size,
            per_device_eval_batch_size=64,
            weight_decay=config.weight_decay,
            warmup_steps=config.warmup_ratio,  # below 1 it is a share of all steps
            bf16=config.bf16,
            use_cpu=not torch.accelerator.is_available(),
            seed=config.seed,
            train_sampling_strategy="group_by_length",
            eval_strategy="epoch",
            save_strategy="epoch",
            save_total_limit=1,
            load_best_model_at_end=config.patience is not None,
            logging_steps=50,
            label_names=["labels"],
            remove_unused_columns=False,
            report_to="none",
            disable_tqdm=True,
            dataloader_pin_memory=False,
        )
        trainer: Any = Trainer(
            model=model,
            args=arguments,
            train_dataset=Rows(train, tokenizer, config.max_length),
            eval_dataset=Rows(validation, tokenizer, config.max_length),
            data_collator=Padded(tokenizer),
            compute_loss_func=soft_cross_entropy,
            compute_metrics=accuracy,
            callbacks=[
                *([EarlyStoppingCallback(config.patience)] if config.patience is not None else []),
                *([Averaged(model, config.ema_decay)] if config.ema_decay is not None else []),
                Told(),
            ],
        )
        trainer.remove_callback(PrinterCallback)  # `on_log` tells
        done = trainer.train()
        if not np.isfinite(done.training_loss):
            raise TrainingDiverged("The loss is not a number any more.", hint="Try a lower learning_rate.")
        predicted = trainer.predict(trainer.eval_dataset)
        epochs = float(trainer.state.epoch or 0)
        model = trainer.accelerator.unwrap_model(trainer.model)
    logits, targets = predicted.predictions, predicted.label_ids
    temperature, biases = calibrate(logits, targets)
    adjust_head(model, temperature, biases)
    model.save_pretrained(output)
    if config.full:
        tokenizer.save_pretrained(output)
    else:
        model.config.save_pretrained(output)  # an adapter's own file does not name the labels
    probabilities = torch.from_numpy(logits / temperature + biases).softmax(-1).numpy()
    return Trained(
        accuracy=float((probabilities.argmax(-1) == targets.argmax(-1)).mean()),
        loss=float(predicted.metrics["test_loss"]),
        calibration_error=expected_calibration_error(probabilities, targets.argmax(-1)),
        temperature=temperature,
        epochs=epochs,
    )


def build(base: Path, config: ClassifierConfig) -> Any:
    """The encoder with a fresh head, and unless everything is trained, LoRA in its linear layers."""
    from peft import LoraConfig, TaskType

    model = classifier(base, config.labels)
    if config.dropout is not None:
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = config.dropout
    if config.full:
        return model
    settings = LoraConfig(
        task_type=TaskType.SEQ_CLS,
        r=config.lora_r,
        lora_alpha=config.lora_alpha,
        lora_dropout=config.lora_dropout,
        target_modules=list(config.lora_targets),
    )
    return with_adapter(model, settings)


def _check(train: Sequence[Row], validation: Sequence[Row], config: ClassifierConfig) -> None:
    problems = [
        f"there are no {name} rows" for name, rows in (("training", train), ("validation", validation)) if not rows
    ]
    wrong = sum(len(row.target) != len(config.labels) for row in (*train, *validation))
    if wrong:
        problems.append(f"{wrong} rows have another number of labels than {len(config.labels)}")
    if problems:
        raise BadDataset(f"The data cannot be trained on: {'; '.join(problems)}.", hint="Check the data file.")
