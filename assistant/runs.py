"""Runs: long jobs in processes of their own, which go on when the page closes or the server ends.

A run is a folder, <home>/runs/<id>/:

run.json         what it is: kind, title, the program that does it, its settings
status.json      how far it is, and whose it is; written by its process
metrics.jsonl    figures as they come, one object a line; samples.jsonl: answers as they change
log.txt          what its process and the libraries said
request          "pause" or "stop": what a person asks of its process, which looks between two steps
checkpoint-N/    what it goes on from; model/: what came out
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any

import psutil

from assistant import paths
from assistant.errors import RunError, RunNotFound
from assistant.ownership import Owner
from assistant.whole_files import write_whole

LOG_BYTES = 64_000
"""Of a log's end, what is read."""


class State(StrEnum):
    """Where a run stands."""

    NEW = "new"
    STARTING = "starting"
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"
    INTERRUPTED = "interrupted"  # its process is gone and did not say why

    @property
    def alive(self) -> bool:
        return self in (State.STARTING, State.RUNNING)

    @property
    def resumable(self) -> bool:
        return not self.alive and self is not State.FINISHED


@dataclass(frozen=True)
class Status:
    """How far a run is. message, hint: what ended it, where it ended otherwise than by finishing."""

    state: State = State.NEW
    step: int = 0
    steps: int = 0
    seconds: float = 0.0
    """That its process has worked, over all its starts."""
    doing: str = ""
    """What it does while it makes no steps: "reading the data"."""
    message: str = ""
    hint: str = ""
    figures: Mapping[str, float] = field(default_factory=dict[str, float])
    """What came out."""
    owner: str = ""
    updated: float = 0.0

    @property
    def eta_seconds(self) -> float | None:
        """Until it is done, at the pace so far."""
        return self.seconds / self.step * (self.steps - self.step) if self.step and self.steps else None


@dataclass(frozen=True)
class Run:
    """A run's folder and what its run.json says. program: a module that `python -m` runs with the folder."""

    folder: Path
    kind: str
    title: str
    program: str
    created: datetime
    settings: Mapping[str, Any]

    @property
    def id(self) -> str:
        return self.folder.name

    @property
    def model(self) -> Path:
        """Where what comes out goes."""
        return self.folder / "model"

    def status(self) -> Status:
        """How far it is now."""
        try:
            stored: dict[str, Any] = json.loads((self.folder / "status.json").read_text("utf-8"))
            stored["state"] = State(stored["state"])
            status = Status(**stored)
        except FileNotFoundError:
            return Status()
        except (OSError, ValueError, TypeError, KeyError):
            return Status(State.INTERRUPTED, message="What it wrote of itself cannot be read.")
        if status.state.alive and not Owner.alive(status.owner):
            return replace(
                status,
                state=State.INTERRUPTED,
                message="Its process is gone: killed, out of memory, or the machine went down.",
                hint="Resume it: it goes on from its last checkpoint.",
            )
        return status

    def metrics(self) -> list[dict[str, Any]]:
        """Every figure so far, oldest first; a line that is half written is left for the next time."""
        return self._lines("metrics.jsonl")

    def samples(self) -> list[dict[str, Any]]:
        """Answers as they change: step, asked, answered, reward; oldest first."""
        return self._lines("samples.jsonl")

    def _lines(self, name: str) -> list[dict[str, Any]]:
        with suppress(FileNotFoundError):
            return list(_objects((self.folder / name).read_text("utf-8", errors="replace")))
        return []

    def log(self) -> str:
        """The end of what it said."""
        with suppress(FileNotFoundError), (self.folder / "log.txt").open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - LOG_BYTES))
            return file.read().decode("utf-8", errors="replace")
        return ""

    def write_status(self, status: Status) -> None:
        """Raises OSError."""
        write_whole(self.folder / "status.json", [json.dumps(asdict(replace(status, updated=time.time())))])


