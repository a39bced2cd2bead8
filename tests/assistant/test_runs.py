"""Runs in processes of their own: started, watched, paused, gone on with, killed, deleted."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from assistant.errors import RunError, RunNotFound
from assistant.run import Run, State, Status
from assistant.run_worker import Worker
from assistant.runs import Runs


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Runs:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    return Runs()


def begin(runs: Runs, **settings: Any) -> Run:
    run = runs.create("sft", "a run of Ünï/../code", "a_program", {"steps": 3, **settings})
    runs.start(run)
    return run


def wait(run: Run, *, until: int | None = None, seconds: float = 20) -> Status:
    """Until its process has ended, or has made `until` steps."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        status = run.status()
        if not status.state.alive or (until is not None and status.step >= until):
            return status
        time.sleep(0.02)
    raise AssertionError(f"{run.status()}\n{run.log()}")


def test_a_run_tells_how_far_it_is_and_what_came_out(runs: Runs) -> None:
    run = begin(runs)
    status = wait(run)
    assert (status.state, status.step, status.steps, status.figures) == (State.FINISHED, 3, 3, {"sum": 1.0})
    assert [(line["step"], line["loss"]) for line in run.metrics()] == [(1, 1.0), (2, 0.5), (3, 1 / 3)]
    assert "counting" in run.log()
    assert [each.id for each in runs] == [run.id] and runs.find("last").title == "a run of Ünï/../code"
    assert run.folder.parent == runs.folder and "/" not in run.id
    with pytest.raises(RunError, match="is done"):
        runs.start(run)


def test_a_pause_is_gone_on_from(runs: Runs) -> None:
    run = begin(runs, steps=60, seconds=0.05)
    wait(run, until=2)
    with pytest.raises(RunError, match="running already"):
        runs.start(run)
    with pytest.raises(RunError, match="Stop it first"):
        runs.delete(run)
    runs.pause(run)
    paused = wait(run)
    assert paused.state is State.PAUSED and 2 <= paused.step < 60
    with pytest.raises(RunError, match="does not run"):
        runs.pause(run)
    runs.start(run)
    assert wait(run).state is State.FINISHED
    assert [line["step"] for line in run.metrics()] == list(range(1, 61))
    assert run.status().seconds > paused.seconds


