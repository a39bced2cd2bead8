"""The tab that sorts texts, one or a file of them: under labels of a person's own, or a trained classifier's."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from assistant.batches import Batch
from assistant.service import Assistant
from ui.web.events import QUICK, told
from ui.web.file_job import build_file_job
from ui.web.sentiment_view import shares_html
from ui.web.text_page import actions, document_button, model_box, wire

EXAMPLE = "I ordered the red one, and a blue one came. I have sent it back; when do I get the 40 euros?"
LABELS = "delivery: a parcel that is late, wrong or broken\nrefund: money back\npraise\nquestion about a product"


def build(assistant: Assistant) -> gr.Dropdown:
    """Lay it out inside the current tab and wire it; the box with its model."""
    labels = gr.Textbox(
        LABELS,
        lines=4,
        max_lines=12,
        label="Labels",
        info="One a line; after a colon, what it means",
        elem_id="classify-labels",
    )
    model = model_box(assistant, "classify")
    with gr.Tabs():
        with gr.Tab("A text"):
            _build_one(assistant, labels, model)
        with gr.Tab("A file of texts"):
            build_file_job(
                "classify",
                "CSV, TSV, JSON lines, Parquet or one text a line: you get the file back with the column "
                "<code>label</code>, and one with the probability of each label.",
                partial(_job, assistant),
                [labels, model],
            )

    def fits(model: str) -> Any:
        return gr.update(visible=not assistant.own_labels(model or None))

    model.change(told(fits), [model], [labels], **QUICK)
    return model


def _named(assistant: Assistant, labels: str, model: str) -> list[str]:
    """What the box says, unless the model knows its labels itself."""
    if assistant.own_labels(model or None):
        return []
    return ["=".join(part.strip() for part in line.split(":", 1)) for line in labels.splitlines() if line.strip()]


def _job(assistant: Assistant, path: Path, output: Path, column: str | None, labels: str, model: str) -> Batch:
    assistant.require_task("classify", model or None)
    return assistant.label_batch(
        path, output, labels=_named(assistant, labels, model), column=column, model=model or None
    )


def _build_one(assistant: Assistant, labels: gr.Textbox, model: gr.Dropdown) -> None:
    text = gr.Textbox(EXAMPLE, lines=4, max_lines=18, label="Text", elem_id="classify-text")
    with gr.Row(elem_classes="actions"):
        go, stop = actions("classify", "Sort")
        opened = document_button("classify", text)
    shown = gr.HTML(apply_default_css=False, elem_id="classify-shown")

    def read(text: str, labels: str, model: str) -> str:
        assistant.require_task("classify", model or None)
        return shares_html("Labels", assistant.labels([text], _named(assistant, labels, model), model=model or None)[0])

    wire(stop, [go.click, text.submit, opened.success], read, [text, labels, model], [shown])
