"""`parley eval`, as a person types it."""

from __future__ import annotations

import json
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest

from assistant.run import State
from assistant.run_worker import Worker
from assistant.runs import Runs
from eval.results import write
from tests.eval.made import made
from tests.ui.terminal.test_train import parley

GATE = ["gate", "--baseline", "a", "--candidate", "b"]


@pytest.mark.skipif(find_spec("lm_eval") is None, reason="lm-eval is not installed: the eval extra")
def test_a_suite_from_its_start_to_a_report(tiny_decoder: Path, tmp_path: Path) -> None:
    output = tmp_path / "found.json"
    done = parley("eval", "run", "-m", tiny_decoder, "--limit", 2, "--output", output)
    assert done.returncode == 0, done.stderr
    assert "mini_choice" in done.stdout and "(2)" in done.stdout
    assert "Not measured: summaries. Why: this model cannot summarise." in " ".join(done.stderr.split())
    assert json.loads(output.read_text())["n-samples"]["mini_grammar"]["effective"] == 2
    listed = parley("runs", "list")
    assert "eval-mini-tiny-decoder" in listed.stdout and "finished" in listed.stdout
    watched = parley("runs", "watch", "last")
    assert "mini_grammar" in watched.stderr and "Talk to it" not in watched.stderr
    report = tmp_path / "report.html"
    assert parley("eval", "report", "last", output, "--output", report).returncode == 0
    assert "<svg" in report.read_text()


@pytest.mark.slow
@pytest.mark.skipif(find_spec("lm_eval") is None, reason="lm-eval is not installed: the eval extra")
def test_several_models_in_one_command(tiny_decoder: Path, tmp_path: Path) -> None:
    text, report = tmp_path / "mine.txt", tmp_path / "all.html"
    text.write_text("The boats come in at dawn.\nThe gulls know it.\n")
    other = shutil.copytree(tiny_decoder, tmp_path / "other-decoder")
    words = ["eval", "run", "-m", tiny_decoder, "-m", other, "-s", "own-text", "--data", text, "--report", report]
    done = parley(*words)
    assert done.returncode == 0, done.stderr
    assert "1 of 2: Your own text" in done.stderr and "2 of 2: Your own text" in done.stderr
    assert "own_text bits_per_byte: " in done.stdout and "other-decoder" in done.stdout
    assert "<h2>Differences</h2>" in report.read_text()
    packed = json.loads(parley(*words[:-2], "--json").stdout)
    assert [Path(each["config"]["model"]).name for each in packed] == [tiny_decoder.name, "other-decoder"]
    listed = parley("runs", "list").stdout
    assert listed.count("finished") == 4
    refused = parley("eval", "run", "-m", tiny_decoder, "-m", "gone", "-s", "own-text", "--data", text)
    assert refused.returncode != 0 and "gone" in refused.stderr and parley("runs", "list").stdout == listed


def test_what_changed_and_the_gate(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    made(one, [1.0, 0.0] * 100, model="one")
    made(other, [1.0] * 200, model="other")
    said = parley("eval", "compare", one, other / "results.json").stdout
    assert "sums acc: 0.5 → 1. Real: +0.500" in said and "+ What is 1?" in said
    assert "right 'right', before 'wrong', after 'right'" in said
    packed = json.loads(parley("eval", "compare", one, other, "--json").stdout)
    assert packed[0]["verdict"] == "real" and len(packed[0]["flips"]) == 100
    passed = parley("eval", "gate", "--baseline", one, "--candidate", other)
    assert (passed.returncode, "Passed" in passed.stderr) == (0, True)
    fallen = parley("eval", "gate", "--baseline", other, "--candidate", one, "--max-drop", 0.4)
    assert fallen.returncode == 1 and "sums acc: 1 before, 0.5 now" in fallen.stdout
    packed = json.loads(parley("eval", "gate", "--baseline", other, "--candidate", one, "--json").stdout)
    assert packed["passed"] is False
    assert "| sums acc | 0.5 ± 0.069 | 1 |" in parley("eval", "report", one, other).stdout


def test_suites_are_listed() -> None:
    assert "hellaswag" in parley("eval", "suites").stdout
    packed = json.loads(parley("eval", "suites", "--json").stdout)
    assert packed[0]["name"] == "mini" and packed[0]["tasks"][0]["kind"] == "score"
    said = parley("eval", "suites", "gsm8k").stdout
    assert "openai/gsm8k at 740312add88f, 1,319 rows" in said and "examples first  5" in said
    assert "arXiv:2110.14168" in said and "MIT" in said
    assert json.loads(parley("eval", "suites", "gsm8k", "--json").stdout)["shots"] == 5
    assert "There is no suite 'maxi'" in parley("eval", "suites", "maxi").stderr


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        pytest.param(["run", "-m", "smollm2-135m-instruct", "-s", "maxi"], 2, "There is no suite 'maxi'", id="suite"),
        pytest.param(["run", "-m", "smollm2-135m-instruct", "--limit", "x"], 2, "valid integer", id="no number"),
        pytest.param(["run", "-m", "a", "-m", "b", "-o", "x.json"], 2, "results of one model", id="one file for two"),
        pytest.param(["run", "-m", "a", "-m", "b", "--detach"], 2, "Nobody waits", id="two at once"),
        pytest.param(["compare", "none", "last"], 1, "There is no run 'none'", id="no run"),
        pytest.param(["gate", "--baseline", "a.json"], 2, "--candidate", id="half a gate"),
        pytest.param([*GATE, "--max-drop", "-1"], 2, "must be 0 or more", id="drop"),
        pytest.param([*GATE, "--max-drop", "nan"], 2, "must be 0 or more, not nan", id="no number that may be lost"),
        pytest.param([*GATE, "--max-drop", "inf"], 2, "must be 0 or more, not inf", id="all of it"),
    ],
)
def test_what_is_said_of_mistakes(words: list[str], code: int, said: str) -> None:
    done = parley("eval", *words)
    assert done.returncode == code and said in done.stderr and "Traceback" not in done.stderr


