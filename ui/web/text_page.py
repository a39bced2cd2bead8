"""The text page: sentiment of a text or of a file of reviews."""

from __future__ import annotations

import html
import threading
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import gradio as gr

from assistant import tables
from assistant.batches import Batch, BatchProgress
from assistant.documents import read_document
from assistant.errors import BadDataset, BadDocument, ParleyError
from assistant.service import Assistant
from ui.web.events import QUICK, told
from ui.web.sentiment_view import analysis_html

EXAMPLE = (
    "I had been looking forward to this camera for months. The pictures are stunning, even in poor light. "
    "Sadly the battery hardly lasts an afternoon, and the menus are a maze. It comes with a strap and a charger. "
    "Still, I would buy it again without a second thought."
)
MOST_CHARACTERS = 400_000
"""Of a text that is shown sentence by sentence; a file of rows may be as long as it likes."""


def build_text(assistant: Assistant) -> None:
    """Lay out the page inside the current Blocks and wire it."""
    with gr.Column(elem_classes="text-page"):
        gr.HTML("<h1>Sentiment</h1>", apply_default_css=False)
        with gr.Tabs():
            with gr.Tab("A text"):
                _build_one(assistant)
            with gr.Tab("A file of texts"):
                _build_file(assistant)


def _build_one(assistant: Assistant) -> None:
    text = gr.Textbox(EXAMPLE, lines=6, max_lines=18, label="Text", elem_id="sentiment-text")
    with gr.Row(elem_classes="actions"):
        go = gr.Button("Read the sentiment", variant="primary", size="md", elem_id="sentiment-go")
        upload = gr.UploadButton("Open a document…", file_count="single", size="md", elem_id="sentiment-open")
    shown = gr.HTML(apply_default_css=False, elem_id="sentiment-shown")

    def read(text: str) -> str:
        if len(text) > MOST_CHARACTERS:
            raise BadDocument(
                f"This text has {len(text):,} characters; {MOST_CHARACTERS:,} can be shown sentence by sentence.",
                hint="Give a part of it, or a file with a row a text.",
            )
        assistant.require_task("sentiment")
        return analysis_html(assistant.sentiment(text, explain=True))

    def open_document(path: str) -> str:
        return read_document(Path(path)).text

    for event in (go.click, text.submit):
        event(told(read), [text], [shown], **QUICK)
    opened = upload.upload(told(open_document), [upload], [text], **QUICK)
    opened.success(told(read), [text], [shown], **QUICK)


def _build_file(assistant: Assistant) -> None:
    gr.HTML(
        "<p>CSV, TSV, JSON lines, Parquet or one text a line: you get the file back with the columns "
        "<code>sentiment</code>, <code>positive</code>, <code>neutral</code> and <code>negative</code>.</p>",
        apply_default_css=False,
    )
    source = gr.File(label="File", file_count="single", type="filepath", elem_id="batch-file")
    column = gr.Dropdown([], label="Column with the texts", interactive=True, visible=False, elem_id="batch-column")
    with gr.Row(elem_classes="actions"):
        go = gr.Button("Start", variant="primary", interactive=False, size="md", elem_id="batch-go")
        stop = gr.Button("Stop", visible=False, size="md", elem_id="batch-stop")
    progress = gr.HTML(apply_default_css=False, elem_id="batch-progress")
    result = gr.File(label="Result", file_count="multiple", visible=False, interactive=False, elem_id="batch-result")
    job = gr.State()

    def look(path: str | None) -> dict[Any, Any]:
        if path is None:
            return {column: gr.update(visible=False), go: gr.update(interactive=False), progress: ""}
        columns = tables.columns_of(Path(path))
        try:
            chosen: str | None = tables.text_column(Path(path), None)
        except BadDataset:
            chosen = columns[0]
        return {
            column: gr.update(choices=columns, value=chosen, visible=len(columns) > 1),
            go: gr.update(interactive=True),
            progress: "",
        }

    def start(path: str, chosen: str | None) -> dict[Any, Any]:
        assistant.require_task("sentiment")
        given = Path(path)
        batch = assistant.sentiment_batch(
            given, Path(mkdtemp(prefix="parley-")) / f"{given.stem}-sentiment{given.suffix}", column=chosen
        )
        return {
            job: batch,
            go: gr.update(visible=False),
            stop: gr.update(visible=True),
            result: gr.update(visible=False),
        }

    def run(batch: Batch | None) -> Iterator[dict[Any, Any]]:
        if batch is None:
            return
        for now in followed(batch):
            yield {progress: progress_html(now)}
        files = [str(path) for path in (batch.output, batch.rejected_path) if path.exists()]
        yield {result: gr.update(value=files, visible=bool(files))}

    def again() -> dict[Any, Any]:
        return {go: gr.update(visible=True), stop: gr.update(visible=False)}

    def cancel(batch: Batch | None) -> None:
        if batch is not None:
            batch.cancel.set()

    source.change(told(look), [source], [column, go, progress], **QUICK)
    begun = go.click(told(start), [source, column], [job, go, stop, result], **QUICK)
    begun.success(run, [job], [progress, result], **QUICK).then(again, None, [go, stop], **QUICK)
    stop.click(cancel, [job], None, **QUICK)


def followed(batch: Batch) -> Iterator[BatchProgress | ParleyError]:
    """Run the job in a thread; how far it is, twice a second, and at last how it ended."""
    latest: list[BatchProgress | ParleyError] = []
    batch.on_progress = latest.append

    def work() -> None:
        try:
            latest.append(batch.run())
        except ParleyError as error:
            latest.append(error)

    thread = threading.Thread(target=work, name="batch", daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(0.5)
        if latest:
            yield latest[-1]


def progress_html(now: BatchProgress | ParleyError) -> str:
    """A bar with rows, speed and time left; or what went wrong."""
    if isinstance(now, ParleyError):
        return f'<div class="pull bad" role="alert">{html.escape(str(now))}</div>'
    left = f", {now.eta_seconds:,.0f} s left" if now.eta_seconds else ""
    apart = f", {now.rejected:,} set apart" if now.rejected else ""
    return (
        f'<div class="pull" role="status">{now.done:,} of {now.total:,} rows, {now.rows_per_second:,.0f} a second'
        f'{left}{apart}<progress value="{now.done}" max="{now.total}"></progress></div>'
    )
