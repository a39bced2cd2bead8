from __future__ import annotations

import sys
import time
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from assistant.errors import EngineFailed, RunInterrupted
from assistant.run import State
from assistant.service import Assistant
from eval import report, results, speed
from eval.answers import Answers
from eval.runner import fitting
from eval.suite import suite
from tests.eval.test_runner import evaluated


@pytest.mark.parametrize(
    ("said", "answer", "right"),
    [("7 + 5 = 12", "12", True), ("It is 12, not 13.", "12", False), ("twelve", "12", False), ("-3", "-3", True)],
)
def test_the_last_number_counts(said: str, answer: str, right: bool) -> None:
    assert speed._right(said, answer) is right


@pytest.mark.model
def test_what_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "REPEATS", 1)
    monkeypatch.setattr(speed, "TOKENS", 8)
    found = speed.measured("smollm2-135m-instruct", "llamacpp", None, [{"question": "What is 7 + 5?", "answer": "12"}])
    assert found["tokens_per_second"] > 5 and 0 < found["first_token_seconds"] < 30
    assert found["load_seconds"] > 0.1 and 0.2 < found["peak_gigabytes"] < 16
    assert len(found["said"]) == 1 and found["said"][0]


@pytest.mark.model
@pytest.mark.slow
@pytest.mark.skipif(find_spec("lm_eval") is None, reason="lm-eval is not installed: the eval extra")
def test_engines_are_timed_side_by_side() -> None:
    entry = Assistant().find("smollm2-135m-instruct")
    names = [task.name for task in fitting(entry, suite("speed"))]
    assert names[:2] == ["speed_llamacpp", "speed_transformers"]
    run = evaluated(entry.key, "speed", limit=3)
    assert run.status().state is State.FINISHED, run.status().message
    found = results.read(run.folder)
    values = {(figure.task, figure.metric): figure.value for figure in found.figures()}
    assert values["speed_llamacpp", "tokens_per_second"] > values["speed_transformers", "tokens_per_second"] > 1
    assert all(0.2 < values[name, "peak_gigabytes"] < 8 for name in names)
    assert 0 < values["speed_llamacpp", "first_token_seconds"] < 30
    assert {figure.samples for figure in found.figures()} == {3}
    drawn = report.plots([found])
    assert drawn.count("<circle") == len(names) and "tokens a second" in drawn


def test_what_is_no_gguf_is_not_timed_on_llama_cpp(tiny_decoder: Path) -> None:
    names = [task.name for task in fitting(Assistant().find(str(tiny_decoder)), suite("speed"))]
    assert names[0] == "speed_transformers"


def test_what_cannot_be_timed_is_said(tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"question": "?", "answer": "1"}\n')
    answers = Answers(tmp_path / "answers.jsonl")
    with pytest.raises(EngineFailed, match=r"no.such could not be timed on transformers: .*no.such"):
        speed.evaluate(suite("speed").tasks[1], rows, "no.such", None, answers, lambda done, total: None)
    assert len(answers) == 0


def test_a_pause_is_heard_while_a_model_is_timed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "LISTEN_SECONDS", 0.1)
    began = tmp_path / "began"
    words = [sys.executable, "-c", f"import pathlib, time; pathlib.Path({str(began)!r}).touch(); time.sleep(60)"]
    heard: list[bool] = []

    def listen() -> None:
        heard.append(began.exists())
        if heard[-1]:
            raise RunInterrupted("Pause.")

    started = time.monotonic()
    with pytest.raises(RunInterrupted):
        speed._said(words, listen)
    assert heard[-1] and time.monotonic() - started < 30  # it does not sleep to its end
    assert speed._said([sys.executable, "-c", "print('x' * 200_000)"], lambda: None)[0].strip() == "x" * 200_000


class Cuda:
    """torch.cuda of a machine with so many bytes taken on each device."""

    def __init__(self, *taken: int) -> None:
        self.taken = taken

    def is_available(self) -> bool:
        return bool(self.taken)

    def device_count(self) -> int:
        return len(self.taken)

    def max_memory_allocated(self, device: int) -> int:
        return self.taken[device]


@pytest.mark.parametrize(
    ("torch", "taken"),
    [
        pytest.param(None, 0, id="llama.cpp"),
        pytest.param(SimpleNamespace(cuda=Cuda()), 0, id="no GPU"),
        pytest.param(SimpleNamespace(cuda=Cuda(700, 300)), 1000, id="two GPUs"),
    ],
)
def test_memory_on_gpus_counts(torch: Any, taken: int) -> None:
    assert speed.gpu_bytes(torch) == taken
