"""A Python process of our own that downloads something, can be killed at any moment, and never outlives us."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

# Its standard input is a pipe that nobody writes to. It closes when this process ends, however it ends, and the child
# goes then too: a server that is killed leaves no download running.
WATCH = """
import os, threading
def watch():
    while os.read(0, 1):
        pass
    os._exit(130)
threading.Thread(target=watch, daemon=True).start()
"""


class Child:
    """Runs `code` with `arguments` as sys.argv[1:], its output in files under `folder`."""

    def __init__(
        self, code: str, arguments: Sequence[str], folder: Path, *, environment: Mapping[str, str] | None = None
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._out, self._err = folder / "out.log", folder / "err.log"
        self._read = 0
        with self._out.open("wb") as out, self._err.open("wb") as err:
            # -P: modules lying about in the current folder are not imported. A session of its own makes a process
            # group of its own: a Ctrl-C meant for us does not reach it, and one signal ends all of it.
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", WATCH + code, *arguments],
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=err,
                cwd=folder,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
            )

    @property
    def returncode(self) -> int | None:
        """The exit code, None while it runs."""
        return self._process.poll()

    def messages(self) -> list[dict[str, Any]]:
        """The JSON objects that it has printed since the last call, one a line; other lines are passed over."""
        with self._out.open("rb") as file:
            file.seek(self._read)
            lines = file.read().splitlines(keepends=True)
        found: list[dict[str, Any]] = []
        for line in lines:
            if not line.endswith(b"\n"):
                break  # still being written
            self._read += len(line)
            with contextlib.suppress(ValueError):
                found += [message] if isinstance(message := json.loads(line), dict) else []
        return found

    def errors(self) -> str:
        """What it has printed to standard error so far."""
        return self._err.read_text(encoding="utf-8", errors="replace")

    def stop(self) -> None:
        """End it and everything that it started; harmless when it has ended."""
        pipe: IO[bytes] | None = self._process.stdin
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()
        if self._process.poll() is None:
            if os.name == "posix":
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._process.pid, signal.SIGKILL)
            else:
                self._process.kill()
        self._process.wait()
