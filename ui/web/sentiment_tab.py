"""The tab that reads sentiment: of a text, or of a file of reviews."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import gradio as gr

from assistant.batches import Batch
from assistant.service import Assistant
from ui.web.file_job import build_file_job
from ui.web.sentiment_view import analysis_html
from ui.web.text_page import actions, document_button, wire

EXAMPLE = (
    "I had been looking forward to this camera for months. The pictures are stunning, even in poor light. "
    "Sadly the battery hardly lasts an afternoon, and the menus are a maze. It comes with a strap and a charger. "
    "Still, I would buy it again without a second thought."
)


def build(assistant: Assistant) -> None:
    """Lay it out inside the current tab and wire it."""
    with gr.Tabs():
        with gr.Tab("A text"):
            _build_one(assistant)
        with gr.Tab("A file of texts"):
            build_file_job(
                "sentiment",
                "CSV, TSV, JSON lines, Parquet or one text a line: you get the file back with the columns "
                "<code>sentiment</code>, <code>positive</code>, <code>neutral</code> and <code>negative</code>.",
                partial(_job, assistant),
            )


def _job(assistant: Assistant, source: Path, output: Path, column: str | None) -> Batch:
    assistant.require_task("sentiment")
    return assistant.sentiment_batch(source, output, column=column)


def _build_one(assistant: Assistant) -> None:
    text = gr.Textbox(EXAMPLE, lines=6, max_lines=18, label="Text", elem_id="sentiment-text")
    with gr.Row(elem_classes="actions"):
        go, stop = actions("sentiment", "Read the sentiment")
        opened = document_button("sentiment", text)
    shown = gr.HTML(apply_default_css=False, elem_id="sentiment-shown")

    def read(text: str) -> str:
        assistant.require_task("sentiment")
        found = assistant.sentiment(text, explain=True)
        return analysis_html(found, assistant.emotions([text])[0])

    wire(stop, [go.click, text.submit, opened.success], read, [text], [shown])
