"""The text page: a tab for each thing that is done with a text, and the parts that they share."""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from assistant.documents import read_document
from assistant.service import Assistant
from ui.web.events import QUICK, Hold, told

WANTED = "() => ['task', 'model'].map(name => new URLSearchParams(location.search).get(name) || '')"

TABS = {
    "sentiment": "Sentiment",
    "translate": "Translate",
    "summarize": "Summarise",
    "ask": "Ask a document",
    "classify": "Sort",
}


def build_text(assistant: Assistant, page: gr.Blocks) -> None:
    """Lay out the page inside the current Blocks and wire it. ?task=classify&model=… opens a tab, with a model."""
    from ui.web import questions_tab, sentiment_tab, sorting_tab, summary_tab, translation_tab

    boxes: dict[str, gr.Dropdown] = {}
    with gr.Column(elem_classes="text-page"), gr.Tabs(elem_classes="tasks") as tabs:
        with gr.Tab(TABS["sentiment"], id="sentiment"):
            sentiment_tab.build(assistant)
        with gr.Tab(TABS["translate"], id="translate"):
            boxes["translate"] = translation_tab.build(assistant)
        with gr.Tab(TABS["summarize"], id="summarize"):
            boxes["summarize"] = summary_tab.build(assistant)
        with gr.Tab(TABS["ask"], id="ask"):
            questions_tab.build(assistant)
        with gr.Tab(TABS["classify"], id="classify"):
            boxes["classify"] = sorting_tab.build(assistant)
    wanted = [gr.Textbox(visible="hidden"), gr.Textbox(visible="hidden")]

    def open_at(task: str, model: str) -> dict[Any, Any]:
        if task not in TABS:
            return {tabs: gr.skip()}
        return {tabs: gr.Tabs(selected=task), **({boxes[task]: model} if model and task in boxes else {})}

    page.load(open_at, wanted, [tabs, *boxes.values()], js=WANTED, **QUICK)


def model_box(assistant: Assistant, task: str) -> gr.Dropdown:
    """Folded away: which model does the task. "" is the best that is here; any Hub id or folder can be typed."""

    def here() -> list[tuple[str, str]]:
        return [("The best one here", ""), *((entry.title, entry.key) for entry in assistant.able_here(task))]

    with gr.Accordion("Model", open=False):
        box = gr.Dropdown(
            here(),
            value="",
            allow_custom_value=True,
            label="Model",
            info="One that is on this machine, or the Hub id or folder of another",
            elem_id=f"{task}-model",
        )
    box.focus(lambda: gr.update(choices=here()), None, [box], **QUICK)
    return box


def document_button(name: str, text: gr.Textbox) -> Any:
    """A button that puts a document's text into the box; what happens next can follow it with `.success`."""
    upload = gr.UploadButton("Open a document…", file_count="single", size="md", elem_id=f"{name}-open")

    def read(path: str) -> str:
        return read_document(Path(path)).text

    return upload.upload(told(read), [upload], [text], **QUICK)


def actions(name: str, go: str, *, ready: bool = True) -> tuple[gr.Button, gr.Button]:
    """(the button that begins, the button that ends what runs); inside a row. ready: the first can be pressed as the
    page opens; else it is held until something frees it."""
    begin = gr.Button(go, variant="primary", size="md", interactive=ready, elem_id=f"{name}-go")
    return begin, gr.Button("Stop", size="md", visible=False, elem_id=f"{name}-stop")


def wire(
    stop: gr.Button,
    triggers: Sequence[Callable[..., Any]],
    action: Callable[..., Any],
    inputs: list[Any],
    outputs: list[Any],
    held: Sequence[gr.Button] = (),
) -> list[Any]:
    """Run the action on each of the triggers (a button's click, an upload's success); Stop shows while it runs, and
    ends it. held: buttons that cannot be pressed meanwhile. Gives what runs, for other events to cancel.

    What the page does around the action it does itself: an answer of the server might come after the next has begun.
    """
    told_in = [each for each in outputs if isinstance(each, gr.HTML)]
    it = Hold(held)

    def turn(event: Callable[..., Any], on: bool) -> Any:
        if held:
            it.on(event, "hold" if on else "free")
        return event(None, None, [stop], js=f"() => {json.dumps([gr.update(visible=on)])}", **QUICK)

    def break_off(event: Callable[..., Any]) -> None:
        turn(event, False)
        event(None, told_in, told_in, js=f"(...values) => values.map({_WITHOUT_STATUS})", **QUICK)

    def untouched() -> dict[Any, Any]:
        return dict.fromkeys(told_in, gr.skip())

    running: list[Any] = []
    for trigger in triggers:
        begun = turn(trigger, True).then(told(action), inputs, outputs, **QUICK)
        turn(begun.success, False)
        break_off(begun.failure)
        begun.failure(untouched, None, told_in, **QUICK)  # takes Gradio's "Error" away
        running.append(begun)
    stop.click(None, cancels=running, **QUICK)
    break_off(stop.click)
    return running


def status_html(words: str) -> str:
    """What is at work just now, in the place of what will come or below it."""
    return f'<p class="result" role="status"><small>{html.escape(words)}</small></p>'


_WITHOUT_STATUS = r"""(html) => (html ?? "").replace(/<p class="result" role="status">.*?<\/p>/g, "")"""
"""What was there already, without what was at work."""