def test_all_models_in_order(parley_home: Path) -> None:
    assert "Nothing is measured yet" in parley("eval", "leaderboard").stderr
    runs = Runs()
    for model, hits in (("smollm2-135m-instruct", [1.0, 0.0] * 50), ("other", [0.0, 0.0, 0.0, 1.0] * 25)):
        run = runs.create("eval", model, "eval", {"model": model})
        made(run.folder, hits, model=model)
        Worker(run.folder).end(State.FINISHED)
    run = runs.create("eval", "speed", "eval", {"model": "other"})
    timed = {"speed_llamacpp": {"tokens_per_second,none": 1234.5, "peak_gigabytes,none": 0.54}}
    write(run.folder, {"results": timed, "config": {"model": "other"}}, {})
    Worker(run.folder).end(State.FINISHED)
    lines = parley("eval", "leaderboard").stdout.splitlines()
    assert lines[0].startswith(" 1  smollm2-135m-instruct  (1") and lines[0].endswith("M weights)")
    assert lines[1].split() == ["sums", "acc", "0.5", "±", "0.098", "(100)"]
    assert lines[2] == " 2  other  (1,234 tokens/s, 0.5 GB)"
    packed = json.loads(parley("eval", "leaderboard", "--json").stdout)
    assert packed[0]["parameters"] > 1e8 and packed[0]["figures"]["sums"]["value"] == 0.5
    assert packed[1]["tokens_per_second"] == 1234.5


def test_votes(parley_home: Path) -> None:
    assert "No vote yet" in parley("eval", "votes").stderr
    lines = ['{"one": "a", "other": "b", "won": 1.0, "asked": "?"}'] * 4
    (parley_home / "votes.jsonl").write_text("\n".join(lines) + "\n")
    assert "4 votes  a" in parley("eval", "votes").stdout
    assert [each["model"] for each in json.loads(parley("eval", "votes", "--json").stdout)] == ["a", "b"]


def test_one_that_shares_no_question_is_named_and_the_others_compared(tmp_path: Path) -> None:
    for name, task in (("a", "sums"), ("b", "others"), ("c", "sums")):
        made(tmp_path / name, [1.0] * (30 if name == "a" else 90) + [0.0] * 60, model=name, task=task)
    folders = [tmp_path / name for name in "abc"]
    for command in ("compare", "report"):
        done = parley("eval", command, *folders)
        assert done.returncode == 0 and "c (3): Real: +0.667" in done.stdout
        assert "b (2) is not compared: a and b have no question in common." in done.stderr


def test_a_gate_with_nothing_behind_it_does_not_open(tmp_path: Path) -> None:
    made(tmp_path / "b", [1.0] * 20)
    (tmp_path / "empty.json").write_text('{"results": {}}')
    words = ["gate", "--baseline", tmp_path / "empty.json", "--candidate", tmp_path / "b"]
    done = parley("eval", *words)
    assert done.returncode == 1 and "has no figures to fall behind" in done.stderr and "Passed" not in done.stderr
    assert parley("eval", *words, "--max-drop", "nan").returncode == 2
