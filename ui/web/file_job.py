"""A task over a file, on the page: upload, watch, stop, download. Every text task has one."""

from __future__ import annotations

import hashlib
import html
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import gradio as gr
from gradio.components import Component

from assistant import paths, tables
from assistant.batches import Batch, BatchProgress
from assistant.errors import BadDataset, ParleyError
from ui.web.events import QUICK, told
from ui.web.login import user
from ui.web.working import steps, waiting_html

KEPT_SECONDS = 7 * 86_400
"""How long a job that was not finished can be gone on with."""


def build_file_job(
    name: str,
    about: str,
    make: Callable[..., Batch],
    settings: Sequence[Component] = (),
    *,
    keeps: bool = False,
    watched: Callable[[Batch], Callable[[], str]] = lambda _: str,
) -> None:
    """Lay it out inside the current Blocks and wire it.

    name: of the task: it begins the elements' ids and ends the result's name. about: HTML.
    make: (source, output, column, *values of `settings`) → the job.
    keeps: documents come out as documents; else they become tables.
    watched: the job, before it begins → what is to be seen of its rows whenever it is asked, as HTML.
    """
    gr.HTML(f"<p>{about}</p>", apply_default_css=False)
    source = gr.File(label="File", file_count="single", type="filepath", elem_id=f"{name}-file")
    column = gr.Dropdown([], label="Column with the texts", interactive=True, visible=False, elem_id=f"{name}-column")
    with gr.Row(elem_classes="actions"):
        go = gr.Button("Start", variant="primary", interactive=False, size="md", elem_id=f"{name}-start")
        stop = gr.Button("Stop", visible=False, size="md", elem_id=f"{name}-cancel")
    progress = gr.HTML(apply_default_css=False, elem_id=f"{name}-progress")
    seen = gr.HTML(apply_default_css=False, elem_id=f"{name}-seen")
    result = gr.File(label="Result", file_count="multiple", visible=False, interactive=False, elem_id=f"{name}-result")
    job = gr.State()

    def look(path: str | None) -> dict[Any, Any]:
        if path is None:
            return {column: gr.update(visible=False), go: gr.update(interactive=False), progress: "", seen: ""}
        columns = tables.columns_of(Path(path))
        try:
            chosen: str | None = tables.text_column(Path(path), None)
        except BadDataset:
            chosen = columns[0]
        return {
            column: gr.update(choices=columns, value=chosen, visible=len(columns) > 1),
            go: gr.update(interactive=True),
            progress: "",
            seen: "",
        }

    def start(path: str, chosen: str | None, *values: Any) -> dict[Any, Any]:
        given = Path(path)
        os.utime(given, (0, 0))  # the same content, uploaded again, is the same file to go on with
        ending = given.suffix if keeps or tables.format_of(given) != "document" else ".csv"
        batch = make(given, Path(f"{given.stem}-{name}{ending}"), chosen, *values)
        batch.output = _folder(batch) / batch.output.name
        return {
            job: batch,
            go: gr.update(visible=False),
            stop: gr.update(visible=True),
            result: gr.update(visible=False),
            seen: "",
            progress: progress_html(BatchProgress(0, 0, 0, 0, 0.0)),
        }

    def run(batch: Batch | None) -> Iterator[dict[Any, Any]]:
        if batch is None:
            return
        look_at = watched(batch)
        for now in followed(batch):
            yield {progress: progress_html(now), seen: look_at()}
        if batch.output.exists():
            files = [str(path) for path in (batch.output, batch.rejected_path) if path.exists()]
            yield {result: gr.update(value=files, visible=bool(files))}
            shutil.rmtree(batch.output.parent, ignore_errors=True)  # Gradio has made its own copy

    def again() -> dict[Any, Any]:
        return {go: gr.update(visible=True), stop: gr.update(visible=False)}

    def cancel(batch: Batch | None) -> None:
        if batch is not None:
            batch.cancel.set()

    source.change(told(look), [source], [column, go, progress, seen], **QUICK)
    shown = [job, go, stop, result, progress, seen]
    begun = go.click(told(start), [source, column, *settings], shown, **QUICK)
    begun.success(run, [job], [progress, seen, result], **QUICK).then(again, None, [go, stop], **QUICK)
    stop.click(cancel, [job], None, **QUICK)


def _folder(batch: Batch) -> Path:
    """Where the job's result is made: the same for the same person, file and settings, so that after Stop, a failure
    or a reload it goes on from what is done. Gradio names an uploaded file's folder after its content."""
    jobs = paths.home() / "jobs"
    for old in jobs.glob("*"):
        if time.time() - old.stat().st_mtime > KEPT_SECONDS:
            shutil.rmtree(old, ignore_errors=True)
    said = hashlib.sha256(f"{user()}\n{batch.source}\n{batch.column}\n{batch.task}".encode()).hexdigest()[:16]
    folder = jobs / said
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def followed(batch: Batch) -> Iterator[BatchProgress | ParleyError]:
    """Run the job in a thread; how far it is, a few times a second, and at last how it ended."""

    def work(tell: Callable[[BatchProgress], None]) -> None:
        batch.on_progress = tell
        tell(batch.run())

    try:
        for some in steps(cast("Callable[[Callable[[BatchProgress], None]], object]", work)):
            yield some[-1]
    except ParleyError as error:
        yield error
    finally:
        batch.cancel.set()


def progress_html(now: BatchProgress | ParleyError) -> str:
    """A bar with rows, speed and time left; or what went wrong."""
    if isinstance(now, ParleyError):
        return f'<div class="pull bad" role="alert">{html.escape(str(now))}</div>'
    if not now.total:
        return waiting_html("Loading the model …")
    left = f", {now.eta_seconds:,.0f} s left" if now.eta_seconds else ""
    apart = f", {now.rejected:,} set apart" if now.rejected else ""
    return (
        f'<div class="pull" role="status">{now.done:,} of {now.total:,} rows, {now.rows_per_second:,.0f} a second'
        f'{left}{apart}<progress value="{now.done}" max="{now.total}"></progress></div>'
    )
