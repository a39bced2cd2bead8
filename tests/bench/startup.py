"""Seconds until `parley --help` has answered, in a process of its own as a person starts it."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

REPEATS = 9
CODE = "from ui.cli import main; main()"


def run() -> dict[str, float]:
    """Median and worst seconds of several starts after one to warm the disk's cache, and those of Python alone."""
    root = Path(__file__).parents[2]

    def seconds(*words: str) -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, *words], cwd=root, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - start

    seconds("-c", CODE, "--help")
    starts = [seconds("-c", CODE, "--help") for _ in range(REPEATS)]
    return {
        "help_seconds": statistics.median(starts),
        "help_seconds_worst": max(starts),
        "python_seconds": statistics.median(seconds("-c", "pass") for _ in range(REPEATS)),
    }


if __name__ == "__main__":
    for name, value in run().items():
        sys.stdout.write(f"{name} {value:.3f}\n")
