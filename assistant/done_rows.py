"""What the rows of a job have become so far, on disk: a line that names the job, then a JSON line a row, in order.

It is all that a run after a kill needs to go on.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class DoneRows:
    """The rows of one job that are done, in the file at `path`."""

    path: Path
    job: Sequence[str | int]
    """What makes it this job and no other: settings, source, its size and time."""

    def resume(self) -> int:
        """Rows that an earlier run of the same job has done; half a line that it was killed in is cut off, and what
        another job has left is forgotten."""
        header = json.dumps({"job": hashlib.sha256(json.dumps(self.job).encode()).hexdigest()[:16]}).encode() + b"\n"
        done = 0
        if self.path.exists():
            with self.path.open("rb+") as file:
                if file.readline() == header:
                    end = file.tell()
                    for line in file:
                        if not line.endswith(b"\n"):
                            break
                        end += len(line)
                        done += 1
                    file.truncate(end)
                    return done
        self.path.write_bytes(header)
        return 0

    def add(self, became: Iterable[Mapping[str, Any]]) -> None:
        """Rows more, on disk when it returns."""
        with self.path.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(each, ensure_ascii=False, default=str) + "\n" for each in became)
            file.flush()
            os.fsync(file.fileno())

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        with self.path.open(encoding="utf-8") as file:
            next(file)
            yield from map(json.loads, file)
