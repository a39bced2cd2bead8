"""`parley` in a process of its own while something is measured: who waits for it learns of its end, in its words."""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from assistant import paths

ROOT = Path(__file__).parents[2]
PARLEY = [sys.executable, "-c", "from ui.cli import main; main()"]
"""The command, of this checkout and this interpreter."""
COMING_SECONDS = 300
"""Until it answers: Ray has several processes to begin."""
GOING_SECONDS = 90
"""From SIGTERM to its end: replies have 30 seconds to come to theirs."""
WORDS = 2000
"""Of what it said, the last characters that are passed on."""


class BenchFailed(Exception):
    """There are no figures, or they would say something that is not so."""


class Ended(BenchFailed):
    """A process that was measured has ended by itself."""


@dataclass(frozen=True)
class Program:
    """A process that listens. said: its command. log: the file that its stderr goes into."""

    said: str
    address: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def port(self) -> int:
        return int(self.address[17:-1])

    def came_up(self, path: str = "", since: float | None = None) -> float:
        """Wait until `path` is answered; seconds since then (of time.perf_counter), else since now.

        Raises Ended where the process does, BenchFailed where it takes too long.
        """
        begun = time.perf_counter() if since is None else since
        while time.perf_counter() - begun < COMING_SECONDS:
            if self.process.poll() is not None:
                raise Ended(self.last_words())
            try:
                urllib.request.urlopen(self.address + path, timeout=5).close()
                return time.perf_counter() - begun
            except (OSError, http.client.HTTPException):
                time.sleep(0.05)
        raise BenchFailed(f"{self.said} did not answer within {COMING_SECONDS} seconds. {self._words()}")

    def last_words(self) -> str:
        """How it ended, of a process that has."""
        return f"{self.said} ended with exit code {self.process.wait()}. {self._words()}"

    def _words(self) -> str:
        words = self.log.read_text("utf-8", errors="replace").strip()
        return f"It said: {words[-WORDS:]}" if words else "It said nothing."


@contextmanager
def program(home: Path, only: str | None, *words: str) -> Generator[Program]:
    """`parley WORDS` on a port and a home of its own for the time of the block. only: the one model that it sees.

    Raises Ended for whatever goes wrong in the block where the process has ended by itself.
    """
    models = home / "models"
    models.mkdir(parents=True, exist_ok=True)
    there = paths.models_folder()
    for folder in there.iterdir() if there.is_dir() else ():
        if only in (None, folder.name) and not (models / folder.name).exists():
            (models / folder.name).symlink_to(folder)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{probe.getsockname()[1]}/"
    environment = os.environ | {"PARLEY_HOME": str(home), "PARLEY_MODELS": str(models), "PARLEY_AUTO_PULL": "0"}
    command = [*PARLEY, *words, "--port", address[17:-1]]
    log = home / "stderr.txt"
    with log.open("wb") as stderr:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=stderr)
    made = Program(f"`parley {' '.join(words)}`", address, process, log)
    try:
        yield made
    except Exception as error:
        if process.poll() is None or isinstance(error, Ended):
            raise
        raise Ended(made.last_words()) from error
    finally:
        _end(process)
        shutil.rmtree(home, ignore_errors=True)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(GOING_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
