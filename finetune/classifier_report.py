"""What held-out rows say of a classifier: what is taken for what, and rows that look wrongly labelled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from finetune.calibration import expected_calibration_error
from finetune.labels import disputed, namer

DOUBTED = 20
"""Rows of the report that the model holds for wrongly labelled, the surest first."""


def report(
    logits: np.ndarray, targets: np.ndarray, labels: Sequence[str], rows: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """What held-out rows say of a classifier. logits, targets: (row, label).

    labels, matrix: rows of each label (row) that were taken for each (column). f1: by label. doubted: rows of another
    label than the model is sure of: its mistakes, or theirs. figures: accuracy, macro_f1, calibration_error, and
    accuracy_undisputed, of the rows whose text does not name another label than their own, where there are others.
    """
    probabilities = np.exp(logits - logits.max(-1, keepdims=True))
    probabilities /= probabilities.sum(-1, keepdims=True)
    wanted, said = targets.argmax(-1), logits.argmax(-1)
    matrix = np.bincount(wanted * len(labels) + said, minlength=len(labels) ** 2).reshape(len(labels), len(labels))
    f1 = 2 * matrix.diagonal() / np.maximum(matrix.sum(0) + matrix.sum(1), 1)
    wrong = [place for place in np.argsort(-probabilities.max(-1)) if said[place] != wanted[place]]
    doubted = [
        {
            "text": rows[place]["text"],
            "label": labels[wanted[place]],
            "said": labels[said[place]],
            "probability": round(float(probabilities[place].max()), 4),
        }
        for place in wrong[:DOUBTED]
    ]
    named = namer(labels)
    owns = [labels[int(of)] for of in wanted]
    clear = np.array([not disputed(named(row["text"]), own) for row, own in zip(rows, owns, strict=True)])
    figures = {"accuracy": float((said == wanted).mean())}
    if not clear.all() and clear.any():
        figures["accuracy_undisputed"] = float((said == wanted)[clear].mean())
    return {
        "labels": list(labels),
        "matrix": matrix.tolist(),
        "f1": {label: round(float(value), 4) for label, value in zip(labels, f1, strict=True)},
        "doubted": doubted,
        "figures": figures
        | {
            "macro_f1": float(f1[matrix.sum(1) > 0].mean()),
            "calibration_error": expected_calibration_error(probabilities, wanted),
        },
    }
