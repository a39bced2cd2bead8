"""Files that are written whole or not at all: a reader never sees half of one, an old one survives a failure."""

from __future__ import annotations

import json
import shutil
from collections.abc import Generator, Iterable
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from secrets import token_hex
from typing import Any


@contextmanager
def beside(target: Path) -> Generator[Path]:
    """A name beside `target` for a file or a folder; what is there in the end takes the target's place, if all went
    well.

    Raises OSError.
    """
    partial = target.with_name(f".{target.name}.{token_hex(4)}")
    try:
        yield partial
        if target.is_dir():
            shutil.rmtree(target)
        partial.replace(target)
    finally:
        if partial.is_dir():
            shutil.rmtree(partial, ignore_errors=True)
        with suppress(OSError):
            partial.unlink()


def write_whole(path: Path, pieces: Iterable[str], *, private: bool = False) -> None:
    """Write text beside `path`, then rename. A pipe or a device, which cannot be replaced, is written to directly.
    private: only the owner may read it.

    Raises OSError.
    """
    target = path.resolve()
    stream = target.exists() and not target.is_file()
    with nullcontext(target) if stream else beside(target) as place:
        if private and not stream:
            place.touch(mode=0o600)
        with place.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(pieces)


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file; {} where there is no such file, or something else in it."""
    with suppress(OSError, ValueError):
        found = json.loads(path.read_text("utf-8"))
        return found if isinstance(found, dict) else {}
    return {}
