"""The tab that reads sentiment: of a text, or of a file of reviews."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import gradio as gr

from assistant.batches import Batch
from assistant.errors import BadDocument, ModelNotAvailable
from assistant.service import Assistant
from assistant.tasks.sentiment import Moods
from ui.web.file_job import build_file_job
from ui.web.sentiment_view import analysis_html, moods_html
from ui.web.text_page import actions, document_button, model_box, wire

EXAMPLE = (
    "I had been looking forward to this camera for months. The pictures are stunning, even in poor light. "
    "Sadly the battery hardly lasts an afternoon, and the menus are a maze. It comes with a strap and a charger. "
    "Still, I would buy it again without a second thought."
)


def build(assistant: Assistant) -> None:
    """Lay it out inside the current tab and wire it."""
    model = model_box(assistant, "sentiment")
    with gr.Tabs():
        with gr.Tab("A text"):
            _build_one(assistant, model)
        with gr.Tab("A file of texts"):
            build_file_job(
                "sentiment",
                "CSV, TSV, JSON lines, Parquet or one text a line: you get the file back with the columns "
                "<code>sentiment</code>, <code>positive</code>, <code>neutral</code> and <code>negative</code>.",
                partial(_job, assistant),
                [model],
                watched=_watched,
            )


def _job(assistant: Assistant, source: Path, output: Path, column: str | None, model: str) -> Batch:
    assistant.require_task("sentiment", model or None)
    return assistant.sentiment_batch(source, output, column=column, model=model or None)


def _watched(batch: Batch) -> Callable[[], str]:
    moods = Moods()
    batch.on_rows = moods.add
    return partial(moods_html, moods)


def _build_one(assistant: Assistant, model: gr.Dropdown) -> None:
    text = gr.Textbox(EXAMPLE, lines=6, max_lines=18, label="Text", elem_id="sentiment-text")
    with gr.Row(elem_classes="actions"):
        go, stop = actions("sentiment", "Read the sentiment")
        opened = document_button("sentiment", text)
    shown = gr.HTML(apply_default_css=False, elem_id="sentiment-shown")

    def read(text: str, model: str) -> str:
        assistant.require_task("sentiment", model or None)
        found = assistant.sentiment(text, model=model or None, explain=True)
        return analysis_html(found, feelings(assistant, text))

    wire(stop, [go.click, text.submit, opened.success], read, [text, model], [shown])


def feelings(assistant: Assistant, text: str) -> Mapping[str, float] | None:
    """The emotions of a text; None where the encoder that tells them is not here, or does not read the language. The
    analysis by another model stands without them."""
    try:
        return assistant.emotions([text])[0]
    except (BadDocument, ModelNotAvailable):
        return None
