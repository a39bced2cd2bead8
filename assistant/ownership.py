"""Who writes a streaming reply or a run: after a crash, what it left is told from the work of one that goes on."""

from __future__ import annotations

import os
import uuid
from dataclasses import dataclass, field
from typing import ClassVar

import psutil

START_TOLERANCE_SECONDS = 2.0
"""A process's start time is reckoned from the wall clock, which may be set while it runs."""


@dataclass(frozen=True)
class Owner:
    """One open store. Its text form goes into the rows of the replies that it is streaming.

    A process that is gone, or whose number now belongs to another process, owns nothing; nor does a closed store.
    """

    token: str = field(default_factory=lambda: uuid.uuid4().hex)
    _open_here: ClassVar[set[str]] = set()

    def open(self) -> str:
        """Start owning; the text to put into rows."""
        self._open_here.add(self.token)
        return self.of(os.getpid())

    def of(self, pid: int) -> str:
        """The text for what process `pid` does. Raises psutil.NoSuchProcess."""
        return f"{pid}:{psutil.Process(pid).create_time():.2f}:{self.token}"

    def close(self) -> None:
        """Stop owning: replies that are still streaming will not be finished."""
        self._open_here.discard(self.token)

    @classmethod
    def alive(cls, text: str | None) -> bool:
        """Whether the owner written in a row may still finish its reply."""
        try:
            pid, start, token = (text or "").split(":")
            if int(pid) == os.getpid():
                return token in cls._open_here
            process = psutil.Process(int(pid))
            if process.status() == psutil.STATUS_ZOMBIE:  # killed, and its parent has not looked yet
                return False
            return abs(process.create_time() - float(start)) <= START_TOLERANCE_SECONDS
        except (ValueError, OverflowError, psutil.NoSuchProcess):
            return False
        except psutil.AccessDenied:
            return True  # it runs, and that is all that may be known of it
