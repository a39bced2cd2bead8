"""A training that ends in an evaluation."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from assistant.errors import BadSettings, UnknownTask
from assistant.run import Run, State
from assistant.run_worker import Worker
from assistant.runs import Runs
from eval.answers import Answers
from eval.results import Results
from finetune.classifier import ClassifierSettings
from finetune.reward import RewardSettings
from finetune.settings import settings_from
from finetune.sft import SFTSettings
from tests.eval.made import grouped
from ui import training
from ui.training import create

pytestmark = pytest.mark.skipif(find_spec("lm_eval") is None, reason="lm-eval is not installed: the eval extra")


def settings(model: Path, folder: Path, **more: object) -> SFTSettings:
    rows = folder / "rows.jsonl"
    words = ("blue", "red", "green", "white", "black")
    asked = [{"prompt": f"what is {word}", "completion": f"{word} it is"} for word in words]
    rows.write_text("".join(json.dumps(row) + "\n" for row in asked * 2), "utf-8")
    given = {"model": str(model), "data": str(rows), "max_steps": 2, "max_length": 64, "evaluate": "mini", **more}
    return settings_from(SFTSettings, given)


def test_base_and_result_are_measured_and_the_card_says_so(tiny_decoder: Path, tmp_path: Path) -> None:
    runs = Runs()
    run = create(runs, "sft", settings(tiny_decoder, tmp_path))
    assert run.program == "ui.training"
    subprocess.run([sys.executable, "-P", "-m", run.program, str(run.folder)], check=True, timeout=200)
    status = run.status()
    assert status.state is State.FINISHED, status.message
    assert len(status.figures) == 8 and "mini arithmetic" in status.figures
    assert [line.partition(":")[0] for line in run.report()["evaluation"]][:2] == ["knowledge and sense", "grammar"]
    card = ModelCard.load(run.model / "README.md")
    named = {result.dataset_name: result.metric_value for result in card.data.eval_results or []}
    assert named["mini grammar"] == round(status.figures["mini grammar"], 4)
    assert "## Measured on Mini, before and after" in card.text and "## Settings" in card.text
    assert len(list(Runs(run.folder / "evaluations"))) == 2
    gate = run.report()["evaluation"][-1]
    assert gate.startswith(("Gate: passed, nothing is worse", "Gate: failed, mini_")) and gate in card.text


def test_a_suite_that_is_not_there_is_said_before_it_begins(tiny_decoder: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownTask, match="no suite 'maxi'"):
        create(Runs(), "sft", settings(tiny_decoder, tmp_path, evaluate="maxi"))


def test_what_cannot_be_measured_is_said_and_the_run_is_done(tiny_decoder: Path, tmp_path: Path) -> None:
    run = create(Runs(), "sft", settings(tiny_decoder, tmp_path, evaluate="hellaswag"))
    subprocess.run([sys.executable, "-P", "-m", run.program, str(run.folder)], check=True, timeout=200)
    status = run.status()
    assert status.state is State.FINISHED
    assert "It was not measured: The rows of hellaswag are on the Hub" in status.message
    assert (run.model / "adapter_config.json").is_file()


@pytest.mark.parametrize(
    ("suite", "said"),
    [
        pytest.param("own-text", "needs a file of rows", id="a text of one's own"),
        pytest.param("chat", "Nobody is named", id="somebody to be compared with"),
    ],
)
def test_a_suite_that_wants_more_is_refused_before_it_begins(
    suite: str, said: str, tiny_decoder: Path, tmp_path: Path
) -> None:
    with pytest.raises(BadSettings, match=rf"evaluate={suite} is not for this training: .*{said}") as told:
        create(Runs(), "sft", settings(tiny_decoder, tmp_path, evaluate=suite))
    assert "evaluate=mini" in told.value.hint and not list(Runs())


def test_a_suite_that_the_model_cannot_do_is_refused_before_it_begins(tiny_decoder: Path, tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"text": "good", "label": "yes"}\n{"text": "bad", "label": "no"}\n' * 10)
    sorting = settings_from(
        ClassifierSettings, {"model": "all-minilm-l6-v2", "data": str(rows), "evaluate": "hellaswag"}
    )
    with pytest.raises(BadSettings, match="cannot score given texts"):
        create(Runs(), "classifier", sorting)
    judging = settings_from(RewardSettings, {"model": str(tiny_decoder), "data": str(rows), "evaluate": "mini"})
    with pytest.raises(BadSettings, match="A reward model writes nothing"):
        create(Runs(), "reward", judging)


def done(model: Path, suite: str) -> Run:
    """A training that has ended, in this process."""
    run = Runs().create("sft", "tuned", training.PROGRAM, {"model": str(model), "evaluate": suite})
    shutil.copytree(model, run.model)
    Worker(run.folder).end(State.FINISHED, message="Two epochs.", figures={"loss": 0.5})
    return run


def test_a_card_that_was_written_before_a_kill_says_it_once(tiny_decoder: Path) -> None:
    run = done(tiny_decoder, "mini")
    card = "---\nmodel_name: tuned\ntags:\n- parley\n---\n# Tuned\n\n## Settings\n"
    (run.model / "README.md").write_text(card)
    for value in (0.25, 0.5):
        training.add_figures(run, "Measured", [f"it is {value}"], {"mini grammar": value})
    written = ModelCard.load(run.model / "README.md")
    assert [each.metric_value for each in written.data.eval_results or []] == [0.5]
    assert written.text.count("## Measured") == 1 and "it is 0.5" in written.text and "## Settings" in written.text


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), MemoryError("of 3 GB"), KeyError("mmlu")])
def test_whatever_befalls_the_measuring_the_run_is_done(
    error: Exception, tiny_decoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> Results:
        raise error

    monkeypatch.setattr(training, "run_suite", fail)
    run = done(tiny_decoder, "mini")
    training.measure(run)
    status = run.status()
    assert status.state is State.FINISHED and status.figures == {"loss": 0.5}
    assert status.message.startswith(f"Two epochs. It was not measured: {type(error).__name__}: ")
    assert f"--model {run.id}" in status.hint


def test_of_a_group_the_whole_is_told(tiny_decoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    both = tuple(
        grouped(tmp_path / name, {"island": [1.0] * hits + [0.0] * (60 - hits), "npi": [1.0] * 60}, whole="blimp")
        for name, hits in (("before", 50), ("after", 20))
    )
    monkeypatch.setattr(training, "_measured", lambda *_: both)
    run = done(tiny_decoder, "blimp")
    training.measure(run)
    status = run.status()
    assert status.message == "Two epochs. It became worse at BLiMP."
    assert status.figures == {"loss": 0.5, "blimp BLiMP": pytest.approx(80 / 120)}
    whole, gate = run.report()["evaluation"]
    assert whole.startswith("BLiMP: 0.917 → 0.667. Real: -0.250") and gate.startswith("Gate: failed, island acc: 0.83")


def test_a_kill_while_it_is_measured_costs_no_answer(tiny_decoder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second time nothing is trained, the base is not measured again, and the result's answers are gone on with."""
    answered: list[int] = []
    add, run = Answers.add, done(tiny_decoder, "mini")

    def killed(self: Answers, found: Mapping[str, object]) -> None:
        add(self, found)
        answered.append(len(found))
        if len(list(Runs(run.folder / "evaluations"))) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(Answers, "add", killed)
    with pytest.raises(KeyboardInterrupt):
        training.measure(run)
    first = sum(answered)
    monkeypatch.setattr(Answers, "add", lambda self, found: (add(self, found), answered.append(len(found))))
    monkeypatch.setattr(sys, "argv", ["training", str(run.folder)])
    monkeypatch.setattr(training.trained, "main", lambda: pytest.fail("it is trained"))
    training.main()
    status = run.status()
    assert status.state is State.FINISHED and status.message.startswith("Two epochs.")
    assert status.figures["loss"] == 0.5 and "mini grammar" in status.figures
    parts = list(Runs(run.folder / "evaluations"))
    assert len(parts) == 2 and sum(answered) == sum(len(Answers(part.folder / "answers.jsonl")) for part in parts)
    assert 0 < sum(answered) - first < first


def test_a_pause_while_it_is_measured(tiny_decoder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = done(tiny_decoder, "mini")
    (run.folder / "request").write_text("pause")
    training.measure(run)
    assert run.status().state is State.PAUSED and "measured" in run.status().message
    (run.folder / "request").write_text("stop")
    training.measure(run)
    status = run.status()
    assert status.state is State.FINISHED and status.message == "Two epochs. It was not measured: it was asked to end."
