"""A look at the machine and the set-up: what is here, what answers, and what is wrong with it."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import sqlite3
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

from assistant import paths
from assistant.errors import BadSettings, ParleyError
from assistant.hardware import installed_version
from assistant.weights import shelf

if TYPE_CHECKING:
    from assistant.catalogue import Catalogue
    from assistant.hardware import Machine

LITTLE_DISK_BYTES = 2 * 10**9
OPTIONAL = ("bitsandbytes", "trl", "datasets", "diffusers", "lm-eval", "fastapi")
SETTINGS = ("PARLEY_HOME", "PARLEY_MODELS", "PARLEY_AUTO_PULL", "HF_HOME", "HF_ENDPOINT", "HF_HUB_OFFLINE")


@dataclass(frozen=True)
class Problem:
    """Something wrong and what to do about it; `essential` where Parley cannot work with it."""

    what: str
    fix: str
    essential: bool = False


def requirements() -> list[str]:
    """What Parley needs, as its package says; as its source says where it runs uninstalled."""
    try:
        return importlib.metadata.requires("parley") or []
    except importlib.metadata.PackageNotFoundError:
        source = Path(__file__).parents[2] / "pyproject.toml"
        return tomllib.loads(source.read_text("utf-8"))["project"]["dependencies"] if source.is_file() else []


def versions() -> tuple[dict[str, str | None], list[Problem]]:
    """Parley, Python and every package that Parley needs, and which of them are missing or too old."""
    from packaging.requirements import Requirement

    found: dict[str, str | None] = {"parley": installed_version("parley"), "python": platform.python_version()}
    problems: list[Problem] = []
    for requirement in map(Requirement, requirements()):
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        version = found[requirement.name] = installed_version(requirement.name)
        if version is None or not requirement.specifier.contains(version, prereleases=True):
            what = f"{requirement.name} is missing" if version is None else f"{requirement.name} is {version}"
            fix = f"`make setup`, or `pip install '{requirement}'`."
            problems.append(Problem(f"{what}, and Parley needs {requirement}.", fix, essential=True))
    found.update({name: version for name in OPTIONAL if (version := installed_version(name))})
    return found, problems


def runtime_problems() -> list[Problem]:
    """Whether llama.cpp starts on this processor; asked in a process of its own, which it may take down."""
    try:
        done = subprocess.run([sys.executable, "-c", "import xllamacpp"], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired) as error:
        return [Problem(f"llama.cpp could not be tried: {error}.", "Run `parley doctor` again.")]
    if done.returncode == 0:
        return []
    said = (done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1]
    fix = "`pip install --force-reinstall xllamacpp`; --engine transformers works without it."
    return [Problem(f"llama.cpp does not start: {said}", fix, essential=True)]


def data_folder() -> tuple[dict[str, Any], list[Problem]]:
    """Where conversations are kept, and whether they can be read and written."""
    try:
        folder = paths.home()
        with TemporaryFile(dir=folder):
            pass
    except (OSError, BadSettings) as error:
        fix = "Make the folder writable, or set PARLEY_HOME to another one."
        return {"folder": os.environ.get("PARLEY_HOME", "")}, [
            Problem(f"The data folder cannot be written: {error}.", fix, essential=True)
        ]
    database = paths.database_path()
    problems = list(_database_problems(database)) if database.exists() else []
    size = database.stat().st_size if database.exists() else 0
    return {"folder": str(folder), "database_bytes": size}, problems


def _database_problems(database: Path) -> Iterator[Problem]:
    fix = (
        f"Copy {database} to a safe place, then restore a backup or let `sqlite3 {database} .recover` save what it can."
    )
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=2)) as connection:
            (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            yield Problem(f"The conversations' file is damaged: {verdict}.", fix, essential=True)
    except sqlite3.Error as error:
        yield Problem(f"The conversations' file cannot be read: {error}.", fix, essential=True)


def sqlite_problems() -> list[Problem]:
    """Whether this Python's SQLite can search."""
    with closing(sqlite3.connect(":memory:")) as connection:
        options = {row[0] for row in connection.execute("PRAGMA compile_options")}
    if "ENABLE_FTS5" in options:
        return []
    fix = "Use a Python whose SQLite has FTS5: Debian's, python.org's, or uv's."
    return [Problem(f"SQLite {sqlite3.sqlite_version} was built without FTS5 search.", fix, essential=True)]


def models() -> tuple[list[dict[str, Any]], list[Problem], bool]:
    """The models that are here, what is wrong with them, and whether one of them can chat."""
    from assistant import sources
    from assistant.catalogue import Catalogue

    try:
        catalogue = Catalogue.load()
    except BadSettings as error:
        return [], [Problem(error.message, error.hint, essential=True)], False
    here = sources.installed()
    rows = [{"key": m.key, "bytes": m.bytes, "source": m.source, "path": str(m.path)} for m in here]
    problems = list(_damaged({m.key for m in here}, catalogue))
    can_chat = any("chat" in entry.tasks and sources.locate(entry) for entry in catalogue)
    return rows, problems, can_chat


def _damaged(here: set[str], catalogue: Catalogue) -> Iterator[Problem]:
    root = paths.models_folder()
    for folder in sorted(root.iterdir()) if root.is_dir() else ():
        key = folder.name.removesuffix(".partial").replace("--", "/")
        if key not in catalogue or not folder.is_dir():
            continue
        if folder.name.endswith(".partial"):
            size = sum(size for _, size in shelf.files_under(folder))
            yield Problem(
                f"A fetch of {key} is unfinished ({size / 1e6:,.0f} MB).", f"`parley models pull {key}` goes on."
            )
        elif key not in here:
            fix = f"`parley models pull {key}` fetches it again."
            yield Problem(f"{key} is damaged: files are missing or cut short.", fix)


def disk() -> tuple[dict[str, Any], list[Problem]]:
    """Room for models."""
    try:
        folder = kept = paths.models_folder()
    except BadSettings:  # which `data_folder` tells
        folder = kept = Path(os.environ.get("PARLEY_HOME", "."))
    while not folder.exists():
        folder = folder.parent
    usage = shutil.disk_usage(folder)
    problems: list[Problem] = []
    if usage.free < LITTLE_DISK_BYTES:
        fix = "Free some space, `parley models remove KEY`, or set PARLEY_MODELS to another disk."
        problems = [Problem(f"Only {usage.free / 1e9:.1f} GB are free at {folder}.", fix)]
    found = {"folder": str(kept), "free_bytes": usage.free, "total_bytes": usage.total}
    return found, problems


def machine() -> tuple[Machine | None, list[Problem]]:
    """Processor, memory and GPUs; what keeps one of them from being used is a problem."""
    from assistant import hardware

    try:
        found = hardware.detect()
    except ParleyError as error:
        return None, [Problem(error.message, error.hint, essential=True)]
    return found, [Problem(sentence, "") for sentence in found.notes]
