"""The chat page: its parts, and which action each event calls. What the actions do is in actions.py."""

from __future__ import annotations

import html
import threading
from contextvars import copy_context
from typing import Any

import gradio as gr

from assistant.service import Assistant
from assistant.settings import presets
from ui.web import settings_panel, theme
from ui.web.actions import ChatActions, Shown
from ui.web.downloads import watch_downloads
from ui.web.events import QUICK, event_data, told
from ui.web.icons import icon
from ui.web.keeping import build_files, build_note

FILE_TYPES = [".txt", ".md", ".pdf", ".docx", ".csv", ".json", ".html", ".py", "text"]
NOTICE = (
    "Models like these say wrong things in an even voice. Check what matters. "
    "<kbd>Enter sends, Shift+Enter makes a new line.</kbd>"
)
FROM_ADDRESS = "() => [new URLSearchParams(location.search).get('c') || '']"
LIST = f"""<div class="conversations" role="navigation" aria-label="Conversations">
<div class="undo" hidden><span></span> <button type="button" data-act="undo">Undo</button></div>
<ul></ul><p class="none">No conversations.</p>
<button type="button" class="more" data-act="more" hidden>Show more</button>
<template><button type="button" data-act="rename" title="Rename">{icon("edit")}</button>
<button type="button" data-act="delete" title="Delete">{icon("delete")}</button></template></div>"""


def transcript_template() -> str:
    """The frame that transcript.js fills."""
    examples = "".join(
        f'<button type="button" data-example>{html.escape(text)}</button>'
        for text in next(iter(presets().values())).examples
    )
    return (
        '<div class="welcome"><h1>What would you like to talk about?</h1><p>Everything stays on this machine: '
        f'the models, your words and the answers.</p><div class="examples">{examples}</div></div>'
        '<button type="button" class="earlier" data-earlier hidden>Show earlier messages</button>'
        '<div class="messages" role="log" aria-label="Conversation" aria-live="off"></div>'
        '<button type="button" class="to-end" data-end hidden aria-label="Jump to the end" title="Jump to the end">'
        f"{icon('end')}</button>"
    )


def build_chat(assistant: Assistant, page: gr.Blocks) -> None:
    """Lay out the page inside the current Blocks and wire it."""
    actions = ChatActions(assistant)
    conversation = gr.Textbox(visible="hidden", elem_id="conversation-id")
    with gr.Sidebar(width=290, elem_id="history"):
        new = gr.Button("New chat", elem_id="new-chat")
        query = gr.Textbox(
            placeholder="Search conversations", show_label=False, container=False, label="Search", elem_id="search"
        )
        listed = gr.HTML(
            html_template=LIST, js_on_load=theme.script("sidebar"), apply_default_css=False, elem_id="list"
        )
    banner = gr.HTML(elem_id="downloads", apply_default_css=False)
    transcript = gr.HTML(
        html_template=transcript_template(),
        js_on_load=theme.script("transcript"),
        apply_default_css=False,
        elem_id="transcript",
    )
    with gr.Column(elem_id="composer-row"):
        composer = gr.MultimodalTextbox(
            placeholder="Ask anything",
            show_label=False,
            label="Message",
            container=False,
            file_count="multiple",
            file_types=FILE_TYPES,
            autofocus=True,
            max_lines=12,
            elem_id="composer",
        )
        gr.HTML(f'<div class="notice">{NOTICE}</div>', apply_default_css=False)

    parts: dict[str, Any] = {"conversation": conversation, "transcript": transcript, "sidebar": listed}
    controls: dict[str, Any] = {}

    def draw(shown: Shown) -> dict[Any, Any]:
        updates: dict[Any, Any] = {parts[name]: shown[name] for name in parts if name in shown}
        if "busy" in shown:
            busy = shown["busy"]
            updates[composer] = gr.update(submit_btn=not busy, stop_btn=busy)
            if shown.get("clear"):
                updates[composer]["value"] = {"text": "", "files": []}
        if "settings" in shown:
            values = settings_panel.to_values(assistant, shown["settings"])
            updates |= dict(zip(settings, values, strict=True))
        return updates

    with gr.Sidebar(position="right", open=False, width=330, elem_id="settings"):
        controls = settings_panel.build_settings(assistant)
        settings = [controls[name] for name in settings_panel.NAMES]
        outputs = [*parts.values(), composer, *settings]
        build_note(assistant, page)
        build_files(assistant, conversation, lambda brought: draw(actions.open(brought)), outputs)

    @told
    def load(current: str) -> dict[Any, Any]:
        return draw(actions.open(current))

    @told
    def send(message: dict[str, Any], current: str, *values: Any) -> dict[Any, Any]:
        return draw(actions.send(current, message["text"], message["files"], settings_panel.to_settings(values)))

    @told
    def act(event: gr.EventData, current: str, *values: Any) -> dict[Any, Any]:
        return draw(actions.act(event_data(event), current, settings_panel.to_settings(values)))

    @told
    def stop(current: str, *values: Any) -> dict[Any, Any]:
        return draw(actions.act({"kind": "stop"}, current, settings_panel.to_settings(values)))

    @told
    def act_on_list(event: gr.EventData, current: str, words: str, drawn: Any) -> dict[Any, Any]:
        return draw(actions.act_on_list(event_data(event), current, words, (drawn or {}).get("count", 0)))

    @told
    def search(words: str, current: str) -> dict[Any, Any]:
        return draw({"sidebar": actions.sidebar(current, words)})

    def warm(model: str) -> None:
        whose = copy_context()  # a thread knows nothing of the person otherwise
        threading.Thread(target=whose.run, args=(actions.warm, model), name="warm", daemon=True).start()

    page.load(load, [conversation], outputs, js=FROM_ADDRESS, **QUICK).then(warm, [controls["model"]], None, **QUICK)
    composer.submit(send, [composer, conversation, *settings], outputs, **QUICK)
    composer.stop(stop, [conversation, *settings], outputs, **QUICK)
    transcript.act(act, [conversation, *settings], outputs, trigger_mode="multiple", **QUICK)
    listed.act(act_on_list, [conversation, query, listed], outputs, **QUICK)
    query.change(search, [query, conversation], [listed], trigger_mode="always_last", **QUICK)
    new.click(told(lambda: draw(actions.open(None))), None, outputs, **QUICK)
    controls["model"].input(warm, [controls["model"]], None, **QUICK)
    watch_downloads(assistant, banner, controls["model"], controls["beside"])
