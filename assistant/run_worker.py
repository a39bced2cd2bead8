"""What a run's own process does to its folder: the other side of run.py."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil

from assistant.errors import ParleyError, RunError
from assistant.ownership import Owner
from assistant.run import State, read_run
from assistant.whole_files import write_whole


def _line(owner: str) -> set[str]:
    """This process and those that it descends from, as owners are written: a launcher may have begun it."""
    above = psutil.Process().parents()
    return {owner.rpartition(":")[0], *(Owner().of(each.pid).rpartition(":")[0] for each in above)}


class Worker:
    """A run's own process: tells how far it is, and hears what a person asks."""

    def __init__(self, folder: Path) -> None:
        """Raises RunNotFound, RunError where another process does the same run."""
        self.run = read_run(folder)
        self._status = self.run.status()
        owner = Owner().open()
        if self._status.state.alive and self._status.owner.rpartition(":")[0] not in _line(owner):
            raise RunError(f"{self.run.id} is running already.")
        self._begun, self._before = time.monotonic(), self._status.seconds
        self._from: tuple[int, float] | None = None
        """The step, and when, that the pace is reckoned from."""
        self._set(state=State.RUNNING, owner=owner, message="", hint="", seconds_per_step=0.0)

    @property
    def step(self) -> int:
        """How far the run was when last it told."""
        return self._status.step

    def tell(self, *, step: int | None = None, steps: int | None = None, doing: str = "") -> None:
        """Say how far it is. Raises OSError where that cannot be written."""
        known = self._status
        changes: dict[str, Any] = {"doing": doing, "steps": known.steps if steps is None else steps}
        if step is not None:
            if self._from is None or step < known.step:  # the first, or of the next part of a loop
                self._from = step, time.monotonic()
            made = step - self._from[0]
            changes |= {"step": step, "seconds_per_step": (time.monotonic() - self._from[1]) / made if made else 0.0}
        self._set(**changes)

    def pace_anew(self) -> None:
        """What comes next is where the pace is reckoned from: what was told before was not done just now."""
        self._from = None

    def wait(self, doing: str) -> None:
        """Say what is waited for: that is no time that the run has worked. Raises OSError."""
        self._begun = time.monotonic()
        self._set(doing=doing)

    def record(self, step: int, **figures: Any) -> None:
        """Add figures to the metrics."""
        line = json.dumps({"step": step, "time": round(time.time(), 3), **figures})
        with (self.run.folder / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def sample(self, step: int, asked: str, answered: str, reward: float) -> None:
        """Keep an answer as it is at this step."""
        line = json.dumps({"step": step, "asked": asked, "answered": answered, "reward": round(reward, 4)})
        with (self.run.folder / "samples.jsonl").open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def forget_after(self, step: int) -> None:
        """Drop the figures and samples of steps that are done again, since the last checkpoint is before them."""
        self.keep(lambda line: line.get("step", 0) <= step)

    def keep(self, wanted: Callable[[Mapping[str, Any]], bool]) -> None:
        """Drop the other figures and samples."""
        for name, lines in (("metrics.jsonl", self.run.metrics()), ("samples.jsonl", self.run.samples())):
            if lines:
                write_whole(self.run.folder / name, [json.dumps(line) + "\n" for line in lines if wanted(line)])

    def asked(self) -> str:
        """ "pause" or "stop" where a person asked for it, "" otherwise."""
        try:
            return (self.run.folder / "request").read_text("utf-8").strip()
        except OSError:
            return ""

    def end(
        self, state: State, *, message: str = "", hint: str = "", figures: Mapping[str, float] | None = None
    ) -> None:
        """The last word of this process."""
        self._set(state=state, message=message, hint=hint, doing="", figures=dict(figures or self._status.figures))

    def work(self, job: Callable[[], object]) -> None:
        """Do the job; what it raises becomes the run's status, what is no ParleyError is raised on for the log too."""
        try:
            job()
        except ParleyError as error:
            self.end(State.FAILED, message=error.message, hint=error.hint)
        except BaseException as error:
            told = f"It failed: {type(error).__name__}: {error}"
            self.end(State.FAILED, message=told[:2000], hint="Its log says where; resume it when the cause is gone.")
            raise

    def _set(self, **changes: Any) -> None:
        seconds = self._before + time.monotonic() - self._begun
        self._status = replace(self._status, seconds=seconds, **changes)
        self.run.write_status(self._status)


class Onlooker(Worker):
    """A further process of a run on several devices: it does the same work, and the first speaks for all."""

    def __init__(self, folder: Path) -> None:
        self.run = read_run(folder)
        self._status = self.run.status()

    def record(self, step: int, **figures: Any) -> None: ...

    def sample(self, step: int, asked: str, answered: str, reward: float) -> None: ...

    def keep(self, wanted: Callable[[Mapping[str, Any]], bool]) -> None: ...

    def tell(self, *, step: int | None = None, steps: int | None = None, doing: str = "") -> None: ...

    def wait(self, doing: str) -> None: ...

    def end(
        self, state: State, *, message: str = "", hint: str = "", figures: Mapping[str, float] | None = None
    ) -> None: ...

    def asked(self) -> str:
        return ""

    def work(self, job: Callable[[], object]) -> None:
        job()
