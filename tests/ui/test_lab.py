"""The lab's trainings as runs, and `parley lab`."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from assistant.errors import BadDataset, BadSettings, ModelNotAvailable, ParleyError, TrainingDiverged, UserError
from assistant.run import Run, State
from assistant.runs import Runs
from demos import errors, lesson
from tests.ui.terminal.test_train import parley
from ui import lab
from ui.web.lab_view import trainings_html
from ui.web.lab_weights import weights_of

SMALL = {"data": "digits", "width": 8, "latent": 4, "batch_size": 16}


def run_it(run: Run) -> None:
    subprocess.run([sys.executable, "-P", "-m", run.program, str(run.folder)], check=True, timeout=120)


def losses(run: Run) -> list[Any]:
    return [(line["step"], line["loss"]) for line in run.metrics()]


def test_a_training_is_a_run_with_pictures_and_weights() -> None:
    runs = Runs()
    run = lab.create(runs, "vae", {**SMALL, "steps": 12})
    assert (run.kind, run.title) == ("lab", "VAE on digits")
    run_it(run)
    status = run.status()
    assert (status.state, status.step, status.steps) == (State.FINISHED, 12, 12), status.message
    assert losses(run)[-1][0] == 12 and run.metrics()[-1]["squared_error"] > 0
    shown = sorted((run.folder / lab.SAMPLES).iterdir())
    assert shown[0].name == "0000000.png" and shown[-1].name == "0000012.png"
    assert Image.open(shown[-1]).width > 400
    chosen, folder = lab.weights(runs, run.id)
    assert chosen.name == "vae" and json.loads((folder / "lab.json").read_text())["classes"] == list("0123456789")


def test_a_training_goes_further_than_it_was_to() -> None:
    runs = Runs()
    first = lab.create(runs, "vae", {**SMALL, "steps": 4})
    with pytest.raises(ModelNotAvailable, match="cannot be gone on with"):
        lab.create(runs, first.id, {"steps": 6})
    run_it(first)
    with pytest.raises(BadSettings, match="has made 4 steps"):
        lab.create(runs, first.id, {"beta": 2.0})
    further = lab.create(runs, first.id, {"steps": 6, "beta": 2.0})
    assert further.id != first.id and further.settings == {**first.settings, "steps": 6, "beta": 2.0}
    run_it(further)
    assert further.status().state is State.FINISHED, further.status().message
    assert min(step for step, _ in losses(further)) > 4 and losses(further)[-1][0] == 6
    assert [run.id for run in runs] == [further.id, first.id]


def test_a_pause_and_a_kill_lose_nothing() -> None:
    runs = Runs()
    whole, other = (lab.create(runs, "vae", {**SMALL, "steps": 300}) for _ in range(2))
    run_it(whole)
    runs.start(other)
    end = time.monotonic() + 60
    while other.status().step < 1 and time.monotonic() < end:
        time.sleep(0.05)
    runs.pause(other)
    while other.status().state.alive and time.monotonic() < end:
        time.sleep(0.05)
    assert other.status().state is State.PAUSED
    runs.start(other)
    runs.kill(other)
    while other.status().state.alive and time.monotonic() < end:
        time.sleep(0.05)
    assert other.status().state is State.INTERRUPTED
    run_it(other)
    weights = [(each.model / "model.safetensors").read_bytes() for each in (whole, other)]
    assert weights[0] == weights[1]


@pytest.mark.parametrize(
    ("raised", "wanted"),
    [
        (errors.BadPicture, BadDataset),
        (errors.BadText, BadDataset),
        (errors.NoData, ModelNotAvailable),
        (errors.BadConfig, BadSettings),
        (errors.Diverged, TrainingDiverged),
    ],
)
def test_every_error_of_the_lab_is_one_of_ours(raised: type[errors.LabError], wanted: type[ParleyError]) -> None:
    assert set(lab.OURS) == set(errors.LabError.__subclasses__())
    with pytest.raises(wanted, match=r"what\. do this") as found, lab.mapped():
        raise raised("what.", hint="do this")
    assert found.value.hint == "do this"


def test_data_is_named_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.txt").write_text("x" * 3000)
    monkeypatch.chdir(tmp_path)
    assert lab.create(Runs(), "rnn", {"data": "mine.txt"}).settings["data"] == str(tmp_path / "mine.txt")


@pytest.mark.parametrize(
    ("data", "said"),
    [("", "data is empty"), ("  ", "data is empty"), ("~nobody_here/x", "home directory"), ("x" * 300, "too long")],
)
def test_data_that_cannot_be_named(data: str, said: str) -> None:
    done = parley("lab", "train", "rnn", f"data={data}")
    assert (done.returncode, said in done.stderr, "Traceback" in done.stderr) == (2, True, False), done.stderr
    assert list(Runs()) == []


def test_last_is_the_newest_of_the_labs() -> None:
    runs = Runs()
    run = lab.create(runs, "vae", SMALL)
    later = runs.create("eval", "mini", "eval", {})
    with pytest.raises(ModelNotAvailable, match=f"{run.id} has no weights yet"):
        lab.weights(runs, "last")
    with pytest.raises(ModelNotAvailable, match="no training of the lab"):
        lab.weights(runs, later.id)


def test_weights_are_there_when_they_are_written_whole() -> None:
    assert lab.ABOUT == lesson.ABOUT
    runs = Runs()
    run = lab.create(runs, "vae", SMALL)
    run.model.mkdir()  # as one that is killed while it measures leaves it
    with pytest.raises(ModelNotAvailable, match="has no weights yet"):
        lab.weights(runs, run.id)
    assert run.id not in {key for _, key in weights_of(runs, "vae")["choices"]}
    assert "See what it makes" not in trainings_html([run])
    (run.model / lab.ABOUT).write_text("{}")
    assert lab.weights(runs, run.id)[1] == run.model
    assert run.id in {key for _, key in weights_of(runs, "vae")["choices"]}
    assert "See what it makes" in trainings_html([run])


def test_what_goes_wrong_is_the_runs_word(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("too short")
    run = lab.create(Runs(), "rnn", {"data": str(tmp_path / "mine.txt"), "steps": 2})
    run_it(run)
    assert run.status().state is State.FAILED
    assert run.status().message == "mine.txt has 9 characters." and "2,500" in run.status().hint


def test_from_a_training_to_pictures_in_the_terminal(tmp_path: Path) -> None:
    words = [f"{name}={value}" for name, value in SMALL.items()]
    done = parley("lab", "train", "gan", *words, "steps=3", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["state"], told["kind"]) == ("finished", "lab")
    made = tmp_path / "sevens.gif"
    done = parley("lab", "sample", told["id"], "--label", "7", "--count", 4, "--output", made)
    assert done.returncode == 0 and Image.open(made).n_frames == 8, done.stderr
    folder = tmp_path / "kept"
    folder.mkdir()
    (folder / "letter.txt").write_text("dear")
    refused = parley("lab", "sample", "last", "--output", folder)
    assert refused.returncode == 2 and (folder / "letter.txt").read_text() == "dear"
    with pytest.raises(UserError, match="is a folder"):
        lab.write_bytes(folder, b"")
    refused = parley("lab", "sample", "last", "--output", tmp_path / "sevens.doc")
    assert refused.returncode == 2 and "should end in .png or .gif" in refused.stderr


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["train", "hopfield"], 2, "no 'hopfield'"),
        (["train", "vae", "stepz=3"], 2, "did you mean steps"),
        (["train", "vae", "steps=0", "learning_rate=7"], 2, "steps is at least 1; learning_rate lies"),
        (["sample", "no-such-run"], 1, "There is no run 'no-such-run'"),
        (["sample", "last"], 1, "There is no run 'last'"),
    ],
)
def test_what_cannot_be_done_is_said(words: list[str], code: int, said: str) -> None:
    done = parley("lab", *words)
    assert (done.returncode, said in done.stderr, "Traceback" in done.stderr) == (code, True, False), done.stderr
