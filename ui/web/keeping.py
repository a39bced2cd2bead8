"""What a person takes along or brings: conversations as files, training data from votes, the note about themselves."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal

import gradio as gr

from assistant.errors import UserError
from assistant.exports import export_conversation, export_training, import_conversation
from assistant.service import Assistant
from ui.web.events import QUICK, told

NOTE_KEY = "note"


def build_note(assistant: Assistant, page: gr.Blocks) -> None:
    """A text that goes along with every question, which only the person writes."""
    with gr.Accordion("A note about you", open=False):
        note = gr.Textbox(
            label="What the assistant should keep in mind",
            info="Your name, the tone you like, facts. Only you write it; it goes along with every question.",
            lines=4,
            elem_id="note",
        )
        with gr.Row():
            keep = gr.Button("Save", size="sm", elem_id="keep-note")
            erase = gr.Button("Erase", size="sm", elem_id="erase-note")

    def save(text: str) -> str:
        assistant.store.set_preference(NOTE_KEY, text.strip())
        gr.Info("Kept. It goes along from the next question on." if text.strip() else "Erased.")
        return text.strip()

    keep.click(told(save), [note], [note], **QUICK)
    erase.click(told(lambda: save("")), None, [note], **QUICK)
    page.load(told(lambda: assistant.store.preference(NOTE_KEY)), None, [note], **QUICK)


def build_files(
    assistant: Assistant, conversation: gr.Textbox, opened: Callable[[str], Any], outputs: list[Any]
) -> None:
    """Take a conversation or training data away as a file, bring a conversation in. `opened` shows what was brought."""
    with gr.Accordion("Save and bring in", open=False):
        with gr.Row():
            as_markdown = gr.DownloadButton("Markdown", size="sm", elem_id="save-markdown")
            as_json = gr.DownloadButton("JSON", size="sm", elem_id="save-json")
        bring = gr.UploadButton(
            "Bring in a conversation", size="sm", file_types=[".json", ".md"], elem_id="bring-conversation"
        )
        kind = gr.Dropdown(
            [("Preferences (DPO)", "preference"), ("Good or bad (KTO)", "kto"), ("Good answers (SFT)", "sft")],
            label="Your votes and corrections, for training",
            elem_id="training-kind",
        )
        training = gr.DownloadButton("Save training data", size="sm", elem_id="save-training")

    def save(current: str, form: Literal["markdown", "json"]) -> str:
        if not current:
            raise UserError("There is no conversation to save yet.", hint="Ask something first.")
        title = assistant.store.get(current).title
        return _file(title, "md" if form == "markdown" else "json", export_conversation(assistant.store, current, form))

    def save_training(form: Any) -> str:
        rows = [json.dumps(row, ensure_ascii=False) for row in export_training(assistant.store, form)]
        if not rows:
            raise UserError("There are no votes or corrections yet.", hint="Vote on replies with ▲ and ▼ first.")
        return _file(f"parley-{form}", "jsonl", "\n".join(rows) + "\n")

    def bring_in(file: str) -> Any:
        return opened(import_conversation(assistant.store, Path(file)))

    as_markdown.click(told(partial(save, form="markdown")), [conversation], [as_markdown], **QUICK)
    as_json.click(told(partial(save, form="json")), [conversation], [as_json], **QUICK)
    training.click(told(save_training), [kind], [training], **QUICK)
    bring.upload(told(bring_in), [bring], outputs, **QUICK)


def _file(title: str, ending: str, text: str) -> str:
    """A temporary file that is named after what it holds."""
    name = re.sub(r"[^\w-]+", "-", title).strip("-")[:60] or "conversation"
    path = Path(tempfile.mkdtemp(prefix="parley-")) / f"{name}.{ending}"
    path.write_text(text, "utf-8")
    return str(path)
