"""What a person takes along or brings: conversations as files, training data from votes, the note about themselves."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, get_args

import gradio as gr
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from assistant.errors import ParleyError, UnknownConversation, UserError
from assistant.exports import (
    ConversationFormat,
    TrainingFormat,
    export_conversation,
    export_training,
    import_conversation,
)
from assistant.service import Assistant
from ui.web.events import QUICK, told

NOTE_KEY = "note"
DOWNLOAD = "(address) => { const a = document.createElement('a'); a.href = address; a.download = ''; a.click(); }"
FORMS: dict[str, ConversationFormat] = {".md": "markdown", ".json": "json"}


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
            as_markdown = gr.Button("Save as Markdown", size="sm", elem_id="save-markdown")
            as_json = gr.Button("Save as JSON", size="sm", elem_id="save-json")
        bring = gr.UploadButton(
            "Bring in a conversation", size="sm", file_types=[".json", ".md"], elem_id="bring-conversation"
        )
        kind = gr.Dropdown(
            [("Preferences (DPO)", "preference"), ("Good or bad (KTO)", "kto"), ("Good answers (SFT)", "sft")],
            label="Your votes and corrections, for training",
            elem_id="training-kind",
        )
        training = gr.Button("Save training data", size="sm", elem_id="save-training")
        address = gr.Textbox(visible="hidden")

    def save(current: str, form: str) -> str:
        if not current:
            raise UserError("There is no conversation to save yet.", hint="Ask something first.")
        return f"parley/conversations/{current}.{form}"

    def save_training(form: TrainingFormat) -> str:
        if next(iter(export_training(assistant.store, form)), None) is None:
            raise UserError("There are no votes or corrections to save yet.", hint="Vote on replies first.")
        return f"parley/training/{form}.jsonl"

    def bring_in(file: str) -> Any:
        return opened(import_conversation(assistant.store, Path(file)))

    clicks = (
        as_markdown.click(told(partial(save, form="md")), [conversation], [address], **QUICK),
        as_json.click(told(partial(save, form="json")), [conversation], [address], **QUICK),
        training.click(told(save_training), [kind], [address], **QUICK),
    )
    for click in clicks:
        click.success(None, [address], None, js=DOWNLOAD)
    bring.upload(told(bring_in), [bring], outputs, **QUICK)


def file_routes(assistant: Assistant) -> list[Route]:
    """GET /parley/conversations/{id}.md or .json, and /parley/training/{kind}.jsonl: what `build_files` offers."""

    def conversation(request: Request) -> Response:
        wanted = Path(request.path_params["name"])
        store = assistant.store
        form = FORMS.get(wanted.suffix)
        if form is None:
            raise UnknownConversation(f"A conversation is saved as {' or '.join(FORMS)}, not {wanted.suffix}.")
        title = store.get(wanted.stem).title
        return as_file(title, wanted.suffix, export_conversation(store, wanted.stem, form))

    def training(request: Request) -> Response:
        kind: Any = Path(request.path_params["name"]).stem
        if kind not in get_args(TrainingFormat):
            raise UserError(f"There is no training data of the kind {kind}.")
        rows = export_training(assistant.store, kind)
        return as_file(f"parley-{kind}", ".jsonl", "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))

    def told_in_text(answer: Callable[[Request], Response]) -> Callable[[Request], Response]:
        def answered(request: Request) -> Response:
            try:
                return answer(request)
            except ParleyError as error:
                return PlainTextResponse(str(error), 404)

        return answered

    return [
        Route("/parley/conversations/{name}", told_in_text(conversation)),
        Route("/parley/training/{name}", told_in_text(training)),
    ]


def as_file(title: str, ending: str, text: str) -> Response:
    """A download that is named after what it holds."""
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", title).strip("-")[:60] or "conversation"
    headers = {"Content-Disposition": f'attachment; filename="{name}{ending}"'}
    return Response(text, media_type="application/octet-stream", headers=headers)
