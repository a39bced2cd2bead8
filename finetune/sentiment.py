"""Make the embedded sentiment model: `python -m finetune.sentiment DATA OUTPUT`, a quarter of an hour on two cores.

DATA is a folder laid out as sentiment_data.py says. `--full` trains every weight: the ceiling for the adapter.
"""

from __future__ import annotations

import argparse
import json
import random
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
from finetune.calibration import expected_calibration_error
from finetune.classifier import ClassifierConfig, Row, train_classifier
from finetune.sentiment_data import LABELS, Example, examples

BASE = "all-minilm-l6-v2"
CONFIG = ClassifierConfig(labels=LABELS, num_train_epochs=2, learning_rate=5e-4, bf16=True)
FULL_LEARNING_RATE = 5e-5
PROS_AND_CONS = {"train": 14_000, "validation": 800}
"""How many of them are used: with all of the 37,000 the film sentences drown."""


def chosen(found: Sequence[Example], split: str) -> list[Example]:
    """The examples of a split that training uses."""
    some = [each for each in found if each.split == split]
    many = [each for each in some if each.source == "pros and cons"]
    few = random.Random(0).sample(many, min(len(many), PROS_AND_CONS[split]))  # noqa: S311 - the same few each time
    return [*(each for each in some if each.source != "pros and cons"), *few]


def rows(some: Sequence[Example]) -> list[Row]:
    """Examples as training rows."""
    return [Row(each.text, tuple(float(label == each.label) for label in LABELS)) for each in some]


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


def figures(engine: EncoderEngine, found: Sequence[Example]) -> dict[str, dict[str, float]]:
    """What the model reaches on the products that were held out."""
    test = [each for each in found if each.split == "test"]
    felt = [each for each in test if each.label != "neutral"]
    parts = {"held-out products, three classes": (test, False), "held-out products, positive or negative": (felt, True)}
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--full", action="store_true", help="train every weight: the ceiling for the adapter")
    given = parser.parse_args()
    base = sources.pull(Catalogue.load()[BASE])
    found = list(examples(given.data))
    begun = time.monotonic()

    def tell(log: dict[str, Any]) -> None:
        sys.stderr.write(f"{time.monotonic() - begun:6.0f} s {json.dumps(log)}\n")

    config = replace(CONFIG, full=True, learning_rate=FULL_LEARNING_RATE) if given.full else CONFIG
    train, validation = rows(chosen(found, "train")), rows(chosen(found, "validation"))
    trained = train_classifier(base, train, validation, given.output, config, on_log=tell)
    sys.stderr.write(f"{trained}\n")
    if not given.full:
        pack(given.output)
    engine = EncoderEngine(given.output) if given.full else EncoderEngine(base, adapter=given.output)
    json.dump(figures(engine, found), sys.stdout, indent=1)


if __name__ == "__main__":
    main()
