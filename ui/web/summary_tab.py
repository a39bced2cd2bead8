"""The tab that summarises: a text or a document, each sentence with what supports it; or a column of texts."""

from __future__ import annotations

import html
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from assistant.batches import Batch
from assistant.service import Assistant
from assistant.tasks.summary import Length, Summary, SummarySentence
from ui.web.events import QUICK
from ui.web.file_job import build_file_job
from ui.web.text_page import actions, document_button, model_box, wire
from ui.web.working import steps, waiting_html

EXAMPLE = (
    "The city council voted on Monday to close the old bridge to cars from next spring. Engineers had found cracks in "
    "two of its five arches last autumn, and a repair that would carry heavy traffic again was put at 40 million "
    "euros. Pedestrians, cyclists and trams may go on using it. Shop owners on the south bank fear for their "
    "customers, and have asked for free parking on the other side. The mayor said that a new bridge was planned for "
    "2031, some 800 metres downstream. Until then cars will have to take the ring road, which adds about ten minutes "
    "to the way into the centre."
)
WAYS = [("Best here", ""), ("Key sentences", "extractive"), ("Written anew", "abstractive")]
LENGTHS = {"sentences": (3, 20), "percent": (10, 60)}
"""How a length is told → what it is at first, and at most."""


def build(assistant: Assistant) -> gr.Dropdown:
    """Lay it out inside the current tab and wire it; the box with its model."""
    with gr.Row(elem_classes="languages"):
        unit = gr.Radio(
            [("Sentences", "sentences"), ("Percent of the text", "percent")],
            value="sentences",
            label="Length in",
            elem_id="summarize-unit",
        )
        first, most = LENGTHS["sentences"]
        count = gr.Slider(1, most, value=first, step=1, label="How many", elem_id="summarize-count")
        way = gr.Radio(WAYS, value="", label="How", elem_id="summarize-way")
    model = model_box(assistant, "summarize")
    settings: list[Any] = [unit, count, way, model]
    with gr.Tabs():
        with gr.Tab("A text"):
            _build_one(assistant, settings)
        with gr.Tab("A file of texts"):
            build_file_job(
                "summarize",
                "CSV, TSV, JSON lines, Parquet or one text a line: each gets a <code>summary</code> of its own.",
                partial(_job, assistant),
                settings,
            )

    def told_in(unit: str) -> Any:
        first, most = LENGTHS[unit]
        return gr.update(value=first, maximum=most)

    unit.change(told_in, [unit], [count], **QUICK)
    return model


def length(unit: str, count: float) -> Length:
    """What the person has set."""
    return Length(int(count)) if unit == "sentences" else Length(None, count / 100)


def _wishes(way: str, model: str) -> dict[str, Any]:
    return {"way": way or None, "model": model or None}


def _job(
    assistant: Assistant, path: Path, output: Path, column: str | None, unit: str, count: int, way: str, model: str
) -> Batch:
    wishes = _wishes(way, model)
    assistant.require_task("summarize", **wishes)
    return assistant.summary_batch(path, output, column=column, length=length(unit, count), **wishes)


def _build_one(assistant: Assistant, settings: list[Any]) -> None:
    text = gr.Textbox(EXAMPLE, lines=8, max_lines=18, label="Text", elem_id="summarize-text")
    with gr.Row(elem_classes="actions"):
        go, stop = actions("summarize", "Summarise")
        opened = document_button("summarize", text)
    shown = gr.HTML(apply_default_css=False, elem_id="summarize-shown")

    def read(text: str, unit: str, count: int, way: str, model: str) -> Iterator[str]:
        wishes = _wishes(way, model)
        assistant.require_task("summarize", **wishes)
        yield waiting_html("Reading …")

        cancel = threading.Event()

        def work(tell: Callable[[tuple[int, int] | Summary], None]) -> None:
            tell(
                assistant.summarize(
                    text, length(unit, count), on_part=lambda done, total: tell((done, total)), cancel=cancel, **wishes
                )
            )

        for some in steps(work, cancel):
            now = some[-1]
            yield summary_html(now) if isinstance(now, Summary) else _part(*now)

    wire(stop, [go.click, text.submit, opened.success], read, [text, *settings], [shown])


def _part(done: int, total: int) -> str:
    if total <= 1:
        return waiting_html("Writing …")
    return waiting_html(f"Part {done + 1} of {total} …", f'<progress value="{done}" max="{total}"></progress>')


def summary_html(found: Summary) -> str:
    """The summary; under each sentence, folded away, the passages that say the same, or that none does."""
    rows = "".join(_sentence_html(each) for each in found.sentences)
    parts = f", read in {found.parts} parts" if found.parts > 1 else ""
    ways = {"extractive": "Key sentences", "abstractive": "Written anew"}
    doubt = sum(each.supported is False for each in found.sentences)
    warned = f' <strong class="flaw">{doubt} without support in the text.</strong>' if doubt else ""
    return (
        f'<div class="result summary"><ol>{rows}</ol>'
        f"<p><small>{ways[found.way]} by {html.escape(found.model)}{parts}.</small>{warned}</p>"
        f"{notes_html(found.notes)}</div>"
    )


def notes_html(notes: Sequence[str]) -> str:
    """What a person should know of how a result was made, a paragraph each."""
    return "".join(f"<p><small>{html.escape(note)}</small></p>" for note in notes)


def _sentence_html(each: SummarySentence) -> str:
    if each.supported is None:
        return f"<li><p dir=auto>{html.escape(each.text)}</p></li>"
    passages = "".join(
        f"<blockquote>{html.escape(' '.join(p.text.split()))} <small>{p.likeness:.2f}</small></blockquote>"
        for p in each.support
    )
    head = "Where the text says so" if each.supported else "Nothing in the text says this; the nearest is"
    kind = "" if each.supported else ' class="unsupported"'
    return (
        f"<li{kind}><p dir=auto>{html.escape(each.text)}</p><details><summary>{head}</summary>{passages}</details></li>"
    )
