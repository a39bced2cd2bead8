"""A folder of files, on this machine or wherever pyarrow's file systems reach (s3://, gs://, abfs://, hdfs://)."""

from __future__ import annotations

import shutil
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO
from uuid import uuid4

from assistant.errors import BadSettings

COMPRESSED = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd", ".lz4": "lz4"}
"""Endings of names that are read through; what is in them goes by the name without."""


@dataclass(frozen=True)
class Listed:
    """A file of a place: its name in it, bytes, and when it was changed (nanoseconds since 1970; 0 unknown)."""

    name: str
    size: int
    changed: int


@dataclass(frozen=True)
class Place:
    """A folder by its path or address, or a single file, which is then the only one in it."""

    address: str

    @cached_property
    def _reached(self) -> tuple[Any, str]:
        import pyarrow
        from pyarrow import fs

        if "://" not in self.address:
            return fs.LocalFileSystem(), str(Path(self.address).expanduser().absolute())
        try:
            return fs.FileSystem.from_uri(self.address)
        except (pyarrow.ArrowInvalid, pyarrow.ArrowNotImplementedError, ImportError) as error:
            hint = "Give a folder, or an address such as s3://bucket/folder."
            raise BadSettings(f"{self.address} cannot be reached: {error}", hint=hint) from error

    def _at(self, name: str) -> tuple[Any, str]:
        """The file system, and what it calls a file of the place."""
        system, root = self._reached
        return system, f"{root.rstrip('/')}/{name}"

    @property
    def local(self) -> bool:
        """Whether it is a folder of this machine."""
        return "://" not in self.address

    def files(self) -> list[Listed]:
        """Every file in it, sorted; of folders in it too. What begins with a dot or an underscore is no data.

        Raises BadSettings where it is not there.
        """
        from pyarrow import fs

        with self._told():
            system, root = self._reached
            found = system.get_file_info(root)
            if found.type == fs.FileType.NotFound:
                raise BadSettings(f"There is no folder {self.address}.", hint="Check the path or the address.")
            single = found.type == fs.FileType.File
            listed = [found] if single else system.get_file_info(fs.FileSelector(root, recursive=True))
        top = str(PurePosixPath(root).parent) if single else root
        names = {str(PurePosixPath(each.path).relative_to(top)): each for each in listed if each.is_file}
        return [
            Listed(name, each.size or 0, each.mtime_ns or 0)
            for name, each in sorted(names.items())
            if single or not any(part[0] in "._" for part in PurePosixPath(name).parts)
        ]

    def fetch(self, name: str, folder: Path) -> Path:
        """The file on this machine, without its compression: itself where it lies here as it is, else a copy under
        `folder`. Raises BadSettings where it cannot be read."""
        from pyarrow import fs

        with self._told():
            system, root = self._reached
            path = root if system.get_file_info(root).type == fs.FileType.File else self._at(name)[1]
            packing = COMPRESSED.get(PurePosixPath(name).suffix.lower())
            if self.local and packing is None:
                return Path(path)
            copy = folder / plain(name)
            copy.parent.mkdir(parents=True, exist_ok=True)
            with system.open_input_stream(path, compression=packing) as source, copy.open("wb") as into:
                shutil.copyfileobj(source, into, 1 << 20)
            return copy

    def put(self, file: Path, name: str) -> None:
        """Copy a file to the place under `name`: on this machine it appears whole. Raises BadSettings."""
        with file.open("rb") as source:
            self._put(source, name)

    def write(self, name: str, text: str) -> None:
        """Put a small text there in the same way."""
        self._put(BytesIO(text.encode("utf-8")), name)

    def _put(self, source: BinaryIO, name: str) -> None:
        with self._told():
            system, path = self._at(name)
            system.create_dir(str(PurePosixPath(path).parent), recursive=True)
            beside = str(PurePosixPath(path).with_name(f".{uuid4().hex}.writing")) if self.local else path
            with system.open_output_stream(beside) as into:
                shutil.copyfileobj(source, into, 1 << 20)
            if self.local:
                Path(beside).replace(path)

    def remove(self, name: str) -> None:
        """Delete a file, where it is there."""
        from pyarrow import fs

        with self._told():
            system, path = self._at(name)
            if system.get_file_info(path).type == fs.FileType.File:
                system.delete_file(path)

    def read(self, name: str) -> str | None:
        """A small text that is there, None where it is not."""
        from pyarrow import fs

        with self._told():
            system, path = self._at(name)
            if system.get_file_info(path).type != fs.FileType.File:
                return None
            with system.open_input_stream(path) as source:
                return source.read().decode("utf-8")

    @contextmanager
    def _told(self) -> Generator[None]:
        try:
            yield
        except OSError as error:
            hint = "Check the path, who may read and write there, and the room that is left."
            raise BadSettings(f"{self.address} cannot be used: {error.strerror or error}", hint=hint) from error


def plain(name: str) -> str:
    """A file's name without the ending of its compression: "a.csv.gz" → "a.csv"."""
    path = PurePosixPath(name)
    return str(path.with_suffix("")) if path.suffix.lower() in COMPRESSED else name
