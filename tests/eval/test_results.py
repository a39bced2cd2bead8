"""Results as they are stored, by Parley and by lm-evaluation-harness, and files that are neither."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from assistant.errors import BadDataset
from eval.compare import compare
from eval.results import read, task_hashes
from tests.eval.made import grouped, made


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param('{"results": {"piqa": 1}}', "`results` of piqa is no object", id="a figure for a task"),
        pytest.param('{"results": {}, "config": []}', "`config` is no object", id="a list of settings"),
        pytest.param('{"results": {}, "n-samples": 3}', "`n-samples` is no object", id="a number of samples"),
        pytest.param(
            '{"results": {}, "higher_is_better": {"piqa": true}}',
            "`higher_is_better` of piqa is no object",
            id="a flag",
        ),
    ],
)
def test_what_has_another_layout_is_refused_with_its_place(content: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text(content)
    with pytest.raises(BadDataset, match=said) as told:
        read(tmp_path)
    assert "lm-evaluation-harness" in told.value.hint


def test_parts_that_are_null_are_not_there(tmp_path: Path) -> None:
    stored = {
        "results": {"piqa": {"acc,none": 0.6}},
        "config": None,
        "n-samples": None,
        "group_subtasks": {"piqa": None},
    }
    (tmp_path / "results.json").write_text(json.dumps(stored))
    found = read(tmp_path)
    (figure,) = found.figures()
    assert (figure.value, figure.samples, found.model, found.groups) == (0.6, 0, tmp_path.name, [])


@pytest.mark.parametrize(
    ("line", "said"),
    [
        pytest.param('{"doc_id": 3, "doc', "Line 2 of samples_sums.jsonl cannot be read", id="cut short"),
        pytest.param("[1]", "it has no number `doc_id`", id="no object"),
        pytest.param('{"acc": 1.0}', "it has no number `doc_id`", id="nameless"),
    ],
)
def test_a_sample_that_is_broken_is_refused_with_its_place(line: str, said: str, tmp_path: Path) -> None:
    one, other = made(tmp_path / "a", [1.0] * 3), made(tmp_path / "b", [1.0] * 3)
    path = tmp_path / "b" / "samples_sums.jsonl"
    first, *_ = path.read_text().splitlines()
    path.write_text(f"{first}\n{line}\n")
    with pytest.raises(BadDataset, match=said):
        compare(one, other)


def test_a_line_of_a_text_is_no_line_of_the_file(tmp_path: Path) -> None:
    """The harness writes texts as they are, with ends of lines that JSON does not know."""
    found = made(tmp_path / "a", [1.0])
    rows = [{"doc_id": 0, "asked": "one\u2028two\x85three"}, {"doc_id": 1, "asked": "four"}]
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (tmp_path / "a" / "samples_sums.jsonl").write_text(text, "utf-8")
    assert found.samples("sums") == rows


def test_a_group_has_the_rows_of_all_its_tasks(tmp_path: Path) -> None:
    found = grouped(tmp_path / "g", {"a": [1.0] * 5, "b": [0.0] * 3, "c": [1.0, 0.0]}, by_size=True)
    assert {figure.task: figure.samples for figure in found.figures()} == {"a": 5, "b": 3, "c": 2, "some": 8, "all": 10}
    assert found.leaves("all") == ["a", "b", "c"] and found.leaves("a") == ["a"] and found.groups == ["all", "some"]


def test_the_newest_of_a_folder_of_the_harness_s(tmp_path: Path) -> None:
    for date, value in (("2026-01-02T10-00-00.1", 0.5), ("2026-01-03T09-00-00.2", 0.7)):
        stored = {"results": {"piqa": {"acc,none": value}}, "config": {"model": "hf"}, "model_name": "gpt2"}
        (tmp_path / f"results_{date}.json").write_text(json.dumps(stored))
    found = read(tmp_path)
    assert next(found.figures()).value == 0.7 and found.model == "gpt2"


def test_tasks_without_the_harness_s_hashes_have_none() -> None:
    row = {"doc_hash": "a", "prompt_hash": "b", "target_hash": "c"}
    assert task_hashes({"own": [{"doc_hash": "a"}], "none": []}) == {}
    assert len(task_hashes({"theirs": [row]})["theirs"]) == 64


@pytest.mark.skipif(find_spec("lm_eval") is None, reason="lm-eval is not installed: the eval extra")
def test_samples_as_the_harness_writes_them(tmp_path: Path) -> None:
    """Written by its own tracker: objects for arguments, texts for likelihoods and for the place of what is right."""
    from lm_eval.loggers import EvaluationTracker

    def written(name: str, hits: list[float], answers: list[str]) -> Path:
        tracker = EvaluationTracker(output_path=str(tmp_path / name))
        tracker.general_config_tracker.log_experiment_args("hf", f"pretrained=org/{name}", None, None, False)
        common: dict[str, Any] = {"filter": "none", "prompt_hash": "p", "target_hash": "t"}
        scored = [
            {**common, "doc_id": place, "doc": {}, "doc_hash": f"h{place}", "target": 1, "acc": hit, "metrics": ["acc"]}
            | {"arguments": [(f"What is {place}?", " wrong"), (f"What is {place}?", " right")]}
            | {"resps": [], "filtered_resps": [(-1.0 - hit, False), (-1.5, False)]}
            for place, hit in enumerate(hits)
        ]
        told = [
            {**common, "doc_id": place, "doc": {}, "doc_hash": f"h{place}", "target": "4", "metrics": ["exact_match"]}
            | {"arguments": [("2 + 2?", {"until": ["\n"]})], "resps": [[said]], "filtered_resps": [said]}
            | {"exact_match": float(said == "4")}
            for place, said in enumerate(answers)
        ]
        figures = {
            "piqa": {"alias": "piqa", "acc,none": sum(hits) / len(hits), "acc_stderr,none": "N/A"},
            "sums": {"alias": "sums", "exact_match,none": answers.count("4") / len(answers)},
        }
        whole = {
            "results": figures,
            "group_subtasks": {},
            "higher_is_better": {"piqa": {"acc": True}, "sums": {"exact_match": True}},
            "n-samples": {task: {"original": 90, "effective": 90} for task in figures},
            "config": {"model": "hf", "limit": None},
        }
        tracker.save_results_aggregated(whole, {"piqa": scored, "sums": told})
        tracker.save_results_samples("piqa", scored)
        tracker.save_results_samples("sums", told)
        (made_there,) = (tmp_path / name).rglob("results_*.json")
        return made_there

    one, other = (
        written(name, [1.0] * right + [0.0] * (90 - right), ["4"] * right + ["5"] * (90 - right))
        for name, right in (("before", 40), ("after", 80))
    )
    assert {path.name.partition("_2")[0] for path in one.parent.iterdir()} == {
        "results",
        "samples_piqa",
        "samples_sums",
    }
    scored, told = compare(read(one), read(other.parent))
    assert (scored.task, told.task, scored.samples, len(scored.flips)) == ("piqa", "sums", 90, 40)
    assert scored.told().startswith("Real: +0.444") and read(one).model == "org/before"
    flip = scored.flips[0]
    assert (flip.asked, flip.right, flip.before, flip.after) == ("What is 40?", "right", "wrong", "right")
    flip = told.flips[0]
    assert (flip.asked, flip.right, flip.before, flip.after) == ("2 + 2?", "4", "5", "4")