def test_the_time_left_is_reckoned_from_the_first_step(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    run = runs.create("sft", "paced", "a_program", {})
    clock = [100.0]
    monkeypatch.setattr("assistant.run_worker.time.monotonic", lambda: clock[0])
    worker = Worker(run.folder)
    worker.tell(doing="loading")
    clock[0] += 60
    worker.tell(step=0, steps=10)
    assert run.status().eta_seconds is None
    clock[0] += 8
    worker.tell(step=4, steps=10)
    worker.tell(doing="measuring")
    assert run.status().eta_seconds == pytest.approx(12) and run.status().seconds == pytest.approx(68)
    worker.tell(step=0, steps=5)  # the next part of a loop
    clock[0] += 3
    worker.tell(step=1, steps=5)
    assert run.status().eta_seconds == pytest.approx(12)
    worker.pace_anew()
    worker.tell(step=4, steps=6)  # known from before a kill, at no cost
    clock[0] += 7
    worker.tell(step=5, steps=6)
    assert run.status().eta_seconds == pytest.approx(7)


def test_what_a_run_waits_for_is_none_of_its_time(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr("assistant.run_worker.time.monotonic", lambda: clock[0])
    worker = Worker(runs.create("eval", "waits", "a_program", {}).folder)
    worker.wait("waiting for another")
    clock[0] += 600
    worker.wait("")
    clock[0] += 5
    worker.tell(step=1)
    assert worker.run.status().seconds == pytest.approx(5)


def test_a_stop_ends_with_what_there_is(runs: Runs) -> None:
    run = begin(runs, steps=60, seconds=0.05)
    wait(run, until=1)
    runs.stop(run)
    assert wait(run).state is State.STOPPED
    assert run.status().state.resumable


def test_a_killed_process_is_seen(runs: Runs) -> None:
    run = begin(runs, dies_at=3)
    status = wait(run)
    assert (status.state, status.step) == (State.INTERRUPTED, 2)
    assert "killed" in status.message and "Resume" in status.hint
    runs.stop(run)
    assert run.status().state is State.STOPPED


@pytest.mark.parametrize(
    ("how", "said"), [("fails_at", "The loss is infinite."), ("breaks_at", "ZeroDivisionError: a bug")]
)
def test_a_failure_says_what_happened(runs: Runs, how: str, said: str) -> None:
    run = begin(runs, **{how: 2})
    status = wait(run)
    assert status.state is State.FAILED and said in status.message and status.hint
    if how == "breaks_at":
        end = time.monotonic() + 10
        while "Traceback" not in run.log() and time.monotonic() < end:  # written as the process goes
            time.sleep(0.02)
    assert ("Traceback" in run.log()) is (how == "breaks_at")


def test_a_program_that_does_not_begin_is_seen(runs: Runs) -> None:
    run = runs.create("sft", "none", "no_such_module_anywhere", {})
    assert run.status().state is State.NEW
    runs.start(run)
    assert wait(run).state is State.INTERRUPTED
    assert "No module named no_such_module_anywhere" in run.log()


def test_two_processes_do_not_do_one_run(runs: Runs) -> None:
    run = begin(runs, steps=60, seconds=0.05)
    wait(run, until=1)
    with pytest.raises(RunError, match="running already"):
        Worker(run.folder)
    runs.stop(run)
    wait(run)


def test_runs_are_found_by_a_part_of_their_name_and_deleted(runs: Runs) -> None:
    one, two = (runs.create("sft", title, "a_program", {}) for title in ("first", "second"))
    assert runs.find("first") == one and runs.find(two.id) == two
    with pytest.raises(RunNotFound, match="in the names of 2 runs"):
        runs.find("sft")
    with pytest.raises(RunNotFound, match="no run 'third'"):
        runs.find("third")
    assert runs.delete(one) > 0 and [run.id for run in runs] == [two.id]
    again = runs.create("sft", "second", "a_program", {})
    assert again.id != two.id


@pytest.mark.parametrize("text", ["", "{", "[]", '{"kind": 1}', '{"state": "asleep"}', "\x00\xff"])
def test_broken_files_do_no_harm(runs: Runs, text: str) -> None:
    good, broken = (runs.create("sft", title, "a_program", {}) for title in ("good", "broken"))
    (good.folder / "status.json").write_text(text, "utf-8")
    assert good.status().state is State.INTERRUPTED
    (good.folder / "metrics.jsonl").write_text(json.dumps({"step": 1}) + "\n" + text, "utf-8")
    assert good.metrics() == [{"step": 1}] or text == '{"kind": 1}' or text == '{"state": "asleep"}'
    (broken.folder / "run.json").write_text(text, "utf-8")
    assert [run.id for run in runs] == [good.id]
    with pytest.raises(RunNotFound, match="cannot be read"):
        Worker(broken.folder)


def test_a_file_and_a_folder_are_copied_into_the_run(runs: Runs, tmp_path: Path) -> None:
    folder = tmp_path / "rows"
    folder.mkdir()
    for name in ("dev.en", "dev.fr"):
        (folder / name).write_text(name)
    files = {"data": folder, "tests": folder / "dev.en"}
    run = runs.create("eval", "x", "a_program", {"data": "elsewhere"}, files)
    data, tests = Path(run.settings["data"]), Path(run.settings["tests"])
    assert data.is_relative_to(run.folder) and tests.is_relative_to(run.folder)
    assert {each.name: each.read_text() for each in data.iterdir()} == {"dev.en": "dev.en", "dev.fr": "dev.fr"}
    assert tests.read_text() == "dev.en"


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot be written"):
        Runs(tmp_path / "file").create("sft", "x", "a_program", {})
    assert list(Runs(tmp_path / "nothing")) == []
