"""One run: a long job whose folder says what it is, how far it is and what came out.

<home>/runs/<id>/:

run.json         what it is: kind, title, the program that does it, its settings
status.json      how far it is, and whose it is; written by its process
metrics.jsonl    figures as they come, one object a line; samples.jsonl: answers as they change
comparison.jsonl answers before and after
log.txt          what its process and the libraries said
request          "pause" or "stop": what a person asks of its process, which looks between two steps
report.json      what else was found out: which label is taken for which
checkpoint-N/    what it goes on from; model/: what came out
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from assistant.errors import RunNotFound
from assistant.ownership import Owner
from assistant.whole_files import read_object, write_whole

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
    seconds_per_step: float = 0.0
    """At this start, since it made the first: reading and loading are not in it."""
    doing: str = ""
    """What it does while it makes no steps: "reading the data"."""
    message: str = ""
    hint: str = ""
    figures: Mapping[str, float] = field(default_factory=dict[str, float])
    """What came out."""
    owner: str = ""

    @property
    def eta_seconds(self) -> float | None:
        """Until it is done, at the pace so far."""
        return self.seconds_per_step * (self.steps - self.step) if self.seconds_per_step and self.steps else None


@dataclass(frozen=True)
class Run:
    """A run's folder and what its run.json says. program: a module that `python -m` runs with the folder."""

    folder: Path
    kind: str
    title: str
    program: str
    created: datetime
    settings: Mapping[str, Any]
    launcher: tuple[str, ...] = ()
    """Words of the command before `-m program`: what starts several processes of it."""

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

    def comparison(self) -> list[dict[str, Any]]:
        """Answers before and after, with their rewards, of a run that compared some: asked, before, after,
        reward_before, reward_after."""
        return self._lines("comparison.jsonl")

    def report(self) -> dict[str, Any]:
        """What was found out beside figures (report.json), where the kind of run has such; {} otherwise."""
        return read_object(self.folder / "report.json")

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
        write_whole(self.folder / "status.json", [json.dumps(asdict(status))])


def read_run(folder: Path) -> Run:
    """The run in a folder. Raises RunNotFound."""
    try:
        packed = json.loads((folder / "run.json").read_text("utf-8"))
        created = datetime.fromisoformat(packed["created"])
        launcher = tuple(packed.get("launcher", ()))
        return Run(folder, packed["kind"], packed["title"], packed["program"], created, packed["settings"], launcher)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise RunNotFound(f"{folder} is no run: its run.json cannot be read.") from error


def _objects(text: str) -> Iterator[dict[str, Any]]:
    for line in text.splitlines():
        with suppress(ValueError):
            value = json.loads(line)
            if isinstance(value, dict):
                yield value
