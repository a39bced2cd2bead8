"""Files of JSON lines that are only added to: one that a kill cut short is passed over, and takes no other with it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any


def read(path: Path) -> Iterator[Any]:
    """Every line that can be read, the oldest first; none where there is no file. Raises OSError."""
    text = path.read_text("utf-8", errors="replace") if path.exists() else ""
    for line in text.splitlines():
        with suppress(ValueError):
            yield json.loads(line)


def append(path: Path, values: Iterable[Any]) -> None:
    """Add a line each, after the end of one that was cut short. Raises OSError."""
    lines = "".join(json.dumps(value) + "\n" for value in values)
    with path.open("a+b") as file:
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
            lines = lines if file.read(1) == b"\n" else "\n" + lines
        file.write(lines.encode())
