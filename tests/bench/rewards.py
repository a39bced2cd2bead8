"""How well a reward model tells the better of two answers that it has not learnt from, in five folds of some pairs."""

from __future__ import annotations

import json
import math
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from assistant import paths
from finetune.loop_parts import USUAL

FOLDS = 5
T_95 = 2.776
"""Student's t of four degrees of freedom: standard errors on either side of a mean of five, for 95 %."""


def run() -> dict[str, float]:
    """The loop's own settings of a reward model on four fifths of the pairs, measured on the other."""
    lines = Path(os.environ["PARLEY_BENCH_PAIRS"]).read_text("utf-8").splitlines()
    random.Random(0).shuffle(lines)
    found: dict[str, float] = {}
    accuracies: list[float] = []
    begun = time.monotonic()
    for fold in range(FOLDS):
        test = lines[fold::FOLDS]
        train = [line for place, line in enumerate(lines) if place % FOLDS != fold]
        accuracies.append(_learnt(train, test))
        found[f"fold {fold + 1}, {len(test)} pairs: accuracy"] = accuracies[-1]
        print(found, file=sys.stderr, flush=True)
    mean = statistics.fmean(accuracies)
    spread = T_95 * statistics.stdev(accuracies) / math.sqrt(FOLDS)
    pooled = 1.96 * math.sqrt(mean * (1 - mean) / len(lines))
    return {
        **found,
        "mean (at least 0.58)": mean,
        "lower end of its 95 % interval, from the folds (above 0.5)": mean - spread,
        "the same from the pairs": mean - pooled,
        "minutes a fold": (time.monotonic() - begun) / 60 / FOLDS,
    }


def _learnt(train: list[str], test: list[str]) -> float:
    """Accuracy on `test` of a model that has learnt from `train`."""
    settings = dict(USUAL["reward"])
    steps = -(-len(train) // settings["per_device_train_batch_size"])
    with tempfile.TemporaryDirectory(prefix="parley-bench-") as folder:
        home = Path(folder)
        for name, some in (("train", train), ("test", test)):
            (home / f"{name}.jsonl").write_text("\n".join(some) + "\n", "utf-8")
        settings |= {
            "data": home / "train.jsonl",
            "test": home / "test.jsonl",
            "eval_steps": steps,
            "save_steps": steps,
        }
        environment = os.environ | {"PARLEY_HOME": str(home / "home"), "PARLEY_MODELS": str(paths.models_folder())}
        program = str(Path(sys.executable).with_name("parley"))
        command = [program, "train", "reward", *(f"{name}={value}" for name, value in settings.items()), "--json"]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return float(json.loads(done.stdout)["figures"]["eval_accuracy"])
