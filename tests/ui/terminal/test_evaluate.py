"""`parley eval`, as a person types it."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.eval.made import made
from tests.ui.terminal.test_train import parley

GATE = ["gate", "--baseline", "a", "--candidate", "b"]


@pytest.mark.skipif(find_spec("lm_eval") is None, reason="lm-eval is not installed: the eval extra")
def test_a_suite_from_its_start_to_a_report(tiny_decoder: Path, tmp_path: Path) -> None:
    output = tmp_path / "found.json"
    done = parley("eval", "run", "-m", tiny_decoder, "--limit", 2, "--output", output)
    assert done.returncode == 0, done.stderr
    assert "mini_choice" in done.stdout and "(2)" in done.stdout
    assert json.loads(output.read_text())["n-samples"]["mini_grammar"]["effective"] == 2
    listed = parley("runs", "list")
    assert "eval-mini-tiny-decoder" in listed.stdout and "finished" in listed.stdout
    watched = parley("runs", "watch", "last")
    assert "mini_grammar" in watched.stderr and "Talk to it" not in watched.stderr
    report = tmp_path / "report.html"
    assert parley("eval", "report", "last", output, "--output", report).returncode == 0
    assert "<svg" in report.read_text()


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
        pytest.param(["compare", "none", "last"], 1, "There is no run 'none'", id="no run"),
        pytest.param(["gate", "--baseline", "a.json"], 2, "--candidate", id="half a gate"),
        pytest.param(
            ["gate", "--baseline", "a", "--candidate", "b", "--max-drop", "-1"], 2, "must be 0 or more", id="drop"
        ),
    ],
)
def test_what_is_said_of_mistakes(words: list[str], code: int, said: str) -> None:
    done = parley("eval", *words)
    assert done.returncode == code and said in done.stderr and "Traceback" not in done.stderr


def test_votes(parley_home: Path) -> None:
    assert "No vote yet" in parley("eval", "votes").stderr
    lines = ['{"one": "a", "other": "b", "won": 1.0, "asked": "?"}'] * 4
    (parley_home / "votes.jsonl").write_text("\n".join(lines) + "\n")
    assert "4 votes  a" in parley("eval", "votes").stdout
    assert [each["model"] for each in json.loads(parley("eval", "votes", "--json").stdout)] == ["a", "b"]
