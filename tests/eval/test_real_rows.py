"""The sets as their publishers spread them, where they lie: PARLEY_BENCH_EVAL, PARLEY_BENCH_FLORES and
PARLEY_BENCH_SCITLDR name their folders, PARLEY_BENCH_DATA that of SST-2."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from eval import harness
from eval.local_rows import first_of, rows
from eval.pairs import pairs
from eval.row_files import sources
from eval.suite import Suite, suite, suites

FOLDER = os.environ.get("PARLEY_BENCH_EVAL", "")
OTHERS = {"flores": "PARLEY_BENCH_FLORES", "scitldr": "PARLEY_BENCH_SCITLDR", "sst2": "PARLEY_BENCH_DATA"}
NO_ROWS = ("LICENSE",)
READ = 40
"""Rows of each task that are put into the harness's prompt."""
PUBLISHED = [
    each
    for each in suites().values()
    if FOLDER and any(task.file and first_of(Path(FOLDER), [task.file]) for task in each.tasks)
]
needs = pytest.mark.skipif(not FOLDER, reason="PARLEY_BENCH_EVAL names no folder with the sets")


@needs
def test_every_file_is_a_suite_s() -> None:
    wanted = {name for each in suites().values() for task in each.tasks for name in (task.file, task.shots_file)}
    there = {path.name for path in Path(FOLDER).rglob("*") if path.is_file()} - set(NO_ROWS)
    assert there <= wanted and len(PUBLISHED) >= 11


@needs
@pytest.mark.parametrize("each", PUBLISHED, ids=lambda each: each.name)
def test_all_rows_can_be_read(each: Suite) -> None:
    for task in each.tasks:
        path, examples = sources(each, [task], FOLDER)[task.name]
        assert path is not None and len(rows(path, task.reader)) == each.rows
        assert examples is None or len(rows(examples, task.reader)) == 7473  # of GSM8K


@needs
@pytest.mark.skipif(find_spec("lm_eval") is None, reason="lm-eval is not installed: the eval extra")
@pytest.mark.parametrize("each", [one for one in PUBLISHED if one.name != "ifeval"], ids=lambda each: each.name)
def test_the_harness_makes_its_prompts_of_them(each: Suite, tmp_path: Path) -> None:
    """Of IFEval, whose checks want more than its rows, test_ifeval.py speaks."""
    from lm_eval.tasks import TaskManager

    for task in each.tasks:
        path, _ = sources(each, [task], FOLDER, shots=0)[task.name]
        config = harness._config(harness.Given(task, path), tmp_path, READ)
        loaded: Any = TaskManager(include_defaults=False).load([str(config)])
        made = loaded["tasks"][task.name]
        docs = list(made.eval_docs)
        assert len(docs) == READ
        for doc in docs:
            assert str(made.doc_to_text(doc)).strip() or task.name == "crows_pairs_english"
            target = made.doc_to_target(doc)
            if task.kind == "score":
                choices = made.doc_to_choice(doc)
                assert len(choices) >= 2 and (not isinstance(target, int) or 0 <= target < len(choices))


@pytest.mark.parametrize("name", OTHERS)
def test_the_sets_of_the_assistant_s_tasks(name: str) -> None:
    folder = os.environ.get(OTHERS[name], "")
    if not folder:
        pytest.skip(f"{OTHERS[name]} names no folder with {name}")
    chosen = suite(name)
    found = sources(chosen, chosen.tasks, folder)
    for task in chosen.tasks:
        path = found[task.name][0]
        assert path is not None
        assert len(pairs(task, path) if task.kind == "translation" else rows(path, task.reader)) == chosen.rows
