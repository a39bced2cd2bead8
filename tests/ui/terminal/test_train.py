"""`parley train` and `parley runs`, as a person types them."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ui import cli

PARLEY = [str(Path(sys.executable).with_name("parley"))]
TINY = ["per_device_train_batch_size=4", "logging_steps=1", "max_length=64"]


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    words = ("blue", "red", "green", "white", "black")
    asked = [{"instruction": f"what is {word}", "output": f"{word} it is"} for word in words]
    path.write_text("".join(json.dumps(row) + "\n" for row in asked * 2), "utf-8")
    return path


def parley(*words: object, cwd: Path = Path()) -> subprocess.CompletedProcess[str]:
    """`parley …` in this process: another one would import torch for seconds."""
    with contextlib.chdir(cwd):
        result = CliRunner().invoke(cli.app, [str(word) for word in words])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return subprocess.CompletedProcess(words, result.exit_code, result.stdout, result.stderr)


def test_a_run_from_its_start_to_the_chat(tiny_decoder: Path, rows: Path, tmp_path: Path) -> None:
    config = tmp_path / "x.yaml"
    config.write_text(f"model: {tiny_decoder}\nmax_steps: 3\n", "utf-8")
    done = parley("train", "sft", "--config", config, "data=rows.jsonl", *TINY, "--json", cwd=rows.parent)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["state"], told["step"], told["kind"]) == ("finished", 3, "sft")
    assert "step 3 of 3  loss" in done.stderr
    listed = parley("runs", "list")
    assert told["id"] in listed.stdout and "finished" in listed.stdout and "3/3" in listed.stdout
    assert told["id"].lower() in parley("models", "list", "--here").stdout
    assert parley("chat", "--model", told["id"], "--max-tokens", 5, "what is blue").returncode == 0
    compared = json.loads(parley("runs", "compare", "last", told["id"], "--json").stdout)
    assert [row["id"] for row in compared] == [told["id"]] * 2 and compared[0]["loss"] > 0 and "data" not in compared[0]
    assert "loss" in parley("runs", "compare", "last").stdout
    assert parley("runs", "delete", "last", "--yes").returncode == 0
    assert json.loads(parley("runs", "list", "--json").stdout) == []


@pytest.mark.slow
def test_a_run_that_fails_ends_with_its_error(tiny_decoder: Path, rows: Path) -> None:
    words = ["train", "sft", f"data={rows}", f"model={tiny_decoder}", "trainer.no_such=1", *TINY]
    for more in ([], ["--json"]):
        done = parley(*words, *more)
        assert done.returncode == 1 and "no field 'no_such'" in done.stderr and "Traceback" not in done.stderr
    assert json.loads(done.stdout)["state"] == "failed"


def test_a_dry_run_that_does_not_fit_says_what_would(
    tiny_decoder: Path, rows: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assistant.placement.has_bytes", lambda *_: 1000)
    done = parley("train", "sft", f"data={rows}", f"model={tiny_decoder}", *TINY, "--dry-run", "--json")
    assert done.returncode == 1 and "It does not fit: " in done.stderr and "0 MB free" in done.stderr, done.stderr
    told = json.loads(done.stdout)
    assert told["fits"] is False and told["hint"].startswith("Try per_device_train_batch_size=2")
    assert "gradient_accumulation_steps=2" in done.stderr


def test_ctrl_c_pauses_and_resume_goes_on(tiny_decoder: Path, rows: Path) -> None:
    words = ["train", "sft", f"data={rows}", f"model={tiny_decoder}", "max_steps=2000", *TINY]
    process = subprocess.Popen([*PARLEY, *words], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    seen = ""
    end = time.monotonic() + 90
    while "step 2 " not in seen and time.monotonic() < end:
        seen += process.stderr.readline()
    process.send_signal(signal.SIGINT)
    rest = process.communicate(timeout=60)[1]
    assert process.returncode == 0 and "Pausing after this step" in rest and "Paused after" in rest, rest
    assert json.loads(parley("runs", "list", "--json").stdout)[0]["state"] == "paused"
    assert parley("runs", "resume", "--detach").returncode == 0
    assert parley("runs", "stop", "last").returncode == 0
    watched = parley("runs", "watch", "last")
    assert watched.returncode == 0 and "Stopped" in watched.stderr, watched.stderr


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["ppo", "data=rows.jsonl"], 2, "no method 'ppo'"),
        (["sft"], 2, "data names no file"),
        (["sft", "data=none.jsonl"], 1, "none.jsonl"),
        (["sft", "data=rows.jsonl", "learning_rat=1"], 2, "did you mean learning_rate"),
        (["sft", "data=rows.jsonl", "model=nobody-knows"], 2, "no model called"),
        (["sft", "--config", "none.yaml"], 2, "none.yaml"),
        (["sft", "--base", "nobody-knows", "--preferences", "rows.jsonl"], 2, "no model called"),
        (["rlhf-loop", "--preferences", "rows.jsonl", "rlhf.betta=0.3"], 2, "did you mean beta"),
    ],
)
def test_mistakes_are_told_at_once(rows: Path, words: list[str], code: int, said: str) -> None:
    done = parley("train", *words, cwd=rows.parent)
    assert done.returncode == code and said in done.stderr and "Traceback" not in done.stderr, done.stderr
    assert json.loads(parley("runs", "list", "--json").stdout) == []
