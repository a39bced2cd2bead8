from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

import pytest
import yaml

from assistant.errors import UnknownTask
from assistant.public_sets import public_sets
from eval.harness import _harness_tasks
from eval.row_forms import FORMS
from eval.suite import FOLDER, KINDS, Suite, facts, suite, suites
from ui.web.evaluate_view import suite_html

MINI = "bf3f7439"
"""What all questions of the mini suite hash to: figures of other questions would be another suite's."""


@pytest.mark.parametrize("each", suites().values(), ids=suites())
def test_a_suite_says_what_it_is(each: Suite) -> None:
    assert each.title and each.asks.endswith(".") and each.licence and each.paper
    assert each.tasks and len({task.name for task in each.tasks}) == len(each.tasks)
    assert each.shipped or each.rows
    for task in each.tasks:
        assert task.kind in KINDS and "," in task.metric
        assert task.reader in FORMS  # whatever takes --data says which columns it wants
        assert bool(task.harness) is (task.kind in ("score", "generate"))


@pytest.mark.parametrize("each", suites().values(), ids=suites())
def test_a_suite_says_where_its_rows_come_from(each: Suite) -> None:
    stored = yaml.safe_load((FOLDER / f"{each.name}.yaml").read_text("utf-8"))
    assert {"shots", "source", "revision", "split", "licence", "paper"} <= stored.keys()
    assert re.fullmatch(r"[0-9a-f]{40}|main" if each.on_hub else "", each.revision)
    told = facts(each)
    assert told["licence"] == each.licence and told["paper"] == each.paper
    assert each.on_hub is (each.source in told["rows"] and each.revision[:12] in told["rows"] and bool(each.revision))
    assert all(fact in suite_html(each) for fact in (f"examples first: {each.shots}", f"licence: {each.licence}"))


@pytest.mark.skipif(find_spec("lm_eval") is None, reason="lm-eval is not installed: the eval extra")
@pytest.mark.parametrize("each", suites().values(), ids=suites())
def test_source_split_and_shots_are_those_of_its_tasks(each: Suite) -> None:
    from lm_eval.tasks._yaml_loader import load_yaml

    for task in each.tasks:
        if task.harness:
            own = FOLDER / task.harness
            path = own if own.exists() else _harness_tasks() / task.harness
            files = [path] if path.is_file() else [next(path.glob("_*template_yaml"))]
            for config in (load_yaml(file, resolve_func=False) for file in files):
                assert (config.get("num_fewshot") or 0) == each.shots
                assert (config.get("test_split") or config["validation_split"]) == each.split
                assert not each.on_hub or config.get("dataset_path", "uclanlp/wino_bias") == each.source


@pytest.mark.parametrize("each", suites().values(), ids=suites())
def test_rows_that_are_not_the_harness_s_can_be_had_too(each: Suite) -> None:
    for task in each.tasks:
        if not task.harness and not each.shipped:
            assert task.published and (each.on_hub is bool(task.hub))
            assert len(task.hub) in ((2,) if task.kind == "translation" else (0, 1))
            assert not task.public_set or public_sets()[task.public_set].file == task.file
        assert set(task.keep) <= set(FORMS[task.reader][0].columns)


def test_a_suite_that_says_it_wrongly_says_all_of_it() -> None:
    with pytest.raises(ValueError, match=r"licence is missing; shots is no number.*; revision is no commit of Rowan"):
        replace(suite("hellaswag"), licence="", shots=-1, revision="218ec52")
    with pytest.raises(ValueError, match="is no set of the Hub"):
        replace(suite("mini"), revision="main")


@pytest.mark.skipif(find_spec("lm_eval") is None, reason="lm-eval is not installed: the eval extra")
@pytest.mark.parametrize("each", suites().values(), ids=suites())
def test_its_tasks_are_the_harness_s(each: Suite) -> None:
    from lm_eval.tasks import TaskManager

    for task in each.tasks:
        if task.harness and not task.harness.endswith(".yaml"):
            assert (
                task.name
                in TaskManager(include_path=_harness_tasks() / task.harness, include_defaults=False).all_groups
            )
        elif task.harness:
            own = FOLDER / task.harness
            path = own if own.is_file() else _harness_tasks() / task.harness
            assert re.search(rf"^task: {re.escape(task.name)}$", path.read_text("utf-8"), re.MULTILINE)


def test_what_comes_with_parley_is_what_it_was() -> None:
    mini = suite("mini")
    assert mini.shipped and next(iter(suites())) == "mini"
    for task in mini.tasks:
        assert hashlib.sha256((FOLDER / task.file).read_bytes()).hexdigest() == task.sha256
    whole = hashlib.sha256("".join(task.sha256 for task in mini.tasks).encode()).hexdigest()
    assert whole.startswith(MINI)


@pytest.mark.parametrize("name", ["choice", "reading", "truth"])
def test_right_answers_of_the_mini_suite_are_not_always_in_one_place(name: str) -> None:
    places = [row["answer"] for row in own_rows(name)]
    assert all(len(places) / 8 <= places.count(place) <= len(places) * 3 / 8 for place in range(4))
    assert all(len(set(row["choices"])) == 4 for row in own_rows(name))


def test_words_of_the_mini_suite_s_pairs_are_as_often_in_the_one_sentence_as_in_the_other() -> None:
    one, other = Counter[str](), Counter[str]()
    for row in own_rows("bias"):
        before, after = row["stereotype"].split(), row["other"].split()
        changed = [pair for pair in zip(before, after, strict=True) if pair[0] != pair[1]]
        assert len(changed) == 1
        one[changed[0][0]] += 1
        other[changed[0][1]] += 1
    assert one == other


def own_rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (FOLDER / f"mini/{name}.jsonl").read_text("utf-8").splitlines()]


def test_a_suite_that_is_not_there() -> None:
    with pytest.raises(UnknownTask, match="There is no suite 'minni'"):
        suite("minni")