class Runs:
    """The runs of a person, in one folder."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or paths.runs_folder()

    def create(
        self,
        kind: str,
        title: str,
        program: str,
        settings: Mapping[str, Any],
        files: Mapping[str, Path] = MappingProxyType({}),
    ) -> Run:
        """A new run, not started yet. settings: what its program reads. files: name of a setting → a file that is
        copied into the run's folder, where the setting names it. Raises RunError where that cannot be written.
        """
        created = datetime.now(UTC)
        name = "-".join(re.sub(r"[^a-z0-9.]+", "-", part.lower()).strip("-.") for part in (kind, title) if part)[:60]
        try:
            folder = self._new_folder(f"{created.astimezone():%Y%m%d-%H%M%S}-{name}")
            copies = {setting: folder / "data" / path.name for setting, path in files.items()}
            for setting, path in files.items():
                copies[setting].parent.mkdir(exist_ok=True)
                shutil.copyfile(path, copies[setting])
            settings = {**settings, **{setting: str(path) for setting, path in copies.items()}}
            run = Run(folder, kind, title, program, created, settings)
            packed = {"kind": kind, "title": title, "program": program, "created": created.isoformat()}
            write_whole(folder / "run.json", [json.dumps({**packed, "settings": settings}, indent=1)])
        except OSError as error:
            raise RunError(
                f"The run cannot be written: {error}.", hint="Free some space, or move PARLEY_HOME."
            ) from error
        return run

    def __iter__(self) -> Iterator[Run]:
        """Every run, the newest first."""
        for folder in sorted(self.folder.glob("*/run.json"), key=lambda path: path.parent.name, reverse=True):
            with suppress(RunNotFound):
                yield read_run(folder.parent)

    def find(self, name: str) -> Run:
        """The run of that id, of the one id that has `name` in it, or with "last" the newest. Raises RunNotFound."""
        runs = list(self)
        fitting = [run for run in runs if name == run.id] or [run for run in runs if name in run.id]
        if name == "last":
            fitting = runs[:1]
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            raise RunNotFound(f"{name!r} is in the names of {len(fitting)} runs.", hint=f"Say which: {fitting[0].id} …")
        raise RunNotFound(f"There is no run {name!r}.", hint="`parley runs list` shows those that there are.")

    def start(self, run: Run) -> None:
        """Begin a run, or go on with one, in a process of its own. Raises RunError where it runs already or is done."""
        status = run.status()
        if status.state.alive:
            raise RunError(f"{run.id} is running already.")
        if status.state is State.FINISHED:
            raise RunError(f"{run.id} is done.", hint="Start a new run to train further.")
        (run.folder / "request").unlink(missing_ok=True)
        # -P: a folder's own files are no modules. A session of its own: what ends the page or the terminal spares it.
        with (run.folder / "log.txt").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", run.program, str(run.folder)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                # Threads that wait do not spin: a training and a chat, or two trainings, share the cores.
                env={"OMP_WAIT_POLICY": "PASSIVE", **os.environ},
            )
        with suppress(psutil.NoSuchProcess):
            owner = Owner().of(process.pid)
            run.write_status(replace(status, state=State.STARTING, message="", hint="", owner=owner))

    def pause(self, run: Run) -> None:
        """Ask a run to write a checkpoint and end; `start` goes on from it. Raises RunError where it does not run."""
        self._ask(run, "pause")

    def stop(self, run: Run) -> None:
        """Ask a run to end with what it has: a model comes out. One that does not run is marked as stopped."""
        status = run.status()
        if status.state.alive:
            self._ask(run, "stop")
        elif status.state.resumable:
            run.write_status(replace(status, state=State.STOPPED, message="It was stopped.", hint=""))

    def kill(self, run: Run) -> None:
        """End a run's process at once, with no checkpoint."""
        status = run.status()
        if status.state.alive:
            with suppress(psutil.NoSuchProcess, ValueError):
                psutil.Process(int(status.owner.split(":")[0])).kill()

    def delete(self, run: Run) -> int:
        """Delete a run with all that came out; bytes freed. Raises RunError while it runs."""
        if run.status().state.alive:
            raise RunError(f"{run.id} is running.", hint="Stop it first.")
        freed = sum(file.stat().st_size for file in run.folder.rglob("*") if file.is_file())
        shutil.rmtree(run.folder)
        return freed

    def _ask(self, run: Run, request: str) -> None:
        if not run.status().state.alive:
            raise RunError(f"{run.id} does not run.")
        write_whole(run.folder / "request", [request])

    def _new_folder(self, name: str) -> Path:
        for number in range(1, 1000):
            folder = self.folder / (name if number == 1 else f"{name}-{number}")
            with suppress(FileExistsError):
                folder.mkdir(parents=True)
                return folder
        raise FileExistsError(name)


def read_run(folder: Path) -> Run:
    """The run in a folder. Raises RunNotFound."""
    try:
        packed = json.loads((folder / "run.json").read_text("utf-8"))
        created = datetime.fromisoformat(packed["created"])
        return Run(folder, packed["kind"], packed["title"], packed["program"], created, packed["settings"])
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise RunNotFound(f"{folder} is no run: its run.json cannot be read.") from error


def _objects(text: str) -> Iterator[dict[str, Any]]:
    for line in text.splitlines():
        with suppress(ValueError):
            value = json.loads(line)
            if isinstance(value, dict):
                yield value
