"""Make the embedded sentiment model: `python -m finetune.sentiment DATA OPINOSIS OUTPUT`, 45 minutes on two cores.

DATA is a folder and OPINOSIS a file, laid out as sentiment_data.py says. With the same texts, what the teacher
(teacher.py) once said of them is taken from sentiment_opinions.npz; with others, or `--read`, it reads them for another
hour: what it has read is kept in OUTPUT.states, and a killed run goes on from there. `--full` trains every weight: the
ceiling for the adapter.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from assistant import sources
from assistant.catalogue import Catalogue
from assistant.engines.encoder import EncoderEngine
from finetune.calibration import expected_calibration_error, fit_bias, fit_temperature
from finetune.classifier_training import ClassifierConfig, train_classifier
from finetune.sentiment_data import LABELS, Example, examples, unlabelled
from finetune.sentiment_lessons import OPINIONS, chosen, rows, taught

BASE = "all-minilm-l6-v2"
CONFIG = ClassifierConfig(
    labels=LABELS,
    num_train_epochs=3,
    learning_rate=6e-4,
    per_device_train_batch_size=64,
    lora_r=64,
    lora_alpha=128,
    lora_dropout=0.0,
    dropout=0.0,  # a teacher's opinions of so many texts are fitted too little, not too well
    ema_decay=0.999,
    bf16=True,
    patience=None,
)
"""To the last epoch: films are labelled by the stars of the whole review, so that many validation rows say the wrong
thing, and a loss on them goes up while the model gets better."""
FULL_LEARNING_RATE = 5e-5


def measure(engine: EncoderEngine, texts: Sequence[str], labels: Sequence[str], *, binary: bool) -> dict[str, float]:
    """Accuracy, macro-F1 and calibration. binary: positive against negative, as if the model knew no neutral."""
    names = [label for label in LABELS if not (binary and label == "neutral")]
    table = np.array([[each[name] for name in names] for each in engine.classify(texts)])
    table /= table.sum(1, keepdims=True)
    wanted = np.array([names.index(label) for label in labels])
    guessed = table.argmax(1)
    scores: list[float] = []
    for number in range(len(names)):
        hits = float(((guessed == number) & (wanted == number)).sum())
        scores.append(2 * hits / max(1.0, float((guessed == number).sum() + (wanted == number).sum())))
    return {
        "rows": len(texts),
        "accuracy": float((guessed == wanted).mean()),
        "macro_f1": float(np.mean(scores)),
        "calibration_error": expected_calibration_error(table, wanted),
    }


def figures(engine: EncoderEngine, found: Sequence[Example], sst2: Path) -> dict[str, dict[str, float]]:
    """What the model reaches on the products that were held out, and where the file is here, on SST-2's dev set."""
    test = [each for each in found if each.split == "test"]
    felt = [each for each in test if each.label != "neutral"]
    parts = {"held-out products, three classes": (test, False), "held-out products, positive or negative": (felt, True)}
    if sst2.exists():
        lines = [line.rpartition("\t") for line in sst2.read_text("utf-8").splitlines()[1:]]
        dev = [Example(text, ("negative", "positive")[int(label)], "SST-2", "test") for text, _, label in lines]
        parts["SST-2 dev, positive or negative"] = (dev, True)
    return {
        name: measure(engine, [each.text for each in some], [each.label for each in some], binary=binary)
        for name, (some, binary) in parts.items()
    }


def pack(folder: Path) -> None:
    """Halve an adapter's file and name its base as the Hub does, not as this disk."""
    from safetensors.torch import load_file, save_file

    file, settings = folder / "adapter_model.safetensors", folder / "adapter_config.json"
    save_file({name: weights.half() for name, weights in load_file(file).items()}, file, metadata={"format": "pt"})
    hub = Catalogue.load()[BASE].hub
    said = json.loads(settings.read_text("utf-8")) | {"base_model_name_or_path": hub.repo if hub else BASE}
    settings.write_text(json.dumps(said, indent=2) + "\n", "utf-8")
    (folder / "README.md").unlink(missing_ok=True)  # PEFT's is empty


def calibrated(logits: np.ndarray, targets: np.ndarray, films: np.ndarray) -> tuple[float, np.ndarray]:
    """Temperature, from all validation rows that feel, and each label's bias, from all but films, which have no
    neutral ones.

    films: (row,) whether it is one.
    """
    neutral = LABELS.index("neutral")
    felt = targets[:, neutral] == 0
    others = [number for number in range(len(LABELS)) if number != neutral]
    temperature = fit_temperature(logits[felt][:, others], targets[felt][:, others])
    biases = np.zeros(len(LABELS))
    biases[neutral] = fit_bias(logits[~films] / temperature, targets[~films], neutral)
    return temperature, biases


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("opinosis", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--full", action="store_true", help="train every weight: the ceiling for the adapter")
    parser.add_argument(
        "--read", action="store_true", help="let the teacher read again, instead of what it said before"
    )
    parser.add_argument("--states", type=Path, help="where the teacher's reading is kept; OUTPUT.states unless given")
    given = parser.parse_args()
    base = sources.pull(Catalogue.load()[BASE])
    found = list(examples(given.data))
    begun = time.monotonic()

    def tell(log: dict[str, Any]) -> None:
        sys.stderr.write(f"{time.monotonic() - begun:6.0f} s {json.dumps(log)}\n")

    states = given.states or given.output.with_name(f"{given.output.name}.states")
    more = unlabelled(given.opinosis)
    train = taught(
        chosen(found, "train"),
        more,
        states,
        opinions=None if given.read else OPINIONS,
        on_part=lambda read: tell({"passages read": read}),
    )
    config = replace(CONFIG, full=True, learning_rate=FULL_LEARNING_RATE) if given.full else CONFIG
    validation = chosen(found, "validation")
    films = np.array([each.source == "films" for each in validation])
    trained = train_classifier(
        base,
        train,
        rows(validation),
        given.output,
        config,
        calibrate=lambda logits, targets: calibrated(logits, targets, films),
        on_log=tell,
    )
    sys.stderr.write(f"{trained}\n")
    if not given.full:
        pack(given.output)
    engine = EncoderEngine(given.output) if given.full else EncoderEngine(base, adapter=given.output)
    json.dump(figures(engine, found, given.data / "sst2" / "dev.tsv"), sys.stdout, indent=1)


if __name__ == "__main__":
    main()
