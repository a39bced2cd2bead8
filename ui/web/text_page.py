"""The text page: a tab for each thing that is done with a text, and the parts that they share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr

from assistant.documents import read_document
from assistant.service import Assistant
from ui.web.events import QUICK, told


def build_text(assistant: Assistant) -> None:
    """Lay out the page inside the current Blocks and wire it."""
    from ui.web import questions_tab, sentiment_tab, summary_tab, translation_tab

    with gr.Column(elem_classes="text-page"), gr.Tabs(elem_classes="tasks"):
        with gr.Tab("Sentiment", id="sentiment"):
            sentiment_tab.build(assistant)
        with gr.Tab("Translate", id="translate"):
            translation_tab.build(assistant)
        with gr.Tab("Summarise", id="summarize"):
            summary_tab.build(assistant)
        with gr.Tab("Ask a document", id="ask"):
            questions_tab.build(assistant)


def document_button(name: str, text: gr.Textbox) -> Any:
    """A button that puts a document's text into the box; what happens next can follow it with `.success`."""
    upload = gr.UploadButton("Open a document…", file_count="single", size="md", elem_id=f"{name}-open")

    def read(path: str) -> str:
        return read_document(Path(path)).text

    return upload.upload(told(read), [upload], [text], **QUICK)


def on_go(
    go: gr.Button, text: gr.Textbox, action: Callable[..., Any], inputs: list[Any], outputs: list[Any]
) -> list[Any]:
    """Run the action on a click and on Enter; the events, for a Stop button to cancel."""
    return [event(told(action), inputs, outputs, **QUICK) for event in (go.click, text.submit)]


def stop_button(name: str, events: list[Any]) -> gr.Button:
    """A button that ends what runs."""
    stop = gr.Button("Stop", size="md", elem_id=f"{name}-stop")
    stop.click(None, None, None, cancels=events, **QUICK)
    return stop
