"""Public data sets by name (public_sets.toml): fetched from where their publishers have them, checked, unpacked."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import tarfile
import tomllib
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import IO, Any

from assistant import paths
from assistant.errors import BadDataset, ModelNotAvailable, WeightsCorrupt
from assistant.whole_files import beside

TIMEOUT_SECONDS = 20
CHUNK = 1 << 16
MOST_TIMES = 2
"""A file that is more than so many times as large as it should be is refused; so is one that unpacks to UNPACKED."""
UNPACKED = 1 << 30
ARCHIVES = (".zip", ".tar.gz", ".tgz")


@dataclass(frozen=True)
class PublicSet:
    """A data set and where it is. sha256: of the file, unpacked where it is a .gz or .bz2; "" where it changes."""

    name: str
    title: str
    licence: str
    url: str
    sha256: str
    bytes: int
    use: str

    @property
    def archive(self) -> bool:
        """Whether it holds several files."""
        return self.url.endswith(ARCHIVES)

    @property
    def file(self) -> str:
        """The name of what is fetched, unpacked where one file is packed."""
        name = PurePosixPath(self.url).name
        return name if self.archive else name.removesuffix(".gz").removesuffix(".bz2")


@cache
def public_sets() -> Mapping[str, PublicSet]:
    """Every set by its name."""
    stored = tomllib.loads(Path(__file__).with_name("public_sets.toml").read_text("utf-8"))
    return {name: PublicSet(name=name, **fields) for name, fields in stored.items()}


def fetch(name: str, folder: Path | None = None, tell: Callable[[int, int], None] = lambda done, total: None) -> Path:
    """The folder with the set's files, fetched unless they are there. folder: where it goes; None is Parley's own.
    tell: hears how many bytes have come, and of how many.

    Raises BadDataset for a name that is not known, ModelNotAvailable where its publisher cannot be reached,
    WeightsCorrupt for another file than that which was used here, OSError.
    """
    if name not in public_sets():
        hint = f"There are {', '.join(public_sets())}; a set of the Hub is named org/name where rows are asked for."
        raise BadDataset(f"There is no data set {name!r}.", hint=hint)
    wanted = public_sets()[name]
    target = (folder or paths.datasets_folder()) / name
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with beside(target) as partial:
        partial.mkdir()
        file = partial / wanted.file
        digest = _download(wanted, file, tell)
        if wanted.sha256 and digest != wanted.sha256:
            said = f"What {wanted.url} gives is not the file that was used here (sha256 {digest[:12]}…)."
            raise WeightsCorrupt(
                said, hint="It may have been changed by its publisher, or on its way. Nothing is kept."
            )
        if wanted.archive:
            _unpack(file)
    return target


def _download(wanted: PublicSet, file: Path, tell: Callable[[int, int], None]) -> str:
    """Write what the address gives, unpacked where one file is packed; its sha256."""
    request = urllib.request.Request(wanted.url, headers={"User-Agent": "parley"})  # noqa: S310 - one of ours
    most = MOST_TIMES * wanted.bytes if wanted.url.endswith(wanted.file) else UNPACKED
    digest, done = hashlib.sha256(), 0
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer, file.open("wb") as out:  # noqa: S310
            for piece in _plain(answer, "" if wanted.archive else PurePosixPath(wanted.url).suffix):
                digest.update(piece)
                out.write(piece)
                done += len(piece)
                tell(min(done, wanted.bytes), wanted.bytes)
                if done > most:
                    raise WeightsCorrupt(f"{wanted.url} gives far more than it should.", hint="Nothing is kept.")
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        why = getattr(error, "reason", error)
        hint = "Check the connection, or fetch the file by other means."
        raise ModelNotAvailable(f"{wanted.url} cannot be fetched: {why}.", hint=hint) from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise WeightsCorrupt(f"{wanted.url} gives a broken file: {error}.", hint="Fetch it again.") from error
    return digest.hexdigest()


def _plain(answer: IO[bytes], suffix: str) -> Iterator[bytes]:
    """The answer's bytes in pieces, unpacked."""
    source: Any = answer
    if suffix == ".gz":
        source = gzip.GzipFile(fileobj=answer)
    elif suffix == ".bz2":
        source = bz2.BZ2File(answer)
    while piece := source.read(CHUNK):
        yield piece


def _unpack(file: Path) -> None:
    """Put an archive's files beside it, by their own names alone, and remove it. Raises WeightsCorrupt."""
    written = 0
    try:
        for name, source in _members(file):
            place = file.parent / PurePosixPath(name.replace("\\", "/")).name
            with source, place.open("wb") as out:
                while piece := source.read(CHUNK):
                    written += out.write(piece)
                    if written > UNPACKED:
                        raise WeightsCorrupt(f"{file.name} unpacks to more than it should.", hint="Nothing is kept.")
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError) as error:
        raise WeightsCorrupt(f"{file.name} cannot be unpacked: {error}.", hint="Fetch it again.") from error
    file.unlink()


def _members(file: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """The plain files of an archive, the archive's own name left out."""
    if file.suffix == ".zip":
        with zipfile.ZipFile(file) as archive:
            for name in archive.namelist():
                if not name.endswith("/") and PurePosixPath(name).name != file.name:
                    yield name, archive.open(name)
    else:
        with tarfile.open(file) as packed:
            for member in packed:
                source = packed.extractfile(member) if member.isfile() else None
                if source is not None and PurePosixPath(member.name).name != file.name:
                    yield member.name, source
