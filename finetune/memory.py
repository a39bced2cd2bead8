"""How the memory of a training is handed out, and watched."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager

from assistant import hardware
from assistant.heap import glibc, trim
from assistant.run import State
from assistant.run_worker import Worker

TRIM_THRESHOLD, MMAP_MAX = -1, -4
"""M_TRIM_THRESHOLD and M_MMAP_MAX of glibc's malloc.h."""
USUAL = {TRIM_THRESHOLD: 128 * 1024, MMAP_MAX: 65536}
"""What they are by default."""
LEAST_FREE = 0.02
"""Of the machine's memory: with less, the system is about to end some process, and chooses which."""
LOOK_SECONDS = 0.1


def keep_freed_blocks() -> bool:
    """Have this process keep large blocks that are freed, for the next batch; whether it now does.

    glibc gives them back to the system, which clears each page anew when the next batch wants it: a sixth of the time
    of a step on a CPU. Where there is no glibc nothing is changed.
    """
    libc = glibc()
    return bool(libc and libc.mallopt(MMAP_MAX, 0) and libc.mallopt(TRIM_THRESHOLD, -1))


@contextmanager
def freed_blocks_kept() -> Generator[None]:
    """The same for the time of the block, after which all that is free is given back.

    Where sizes grow step by step, as when long answers are generated, what is kept fits nothing any more, and a process
    grows by gigabytes.
    """
    kept = keep_freed_blocks()
    try:
        yield
    finally:
        if kept:
            libc = glibc()
            for name, value in USUAL.items():
                libc.mallopt(name, value)
            trim()


@contextmanager
def watched(worker: Worker, hint: str, leave: Callable[[int], object] = os._exit) -> Generator[None]:
    """For the time of the block, end the run and its process before the system's memory is used up.

    A step of a training cannot be broken off from within. hint: what would fit.
    """
    over = threading.Event()

    def look() -> None:
        while not over.wait(LOOK_SECONDS):
            whole, free = hardware.memory()
            if free < LEAST_FREE * whole:
                worker.end(State.FAILED, message="The memory does not hold this run.", hint=hint)
                leave(1)
                return

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
