"""A task over a folder of files, block by block: what becomes of each block appears whole, and once.

OUT/2026/january-00003.csv            what the fourth block of 2026/january.csv has become
OUT/2026/january-00003.csv.rejected   its rows that could not be used, by their numbers in the file
OUT/_done/…                           a record for each block that is done: its output stands; whatever else lies there
                                      is written again
OUT/_job.json                         what the job is: another one does not mix with it
OUT/_SUCCESS                          written last: blocks, rows and rejected rows

A block is done again where its worker was lost, and its output takes the place of what the other had written: so no
row is there twice, and none is missing. Workers read and write for themselves; nothing but numbers goes between.
"""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Protocol

from assistant import tables
from assistant.batches import BatchProgress
from assistant.errors import BadDataset, BadSettings, RunInterrupted
from assistant.scale import BLOCK_ROWS
from assistant.scale.places import Place, plain

if TYPE_CHECKING:
    from assistant.service import Assistant

CHANGED = "Leave the files alone while they are worked on, and begin anew with another --output."
MOST_LOOKED_AT = 100
"""Blocks whose records are looked for at the end."""
SEEN_SECONDS = 60.0
"""What a shared folder (NFS) may take to show one machine what another has written."""


@dataclass(frozen=True)
class Block:
    """Rows of one file: the block's number in it, its first row (from 0) and how many."""

    file: str
    number: int
    first: int
    rows: int

    @property
    def output(self) -> str:
        """The name of what it becomes."""
        path = PurePosixPath(plain(self.file))
        return str(path.with_name(f"{path.stem}-{self.number:05}{path.suffix}"))


@dataclass(frozen=True)
class Done:
    """A block that is done. rejected: rows that could not be used."""

    output: str
    rows: int
    rejected: int


@dataclass(frozen=True)
class Job:
    """Everything that workers need to know. `method` is the Assistant's that makes a Batch of a file."""

    method: str
    source: str
    target: str
    column: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    block_rows: int = BLOCK_ROWS

    def begin(self) -> list[str]:
        """Write down what the job is; its files.

        Raises BadDataset where there are none or one is no table, BadSettings where the folder holds another job.
        """
        if self.block_rows < 1:
            raise BadSettings(f"A block has at least one row, not {self.block_rows}.")
        found = Place(self.source).files()
        if not found:
            raise BadDataset(f"There are no files in {self.source}.", hint="Give a folder of tables or of plain lines.")
        for each in found:
            name = Path(plain(each.name))
            if tables.format_of(name) == "document" or name.suffix.lower() in tables.NO_TABLES:
                hint = "Documents go one by one: --input FILE --output FILE."
                raise BadDataset(f"{each.name} is neither a table nor plain lines.", hint=hint)
        self._apart([plain(each.name) for each in found])
        described = {**asdict(self), "files": [asdict(each) for each in found]}
        text = json.dumps(described, indent=1, default=str, ensure_ascii=False) + "\n"
        there = Place(self.target).read("_job.json")
        if there is not None and there != text:
            raise BadSettings(
                f"{self.target} holds the output of another job, or the files have changed since.",
                hint="Name another folder with --output, or remove that one.",
            )
        Place(self.target).write("_job.json", text)
        return [each.name for each in found]

    def _apart(self, names: Sequence[str]) -> None:
        """Raise BadSettings where outputs and files could be taken for one another."""
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise BadSettings(f"{twice} is there twice, with and without compression.", hint="Remove one of them.")
        inside = self.target.rstrip("/") + "/"
        if inside.startswith(self.source.rstrip("/") + "/"):
            raise BadSettings("The output would lie among the input.", hint="Name another folder with --output.")


