"""A pull with its progress on stderr: a bar on a terminal, now and then a line elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ui.terminal.model_facts import size
from ui.terminal.output import LINE_SECONDS, error_console, note

if TYPE_CHECKING:
    from pathlib import Path

    from assistant.catalogue import ModelEntry
    from assistant.sources import Progress


def pull_with_progress(entry: ModelEntry, *, from_file: Path | None = None) -> Path:
    """Fetch the model with its progress on stderr; where it is then.

    Raises ModelNotAvailable, WeightsCorrupt, DiskFull; BadSettings for a `from_file` of no use.
    """
    from assistant import sources

    if (path := sources.locate(entry)) is not None:
        note(f"{entry.key} is here already.")
        return path
    path = (_pull_with_bar if error_console().is_terminal else _pull_with_lines)(entry, from_file)
    note(f"{entry.key} is here.")
    return path


def _pull_with_bar(entry: ModelEntry, from_file: Path | None) -> Path:
    from rich import progress as bars
    from rich.console import Console

    from assistant import sources

    columns = (
        bars.TextColumn("{task.fields[stage]:<11}"),
        bars.BarColumn(),
        bars.DownloadColumn(),
        bars.TransferSpeedColumn(),
        bars.TimeRemainingColumn(),
    )
    note(f"Fetching {entry.title}")
    with bars.Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task("", total=entry.download_bytes, stage="checking")
        stages: list[str] = []

        def show(progress: Progress) -> None:
            if progress.stage not in stages:
                stages.append(progress.stage)
                shown.reset(task)  # speed and time left are those of this stage
            shown.update(task, total=progress.bytes_total, completed=progress.bytes_done, stage=progress.stage)

        return sources.pull(entry, progress=show, from_file=from_file)


def _pull_with_lines(entry: ModelEntry, from_file: Path | None) -> Path:
    from time import monotonic

    from assistant import sources

    last = monotonic()
    note(f"Fetching {entry.title}, {size(entry.download_bytes)} …")

    def show(progress: Progress) -> None:
        nonlocal last
        if monotonic() - last < LINE_SECONDS:
            return
        last = monotonic()
        left = f", {progress.eta_seconds:,.0f} s left" if progress.eta_seconds is not None else ""
        done, total = size(progress.bytes_done), size(progress.bytes_total)
        note(f"{progress.stage} {done} of {total}, {size(int(progress.bytes_per_second))}/s{left}")

    return sources.pull(entry, progress=show, from_file=from_file)
