"""The tab that answers questions about a document, with the sentences that each answer rests on."""

from __future__ import annotations

import html
import threading
from collections.abc import Callable, Iterator

import gradio as gr

from assistant.service import Assistant
from assistant.tasks.questions import Answer
from ui.web.summary_tab import EXAMPLE, notes_html
from ui.web.text_page import actions, document_button, model_box, wire
from ui.web.working import steps, waiting_html

QUESTION = "Why is the bridge being closed?"


def build(assistant: Assistant) -> None:
    """Lay it out inside the current tab and wire it."""
    text = gr.Textbox(EXAMPLE, lines=8, max_lines=18, label="Document", elem_id="ask-text")
    with gr.Row(elem_classes="actions"):
        document_button("ask", text)
    question = gr.Textbox(QUESTION, label="Question", elem_id="ask-question")
    model = model_box(assistant, "ask")
    with gr.Row(elem_classes="actions"):
        go, stop = actions("ask", "Ask")
    shown = gr.HTML(apply_default_css=False, elem_id="ask-shown")

    def ask(question: str, text: str, model: str) -> Iterator[str]:
        assistant.require_task("ask", model or None)
        yield waiting_html("Reading …")

        cancel = threading.Event()

        def work(tell: Callable[[Answer], None]) -> None:
            tell(assistant.ask(question, text, model=model or None, cancel=cancel))

        for some in steps(work, cancel):
            yield answer_html(some[-1], text)

    wire(stop, [go.click, question.submit], ask, [question, text, model], [shown])


def answer_html(found: Answer, text: str) -> str:
    """The answer, and the passages that were read with the sentences that it rests on marked."""
    kind = "" if found.found else ' class="absent"'
    cited = ""
    for each in found.passages:
        if any(each.start <= quote.start < each.start + len(each.text) for quote in found.quotes):
            place = f"<small>Passage {each.number} of {len(found.passages)}</small>"
            cited += f"<blockquote>{place} {_marked(each.text, each.start, found)}</blockquote>"
    read = f"<details open><summary>What it rests on</summary>{cited}</details>" if cited else ""
    return (
        f'<div class="result answer"><p{kind} dir=auto>{html.escape(found.text)}</p>{read}'
        f"<p><small>{html.escape(found.model)}; {len(text):,} characters searched.</small></p>"
        f"{notes_html(found.notes)}</div>"
    )


def _marked(text: str, start: int, found: Answer) -> str:
    out, at = "", 0
    for quote in sorted(found.quotes, key=lambda quote: quote.start):
        first = quote.start - start
        if at <= first < len(text):
            end = min(len(text), first + len(quote.text))
            out += f"{html.escape(text[at:first])}<mark>{html.escape(text[first:end])}</mark>"
            at = end
    return out + html.escape(text[at:])
