"""Evaluations one after another: who waits for whom, what a pause and a stop do to those behind, all made or none."""

from __future__ import annotations

import json
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

from assistant.errors import UnknownModel
from assistant.run import Run, State
from assistant.run_worker import Worker
from assistant.runs import Runs
from eval import turns
from eval.runner import Evaluation


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Run]:
    """Three runs of a line, none of which is begun. Of models named "gone" there can be none."""

    def create(runs: Runs, asked: Evaluation, *, keep: bool = False) -> Run:
        if asked.model == "gone":
            raise UnknownModel("There is no such model.")
        return runs.create("eval", asked.model, "eval", {"model": asked.model})

    monkeypatch.setattr("eval.runner.create", create)
    return turns.create_all(Runs(), [Evaluation(model=name, suite="mini") for name in ("zoe", "max", "ann")])


def ahead_of(run: Run) -> str:
    other = turns.ahead(run)
    return other.title if other else ""


def test_each_waits_for_those_before_it(made: list[Run]) -> None:
    first, second, third = made
    assert [turns.line(run) for run in made] == [[run.id for run in made]] * 3
    assert [ahead_of(run) for run in made] == ["", "", ""]  # nothing is begun
    worker, behind = Worker(first.folder), Worker(second.folder)
    behind.wait("waiting for zoe")
    assert turns.waits(second.status()) and not turns.waits(first.status())
    assert [ahead_of(run) for run in made] == ["", "zoe", "zoe"]
    worker.end(State.FINISHED)
    assert [ahead_of(run) for run in (second, third)] == ["", "max"]
    behind.end(State.FAILED, message="no")
    assert ahead_of(third) == ""


def test_a_pause_holds_the_line_and_a_stop_does_not(made: list[Run]) -> None:
    first, second, _ = made
    Worker(first.folder).end(State.PAUSED)
    assert ahead_of(second) == "zoe"
    Runs().stop(first)
    assert ahead_of(second) == ""
    working = Worker(second.folder)
    working.tell(doing="grammar")
    assert ahead_of(first) == "max"  # resumed, it waits for the one that is at work
    working.wait("waiting for ann")
    assert ahead_of(first) == ""
    Runs().stop(second)
    working.end(State.STOPPED)
    Runs().delete(second)
    assert [ahead_of(run) for run in (first, made[2])] == ["", ""]


def test_a_line_goes_on_where_another_ends(made: list[Run]) -> None:
    Worker(made[0].folder).tell(doing="grammar")
    (later,) = turns.create_all(Runs(), [Evaluation(model="tom", suite="mini")], after=made[:1])
    assert ahead_of(later) == "zoe"
    (alone,) = turns.create_all(Runs(), [Evaluation(model="sue", suite="mini")])
    assert turns.line(alone) == [] and ahead_of(alone) == ""


def test_waiting_says_for_whom_and_takes_none_of_the_run_s_time(
    made: list[Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, _ = made
    ends = Worker(first.folder)
    clock, told = [100.0], list[str]()
    monkeypatch.setattr("assistant.run_worker.time.monotonic", lambda: clock[0])

    def later(_: float) -> None:
        clock[0] += 60
        told.append(second.status().doing)
        if len(told) == 2:
            ends.end(State.PAUSED)
        if len(told) == 4:
            ends.end(State.FINISHED)

    monkeypatch.setattr("eval.turns.time.sleep", later)
    worker = Worker(second.folder)
    assert turns.wait(worker)
    assert told == ["waiting for zoe"] * 2 + ["waiting for zoe, which is paused"] * 2
    clock[0] += 5
    worker.tell(doing="grammar")
    assert second.status().seconds == pytest.approx(5)


@pytest.mark.parametrize(("request_", "state"), [("stop", State.STOPPED), ("pause", State.PAUSED)])
def test_who_waits_can_be_ended(made: list[Run], request_: str, state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eval.turns.time.sleep", lambda _: getattr(Runs(), request_)(made[1]))
    worker = Worker(made[0].folder)
    assert not turns.wait(Worker(made[1].folder))
    status = made[1].status()
    assert (status.state, status.message) == (state, "It was asked to end before its turn.")
    assert worker.run.status().state is State.RUNNING


def test_all_are_made_or_none_is(made: list[Run]) -> None:
    runs = Runs()
    asked = [Evaluation(model=name, suite="mini") for name in ("tom", "gone")]
    with pytest.raises(UnknownModel):
        turns.create_all(runs, asked)
    assert {run.title for run in runs} == {"zoe", "max", "ann"}


@pytest.mark.parametrize("text", ["", "[]", '{"line": ["nobody"]}'])
def test_a_line_that_cannot_be_read_holds_nobody(made: list[Run], text: str) -> None:
    (made[1].folder / "line.json").write_text(text)
    Worker(made[0].folder)
    assert turns.ahead(made[1]) is None


@pytest.mark.skipif(find_spec("lm_eval") is None, reason="lm-eval is not installed: the eval extra")
@pytest.mark.slow
def test_two_that_are_started_together_are_never_at_work_together(tiny_decoder: Path, tmp_path: Path) -> None:
    text = tmp_path / "mine.jsonl"
    text.write_text("".join(json.dumps({"text": f"The boats of pier {n} come in at dawn."}) + "\n" for n in range(20)))
    runs = Runs()
    model = str(tiny_decoder)
    asked = [Evaluation(model=model, suite="own-text", data=str(text)), Evaluation(model=model, suite="mini", limit=1)]
    made = turns.create_all(runs, asked)
    for run in made:
        runs.start(run)
    waited, deadline = False, time.monotonic() + 200
    while any(run.status().state.alive for run in made) and time.monotonic() < deadline:
        second, first = made[1].status(), made[0].status()  # in this order: the first may end in between
        at_work = [
            each.state is State.RUNNING and bool(each.doing) and not turns.waits(each) for each in (first, second)
        ]
        assert not all(at_work)
        waited = waited or turns.waits(second)
        time.sleep(0.05)
    assert waited and [run.status().state for run in made] == [State.FINISHED] * 2, [run.log() for run in made]
