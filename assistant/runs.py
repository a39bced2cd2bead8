"""The runs of a person, each a folder (run.py) and, while it works, a process of its own, which goes on when the page
closes or the server ends."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import psutil

from assistant import paths
from assistant.errors import RunError, RunNotFound
from assistant.ownership import Owner
from assistant.run import Run, State, read_run
from assistant.whole_files import write_whole

ENVIRONMENT = {"GOMP_SPINCOUNT": "20000", "THP_MEM_ALLOC_ENABLE": "1"}
"""Of a run's process. Threads that wait spin for microseconds and then sleep: a training and a chat, or two trainings,
share the cores; not to spin at all would cost a training a tenth of its pace. Large tensors begin at a huge page:
blocks that are kept for the next batch (finetune/memory.py) then fit it, at a lower peak (docs/experiments.md)."""


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
        *,
        launcher: Sequence[str] = (),
    ) -> Run:
        """A new run, not started yet. settings: what its program reads. files: name of a setting → a file, or a folder,
        that is copied into the run's folder, where the setting names it. launcher: of several processes, words before
        `-m program`.

        Raises RunError where that cannot be written.
        """
        created = datetime.now(UTC)
        name = "-".join(re.sub(r"[^a-z0-9.]+", "-", part.lower()).strip("-.") for part in (kind, title) if part)[:60]
        try:
            folder = self._new_folder(f"{created.astimezone():%Y%m%d-%H%M%S}-{name}")
            copies = {setting: folder / "data" / path.name for setting, path in files.items()}
            for setting, path in files.items():
                copies[setting].parent.mkdir(exist_ok=True)
                (shutil.copytree if path.is_dir() else shutil.copyfile)(path, copies[setting])
            settings = {**settings, **{setting: str(path) for setting, path in copies.items()}}
            run = Run(folder, kind, title, program, created, settings, tuple(launcher))
            packed: dict[str, Any] = {"kind": kind, "title": title, "program": program}
            packed |= {"launcher": list(launcher), "created": created.isoformat()}
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
                [sys.executable, "-P", *run.launcher, "-m", run.program, str(run.folder)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**ENVIRONMENT, **os.environ},
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
