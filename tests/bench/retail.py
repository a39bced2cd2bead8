"""A shop's titles under its categories: a head alone, an adapter and every weight, learnt from the same rows.

PARLEY_BENCH_RETAIL names a table with a text and its label a row.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from assistant import paths
from tests.bench.program import PARLEY, ROOT

TUNINGS = {"head": "a head alone", "lora": "LoRA", "full": "every weight"}
ROWS = 2000
"""That are learnt from; others of the table are held out, as many as a classifier is measured on."""


def run() -> dict[str, float | str]:
    """Accuracy and macro-F1 of rows that nobody learnt from, and seconds of the whole run; what the best confuses."""
    found: dict[str, float | str] = {"rows learnt from": ROWS}
    best, matrix = -1.0, ""
    for tuning, name in TUNINGS.items():
        figures, seconds, report = _learnt(tuning)
        if tuning == "head":
            found["rows held out"] = sum(map(sum, report["matrix"]))
        for figure in ("accuracy", "accuracy_undisputed", "macro_f1", "calibration_error"):
            if figure in figures:
                found[f"{name}: {figure}"] = figures[figure]
        found[f"{name}: seconds"] = seconds
        print(found, file=sys.stderr, flush=True)
        if figures["accuracy"] > best:
            best, matrix = figures["accuracy"], confusion(report["labels"], report["matrix"])
            title = f"What {name}, the most accurate, takes for what"
    return {**found, title: matrix}


def _learnt(tuning: str) -> tuple[dict[str, float], float, dict[str, Any]]:
    """(figures, seconds, report) of a run."""
    with tempfile.TemporaryDirectory(prefix="parley-bench-") as home:
        environment = os.environ | {"PARLEY_HOME": home, "PARLEY_MODELS": str(paths.models_folder())}
        settings = {
            "data": Path(os.environ["PARLEY_BENCH_RETAIL"]).resolve(),
            "finetuning_type": tuning,
            "max_rows": ROWS,
            "merge_labels": "true",
        }
        pairs = [f"{name}={value}" for name, value in settings.items()]
        command = [*PARLEY, "train", "classifier", *pairs, "--json"]
        done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True)
        said = json.loads(done.stdout)
        report = json.loads((Path(said["folder"]) / "report.json").read_text("utf-8"))
    return said["figures"], said["seconds"], report


def confusion(labels: Sequence[str], matrix: Sequence[Sequence[int]]) -> str:
    """Rows of each label (down) by what they were taken for (across), as Markdown."""
    numbers = range(1, len(labels) + 1)
    lines = [f"| is, and was taken for | {' | '.join(map(str, numbers))} |", f"|---|{'---:|' * len(labels)}"]
    for number, label, row in zip(numbers, labels, matrix, strict=True):
        lines.append(f"| {number} {label} | {' | '.join(str(count) if count else '' for count in row)} |")
    return "\n".join(lines)
