"""A text that names another label than its own is told; one that names none, or its own too, is not."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from finetune.classifier_report import report
from finetune.labels import disputed, namer
from finetune.lint import lint

LABELS = ("Fridge Freezers", "Freezers", "Fridges", "TVs", "C++", "7")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("Bosch fridge-freezer, white", {"Fridge Freezers"}),
        ("a freezer and two FRIDGES", {"Freezers", "Fridges"}),
        ("fridges freezers tv", {"Fridge Freezers", "TVs"}),
        ("7 glasses", set()),
        ("refridgerator", set()),
        ("", set()),
    ],
)
def test_the_longest_label_is_the_one_that_is_named(text: str, named: set[str]) -> None:
    assert namer(LABELS)(text) == named


def test_a_text_that_names_its_own_label_too_is_not_disputed() -> None:
    named = namer(LABELS)
    assert disputed(named("a freezer"), "Fridges")
    assert not disputed(named("a freezer beside a fridge"), "Fridges")
    assert not disputed(named("white goods"), "Fridges")
    assert namer([])("anything") == set()


def test_the_lint_and_the_report_tell_them(tmp_path: Path) -> None:
    rows = [{"text": f"freezer number {n} of them", "label": "Freezers"} for n in range(10)]
    rows += [{"text": f"a cool fridge {n} of ours", "label": "fridges"} for n in range(10)]
    rows[3]["label"] = "fridges"
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (finding,) = lint(path).findings
    assert (finding.rows, finding.dropped) == ((4,), False) and "names another label" in finding.said
    logits = np.array([[5.0, 0.0], [5.0, 0.0]])
    found = report(logits, np.eye(2)[[0, 1]], ["Freezers", "fridges"], rows[2:4])["figures"]
    assert (found["accuracy"], found["accuracy_undisputed"]) == (0.5, 1.0)
