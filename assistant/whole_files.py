"""Files that are written whole or not at all: a reader never sees half of one, an old one survives a failure."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from secrets import token_hex


def write_whole(path: Path, pieces: Iterable[str]) -> None:
    """Write text beside `path`, then rename. A pipe or a device, which cannot be replaced, is written to directly.

    Raises OSError.
    """
    target = path.resolve()
    beside = target.with_name(f".{target.name}.{token_hex(4)}")
    stream = target.exists() and not target.is_file()
    try:
        with (target if stream else beside).open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(pieces)
        if not stream:
            beside.replace(target)
    finally:
        with suppress(OSError):
            beside.unlink()
