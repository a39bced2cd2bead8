"""The page that gives one text to three families of models, side by side."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import gradio as gr

from assistant.face_off import NAMES, Contender
from assistant.languages import name
from assistant.service import Assistant
from ui.web.events import QUICK
from ui.web.text_page import actions, wire
from ui.web.working import steps

EXAMPLE = "The plot drags in the middle, but the acting is a joy and the ending stays with you."
TASKS = [("Sentiment", "sentiment"), ("Translation", "translate"), ("Summary", "summarize")]


def build_compare(assistant: Assistant) -> None:
    """Lay out the page inside the current Blocks and wire it."""
    languages = [(name(code), code) for code in assistant.translation_languages()]
    with gr.Column(elem_classes="text-page wide"):
        gr.HTML(
            "<h1>One text, three families</h1><p>The same text through a BERT-style model, which reads, a T5-style "
            "model, which rewrites, and a GPT-style model, which continues.</p>",
            apply_default_css=False,
        )
        with gr.Row(elem_classes="languages"):
            task = gr.Radio(TASKS, value="sentiment", label="Task", elem_id="compare-task")
            source = gr.Dropdown(
                [("Detect", ""), *languages], value="", label="From", visible=False, elem_id="compare-from"
            )
            target = gr.Dropdown(languages, value="fr", label="Into", visible=False, elem_id="compare-to")
        text = gr.Textbox(EXAMPLE, lines=4, max_lines=14, label="Text", elem_id="compare-text")
        reference = gr.Textbox(
            "positive", label="The right answer, where you know it", max_lines=4, elem_id="compare-reference"
        )
        with gr.Row(elem_classes="actions"):
            go, stop = actions("compare", "Compare")
        shown = gr.HTML(apply_default_css=False, elem_id="compare-shown")

    def compare(task: Any, text: str, source: str, target: str, reference: str) -> Iterator[str]:
        found: list[Contender] = []
        yield contenders_html(found)

        def work(tell: Callable[[Contender], None]) -> None:
            for each in assistant.compare_models(task, text, source=source or None, target=target, reference=reference):
                tell(each)

        for some in steps(work):
            found += some
            yield contenders_html(found)

    def chosen(task: str) -> tuple[Any, ...]:
        spoken = gr.update(visible=task == "translate")
        return spoken, spoken, "positive" if task == "sentiment" else ""

    task.change(chosen, [task], [source, target, reference], **QUICK)
    wire(stop, [go.click, text.submit], compare, [task, text, source, target, reference], [shown])


def contenders_html(found: Sequence[Contender]) -> str:
    """A card a family; those that have not answered yet wait."""
    cards = "".join(_card(each) for each in found)
    waiting = list(NAMES.values())[len(found) :]
    for number, family in enumerate(waiting):
        said = "At work …" if number == 0 else "Waits for its turn."
        cards += f'<article><h3>{family}</h3><p role="status"><small>{said}</small></p></article>'
    return f'<div class="result contenders">{cards}</div>'


def _card(each: Contender) -> str:
    head = f"<h3>{each.family}</h3><small>{html.escape(each.model)}</small>"
    if each.reason:
        return f'<article>{head}<p class="absent">{html.escape(each.reason)}</p></article>'
    facts = [f"{each.seconds:.2f} s", f"reads {each.tokens} tokens", f"about {each.memory_bytes / 1e9:.1f} GB"]
    if each.quality is not None:
        facts.append(f"quality {each.quality:.2f}")
    return f"<article>{head}<p dir=auto>{html.escape(each.answer)}</p><small>{' · '.join(facts)}</small></article>"