class Worker:
    """Does blocks one after another, with one assistant. Belongs to one thread."""

    def __init__(self, job: Job, assistant: Callable[[], Assistant] | None = None) -> None:
        """assistant: makes it; None an ordinary one."""
        self._job, self._make = job, assistant
        self._folder = TemporaryDirectory(prefix="parley-block-")
        self._last: tuple[str, Path] | None = None

    @cached_property
    def _assistant(self) -> Assistant:
        from assistant.service import Assistant

        return (self._make or Assistant)()

    def cut(self, file: str) -> list[Block]:
        """The blocks of a file. Raises BadDataset."""
        rows = sum(1 for _ in tables.rows(self._fetched(file)))
        size = self._job.block_rows
        return [Block(file, at // size, at, min(size, rows - at)) for at in range(0, rows, size)]

    def __call__(self, block: Block) -> Done:
        """Do a block and put its output in its place. Raises what Batch.run raises."""
        job, target = self._job, Place(self._job.target)
        with TemporaryDirectory(prefix="parley-block-") as folder:
            made = Path(folder) / PurePosixPath(block.output).name
            make = getattr(self._assistant, job.method)
            batch = make(self._fetched(block.file), made, column=job.column, **job.settings)
            last = replace(batch, part=(block.first, block.rows)).run()
            if last.done != block.rows:
                raise BadDataset(f"{block.file} has changed since it was looked at.", hint=CHANGED)
            rejected = block.output + ".rejected"
            if batch.rejected_path.exists():
                target.put(batch.rejected_path, rejected)
            else:
                target.remove(rejected)  # of an attempt that did not come to its record
            target.put(made, block.output)
        done = Done(block.output, last.done, last.rejected)
        target.write(_record(block), json.dumps(asdict(done)))
        return done

    def _fetched(self, file: str) -> Path:
        if self._last is None or self._last[0] != file:
            if self._last is not None and self._last[1].is_relative_to(self._folder.name):
                self._last[1].unlink()
            self._last = file, Place(self._job.source).fetch(file, Path(self._folder.name))
        return self._last[1]


class Spread(Protocol):
    """Where blocks are done."""

    def cut(self, job: Job, files: Sequence[str]) -> Iterable[Block]: ...

    def work(self, job: Job, blocks: Sequence[Block]) -> Iterator[Done]:
        """What is done, as it is."""
        ...


@dataclass(frozen=True)
class Here:
    """On this machine, one after another."""

    assistant: Callable[[], Assistant] | None = None

    def cut(self, job: Job, files: Sequence[str]) -> Iterable[Block]:
        worker = Worker(job)
        return [block for file in files for block in worker.cut(file)]

    def work(self, job: Job, blocks: Sequence[Block]) -> Iterator[Done]:
        yield from map(Worker(job, self.assistant), blocks)


def run(
    job: Job,
    spread: Spread,
    *,
    on_progress: Callable[[BatchProgress], object] = lambda _: None,
    cancel: threading.Event | None = None,
) -> BatchProgress:
    """Do the job, or what earlier runs left of it.

    Raises BadDataset, BadSettings, RunInterrupted when cancelled: the blocks that are done are kept.
    """
    files = job.begin()
    target = Place(job.target)
    blocks = list(spread.cut(job, files))
    if not blocks:
        raise BadDataset(f"The files in {job.source} have no rows.", hint="Give at least one row.")
    records = {block: _recorded(target, block) for block in blocks}
    earlier = [done for done in records.values() if done is not None]
    left = [block for block, done in records.items() if done is None]
    total, resumed = sum(block.rows for block in blocks), sum(done.rows for done in earlier)
    begun = time.monotonic()
    now = BatchProgress(resumed, total, sum(done.rejected for done in earlier), resumed, 0.0)
    on_progress(now)
    for done in spread.work(job, left) if left else ():
        now = replace(
            now, done=now.done + done.rows, rejected=now.rejected + done.rejected, seconds=time.monotonic() - begun
        )
        on_progress(now)
        if cancel is not None and cancel.is_set():
            raise RunInterrupted(
                f"Stopped after {now.done:,} of {total:,} rows.", hint="The same command goes on from there."
            )
    if now.done != total or [each.name for each in Place(job.source).files()] != files:
        raise BadDataset(f"The files in {job.source} have changed since they were looked at.", hint=CHANGED)
    _look(target, left[:: math.ceil(len(left) / MOST_LOOKED_AT) or 1])
    said = {"blocks": len(blocks), "rows": now.done, "rejected": now.rejected}
    target.write("_SUCCESS", json.dumps(said) + "\n")
    return now


def _look(target: Place, blocks: Sequence[Block]) -> None:
    """Raise BadDataset where blocks that workers have done are not in the target, as it is reached from here."""
    ends = time.monotonic() + SEEN_SECONDS
    while blocks := [block for block in blocks if _recorded(target, block) is None]:
        if time.monotonic() > ends:
            raise BadDataset(
                f"{blocks[0].output} was done, and is not in {target.address} as this machine sees it.",
                hint="Every machine of the cluster has to reach the output by this name: a bucket or a shared folder.",
            )
        time.sleep(min(1, SEEN_SECONDS))


def _recorded(target: Place, block: Block) -> Done | None:
    """What the record of a block says; None where there is none, or half of one."""
    text = target.read(_record(block))
    try:
        return None if text is None else Done(**json.loads(text))
    except (ValueError, TypeError):
        return None


def _record(block: Block) -> str:
    return f"_done/{block.output}.json"
