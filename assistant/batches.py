"""A task over every row of a file: in chunks, with progress, resumable after a kill, bad rows set apart.

OUT.csv             appears whole, by one rename, when the last row is done
OUT.csv.done        while it runs: what each row has become so far, a JSON line a row; the next run goes on from it
OUT.csv.rejected    rows that could not be used, a JSON line each with the row's number and the reason
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from assistant import paths, tables
from assistant.done_rows import DoneRows
from assistant.errors import BadDataset, BadSettings, RunInterrupted
from assistant.rejections import EMPTY, REJECTED, Work, objection, set_apart
from assistant.segments import rewritten
from assistant.table_output import write_rows
from assistant.tables import BadRow

CHUNK = 512
"""Rows that are worked on together: enough to sort by length, few enough to lose to a kill."""


@dataclass(frozen=True)
class BatchProgress:
    """How far a job is. `resumed` rows were done by an earlier run."""

    done: int
    total: int
    rejected: int
    resumed: int
    seconds: float

    @property
    def rows_per_second(self) -> float:
        return (self.done - self.resumed) / self.seconds if self.seconds > 0 else 0.0

    @property
    def eta_seconds(self) -> float | None:
        """None while no row has been done."""
        speed = self.rows_per_second
        return (self.total - self.done) / speed if speed else None


@dataclass
class Batch:
    """One job: which file, which column, what is done with it and where the result goes."""

    source: Path
    output: Path
    columns: tuple[str, ...]
    """What the work adds."""
    work: Work
    task: str
    """Name and settings of the work: a run with others begins anew."""
    column: str | None = None
    """None: the usual name, or the only column."""
    rewrites: str | None = None
    """The column that takes the place of the text where a document or plain lines come out; rows that cannot be used
    then stay as they were."""
    chunk: int = field(default_factory=lambda: CHUNK)
    """Rows that are worked on together."""
    part: tuple[int, int] | None = None
    """The first row (from 0) and how many, where the job is not the whole file but somebody's block of it."""
    notes: tuple[str, ...] = ()
    """What a person should know of how it is done."""
    on_progress: Callable[[BatchProgress], object] = lambda _: None
    on_rows: Callable[[Iterable[Mapping[str, Any]]], object] = lambda _: None
    """Hears what rows have become, in their order: those that an earlier run did first, then each chunk's."""
    cancel: threading.Event = field(default_factory=threading.Event)

    @property
    def done_path(self) -> Path:
        return self.output.with_name(self.output.name + ".done")

    @property
    def rejected_path(self) -> Path:
        return self.output.with_name(self.output.name + ".rejected")

    def run(self) -> BatchProgress:
        """Do the job, or what an earlier run left of it.

        Raises BadDataset for a source that cannot be read, BadSettings for an output that cannot be written,
        RunInterrupted when cancelled: what is done is kept.
        """
        self._check_paths()
        self._check_kinds()
        column = tables.text_column(self.source, self.column)
        self._check_columns()
        total = sum(1 for _ in self._rows())
        if not total:
            raise BadDataset(f"{self.source.name} has no rows.", hint="Give a file with at least one row.")
        try:
            with FileLock(self._lock_path(), timeout=0) if self.part is None else nullcontext():
                last = self._fill(column, total)
                self._finish(column)
        except Timeout as error:
            raise BadSettings(f"{self.output} is being written already.", hint="Wait, or name another file.") from error
        except OSError as error:
            hint = "Free some space or name another file; the same command goes on from what is done."
            raise BadSettings(f"{self.output} cannot be written: {error.strerror or error}.", hint=hint) from error
        return last

    def _lock_path(self) -> Path:
        name = hashlib.sha256(str(self.output.resolve()).encode()).hexdigest()[:16]
        folder = paths.home() / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{name}.lock"

    def _check_paths(self) -> None:
        if not self.source.is_file():
            raise BadDataset(f"There is no file {self.source}.", hint="Check the path.")
        if not self.output.name or self.output.is_dir():
            raise BadSettings(f"{self.output} is a folder.", hint="Name a file with --output.")
        if self.output.exists() and self.output.samefile(self.source):
            raise BadSettings("The output would replace the input.", hint="Name another file with --output.")

    def _check_columns(self) -> None:
        if tables.format_of(self.output) in ("document", "lines"):
            return
        there = [name for name in self.columns if name in tables.columns_of(self.source)]
        if there:
            raise BadSettings(
                f"{self.source.name} has a column {there[0]!r} already, which would be lost.",
                hint="Rename it in the file, or take other labels.",
            )

    def _check_kinds(self) -> None:
        if tables.format_of(self.output) == "document":
            same = self.output.suffix.lower() == self.source.suffix.lower()
            if self.rewrites is None or not same:
                raise BadSettings(
                    f"{self.source.name} cannot become {self.output.name}.",
                    hint=f"Name a {self.source.suffix} file with --output, or a .csv."
                    if self.rewrites
                    else "Name a .csv, .jsonl or .parquet file with --output.",
                )

    def _fill(self, column: str, total: int) -> BatchProgress:
        """Bring the file of done rows to its end."""
        done = self._done(column)
        resumed = done.resume()
        if resumed > total:  # two runs wrote to it, of a Parley that did not lock it
            self.done_path.unlink()
            resumed = done.resume()
        started = time.monotonic()
        waiting = islice(self._rows(), resumed, None)
        progress = BatchProgress(resumed, total, sum(map(self._counts, done)), resumed, 0.0)
        self.on_rows(done)
        self.on_progress(progress)
        while chunk := list(islice(waiting, self.chunk)):
            if self.cancel.is_set():
                raise RunInterrupted(
                    f"Stopped after {progress.done:,} of {total:,} rows.",
                    hint="Begin again with the same file, and it goes on from there.",
                )
            became = self._chunk(chunk, column)
            done.add(became)
            self.on_rows(became)
            progress = BatchProgress(
                progress.done + len(chunk),
                total,
                progress.rejected + sum(self._counts(each) for each in became),
                resumed,
                time.monotonic() - started,
            )
            self.on_progress(progress)
        return progress

    def _chunk(self, chunk: Sequence[tables.Row | BadRow], column: str) -> list[Mapping[str, Any]]:
        """What each row becomes: the columns that it gains, or {REJECTED: why}."""
        became: list[Mapping[str, Any]] = [{REJECTED: objection(row, column)} for row in chunk]
        good = [place for place, each in enumerate(became) if each[REJECTED] is None]
        texts = [str(row[column]) for place in good if not isinstance(row := chunk[place], BadRow)]
        for place, added in zip(good, set_apart(self.work, texts) if texts else (), strict=True):
            became[place] = added
        return became

    def _counts(self, became: Mapping[str, Any]) -> bool:
        """Whether a row counts as one that could not be used: an empty line of a text is no fault."""
        reason = became.get(REJECTED)
        return reason is not None and not (self._stays(tables.format_of(self.output)) and reason.endswith(EMPTY))

    def _finish(self, column: str) -> None:
        """Join the rows with what they have become, and put the result in its place."""
        kind = tables.format_of(self.output)
        names = list(dict.fromkeys([*tables.columns_of(self.source), *self.columns]))
        if kind == "lines":
            names = [self.rewrites] if self.rewrites else [*self.columns, column]
        beside = self.output.with_name(f".{self.output.name}.writing")
        rejected = self.rejected_path.with_name(f".{self.rejected_path.name}.writing")
        bad = 0
        try:
            with rejected.open("w", encoding="utf-8") as apart:

                def good() -> Iterator[tables.Row]:
                    nonlocal bad
                    both = zip(self._rows(), self._done(column), strict=True)
                    for number, (row, added) in enumerate(both, 1 + (self.part or (0,))[0]):
                        if REJECTED not in added and not isinstance(row, BadRow):
                            yield {**row, **added}
                            continue
                        if self._stays(kind) and not isinstance(row, BadRow):
                            text = row.get(column) or ""
                            yield {**row, str(self.rewrites): text}
                            if not str(text).strip():
                                continue  # an empty line of a text is no fault
                        bad += 1
                        data = row.data if isinstance(row, BadRow) else row
                        said = {"row": number, "reason": added[REJECTED], "data": data}
                        apart.write(json.dumps(said, ensure_ascii=False, default=str) + "\n")

                if kind == "document":
                    rewritten(self.source, beside, (str(row[str(self.rewrites)]) for row in good()))
                else:
                    write_rows(beside, kind, names, good(), like=self.source)
            beside.replace(self.output)
            if not bad:  # nor is what an earlier run has left true any more
                self.rejected_path.unlink(missing_ok=True)
            else:
                rejected.replace(self.rejected_path)
        finally:
            beside.unlink(missing_ok=True)
            rejected.unlink(missing_ok=True)
        self.done_path.unlink()

    def _stays(self, kind: tables.TableFormat) -> bool:
        """Whether every row comes out, also one that could not be used."""
        return self.rewrites is not None and kind in ("document", "lines")

    def _done(self, column: str) -> DoneRows:
        stat = self.source.stat()
        job = [self.task, REJECTED, column, str(self.source.resolve()), stat.st_size, stat.st_mtime_ns]
        return DoneRows(self.done_path, [*job, *(self.part or ())])

    def _rows(self) -> Iterator[tables.Row | BadRow]:
        first, count = self.part or (0, None)
        return islice(tables.rows(self.source), first, None if count is None else first + count)
