"""The tab that translates: a text sentence beside sentence as it comes, or a file with its structure kept."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from assistant.batches import Batch
from assistant.errors import BadSettings, ParleyError
from assistant.glossary import parse_glossary
from assistant.languages import ADDRESS, TOLD_APART, iso, name
from assistant.service import Assistant
from assistant.tasks.keeping import Losses
from assistant.tasks.translation import FORMALITIES, Order, Translated, assembled
from assistant.translating import spoken
from ui.web.events import QUICK, told
from ui.web.file_job import build_file_job
from ui.web.text_page import actions, document_button, model_box, wire
from ui.web.working import steps

EXAMPLE = (
    "The meeting has been moved to Tuesday at 14:30. Please bring the signed contract with you. "
    "If you cannot come, write to anna.berg@example.com by Monday."
)
DETECT = "detect"
MOST_ROWS = 400
"""Sentences that are shown side by side; the whole translation stands below them."""


def build(assistant: Assistant) -> gr.Dropdown:
    """Lay it out inside the current tab and wire it; the box with its model."""
    languages = language_choices(assistant)
    with gr.Row(elem_classes="languages"):
        source = gr.Dropdown([("Detect", DETECT), *languages], value=DETECT, label="From", elem_id="translate-from")
        swap = gr.Button("⇄", size="md", elem_id="translate-swap")
        target = gr.Dropdown(languages, value="fr", label="To", elem_id="translate-to")
    how = gr.HTML(how_html(assistant, EXAMPLE, "en", "fr", "", ""), apply_default_css=False, elem_id="translate-how")
    with gr.Accordion("Glossary and form of address", open=False):
        glossary = gr.Textbox(
            "",
            lines=3,
            label="Glossary",
            info="A term a line, a comma, and how it must come out: contract, contrat",
            elem_id="translate-glossary",
        )
        formality = gr.Radio(
            [("As it comes", ""), *((each.capitalize(), each) for each in FORMALITIES)],
            value="",
            label="Form of address",
            info=_address("fr"),
            elem_id="translate-formality",
        )
    model = model_box(assistant, "translate")
    settings = [source, target, model, glossary, formality]
    with gr.Tabs():
        with gr.Tab("A text"):
            _build_one(assistant, settings, swap, how)
        with gr.Tab("A file"):
            build_file_job(
                "translate",
                "Text, Markdown, Word (.docx) and subtitles (.srt, .vtt) come back with their structure; tables (CSV, "
                "TSV, JSON lines, Parquet) gain the columns <code>language</code>, <code>translation</code> and "
                "<code>lost</code>: what did not come through.",
                partial(_job, assistant),
                settings,
                keeps=True,
                watched=_watched,
            )

    def explain(code: str) -> Any:
        return gr.update(info=_address(code))

    target.change(explain, [target], [formality], **QUICK)
    return model


def how_html(assistant: Assistant, text: str, source: str, target: str, model: str, formality: str) -> str:
    """Which model translates a text, and how well; "" while its language or the model is not known."""
    try:
        order = assistant.order(text, target, None if source == DETECT else source, formality=formality)
        notes = assistant.translation_notes(order, model or None) if order.source != target else ()
    except ParleyError:  # of a text without words, of a model's name that is half typed
        notes = ()
    return f"<small>{html.escape(' '.join(notes))}</small>" if notes else ""


def language_choices(assistant: Assistant) -> list[tuple[str, str]]:
    """(name, code) of what can be translated and of what can be detected: swapping puts that among the targets."""
    codes = {*assistant.translation_languages(), *map(iso, TOLD_APART)}
    return [(name(code), code) for code in sorted(codes, key=name)]


def _address(code: str) -> str:
    return " / ".join(ADDRESS[code]) if code in ADDRESS else f"{name(code)} has one form."


def _wishes(target: str, glossary: str, formality: str) -> dict[str, Any]:
    return {"glossary": parse_glossary(glossary), "formality": formality if target in ADDRESS else ""}


def _job(
    assistant: Assistant, path: Path, output: Path, column: str | None, source: str, target: str, model: str, *rest: str
) -> Batch:
    given = None if source == DETECT else source
    assistant.require_task("translate", model or None, languages=(given or spoken(path, target, column), target))
    wishes = _wishes(target, *rest) | {"language": given, "model": model or None}
    return assistant.translation_batch(path, output, column=column, target=target, **wishes)


def _watched(batch: Batch) -> Callable[[], str]:
    losses = Losses()
    batch.on_rows = losses.add
    return lambda: losses_html(batch.notes, losses)


def losses_html(notes: Sequence[str], losses: Losses) -> str:
    """How a file is translated, and what did not come through so far."""
    told = losses.told()
    shown = [f"<p><small>{html.escape(note)}</small></p>" for note in notes]
    return "".join(shown) + (f'<p class="flaw" role="status">{html.escape(told)}</p>' if told else "")


def _build_one(assistant: Assistant, settings: list[Any], swap: gr.Button, how: gr.HTML) -> None:
    source, target = settings[:2]
    text = gr.Textbox(EXAMPLE, lines=6, max_lines=18, label="Text", elem_id="translate-text")
    with gr.Row(elem_classes="actions"):
        go, stop = actions("translate", "Translate")
        opened = document_button("translate", text)
    shown = gr.HTML(apply_default_css=False, elem_id="translate-shown")
    whole = gr.Textbox(
        label="Translation", lines=4, max_lines=18, visible=False, buttons=["copy"], elem_id="translate-whole"
    )

    def read(text: str, source: str, target: str, model: str, *rest: str) -> Iterator[dict[Any, Any]]:
        order = assistant.order(text, target, None if source == DETECT else source, **_wishes(target, *rest))
        assistant.require_task("translate", model or None, languages=(order.source, target))
        yield {
            shown: _head(order, "Loading the model …"),
            whole: gr.update(visible=False, value=""),
            how: how_html(assistant, text, order.source, target, model, order.formality),
        }
        found: list[Translated] = []

        def work(tell: Callable[[Translated], None]) -> None:
            for each in assistant.translate(text, order, model=model or None):
                tell(each)

        for some in steps(work):
            found += some
            yield {shown: translation_html(order, found, "Translating …")}
        yield {
            shown: translation_html(order, found, ""),
            whole: gr.update(value=assembled(text, found), visible=True),
        }

    def swapped(source: str, target: str, text: str, said: str) -> tuple[Any, ...]:
        if source == DETECT:
            if not text.strip():
                raise BadSettings("There is nothing to swap yet.", hint="Choose a language, or write a text.")
            source = assistant.order(text, target).source
        return target, source, said or text

    wire(stop, [go.click, text.submit, opened.success], read, [text, *settings], [shown, whole, how])
    text.input(lambda: gr.update(value="", visible=False), None, [whole], **QUICK)  # of another text
    asked = [text, *settings[:3], settings[4]]  # without the glossary
    for each in asked[1:]:
        each.change(partial(how_html, assistant), asked, [how], **QUICK)
    swap.click(told(swapped), [source, target, text, whole], [source, target, text], **QUICK)


def _head(order: Order, said: str) -> str:
    way = f"{html.escape(name(order.source))} → {html.escape(name(order.target))}"
    status = f'<small role="status">{html.escape(said)}</small>'
    return f'<div class="result"><p class="way"><strong>{way}</strong> {status}</p></div>'


def translation_html(order: Order, found: Sequence[Translated], said: str) -> str:
    """Each sentence beside its translation, with what did not come through."""
    rows = ""
    for each in found[:MOST_ROWS]:
        flaws = "".join(f'<small class="flaw">{html.escape(flaw)}</small>' for flaw in each.problems)
        rows += (
            f'<li><span lang="{order.source}" dir="auto">{html.escape(" ".join(each.source.split()))}</span>'
            f'<span lang="{order.target}" dir="auto">{html.escape(each.text)}{flaws}</span></li>'
        )
    more = f"<p>… and {len(found) - MOST_ROWS:,} more, in the whole below.</p>" if len(found) > MOST_ROWS else ""
    return f'{_head(order, said)}<ol class="pairs">{rows}</ol>{more}'
