"""Rows of one kind in a JSON file that only its owner may read: keys, accounts."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Generic, TypeVar

from filelock import FileLock
from pydantic import TypeAdapter

from assistant.errors import StoreFailed
from assistant.whole_files import write_whole

T = TypeVar("T")


class PrivateRows(Generic[T]):
    """The rows of a file, kept in memory for as long as the file is the same."""

    def __init__(self, path: Path, kind: type[T], hint: str) -> None:
        """kind: a dataclass. hint: what to do where the file is damaged."""
        self.path = path
        self._adapter: TypeAdapter[list[T]] = TypeAdapter(list[kind])  # pyright: ignore[reportInvalidTypeForm] - known when it runs
        self._hint = hint
        self._seen: tuple[int, int, int] | None = None
        self._rows: list[T] = []

    @contextmanager
    def lock(self) -> Generator[None]:
        """Held while rows are read, changed and written. Raises StoreFailed."""
        lock = FileLock(self.path.with_suffix(".lock"), mode=0o600)
        try:
            lock.acquire()
        except OSError as error:
            raise StoreFailed(f"{self.path} cannot be written: {error.strerror or error}.") from error
        try:
            yield
        finally:
            lock.release()

    def read(self) -> list[T]:
        """What is in the file now. Raises StoreFailed where it is damaged."""
        try:
            stat = self.path.stat()
            seen = (stat.st_mtime_ns, stat.st_ino, stat.st_size)
            if seen != self._seen:
                self._rows, self._seen = self._adapter.validate_json(self.path.read_bytes()), seen
            return list(self._rows)
        except FileNotFoundError:
            return []
        except (OSError, ValueError) as error:
            why = str(error).splitlines()[0]
            raise StoreFailed(f"{self.path} cannot be read: {why}.", hint=self._hint) from error

    def write(self, rows: Iterable[T]) -> None:
        """Put these in the place of what is there. Raises StoreFailed."""
        packed: list[Any] = [asdict(row) for row in rows]  # type: ignore[call-overload]
        try:
            write_whole(self.path, [json.dumps(packed, indent=1)], private=True)
        except OSError as error:
            raise StoreFailed(f"{self.path} cannot be written: {error.strerror}.") from error
